"""Texts made to break things: each gets an answer from every part of the path without a model."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import ContactTokens, LanguageIdentifier
from moderation.classifiers.text.normalise import readings
from moderation.items import Item

LANGUAGES = LanguageIdentifier()
ITEM = Item.from_row({"id": "1", "text": "x"})

NASTY = [
    "",
    "\0" * 1000,
    "\ud800" * 1000,
    "\u0378\U000e0fff" * 1000,
    "a" + "\u0301" * 100_000,
    "a" + "\u0301\u0323" * 50_000,
    "\u202e\u2066\u202d" * 1000,
    "😀" * 1000,
    "https://example.org/a?b=1 " * 1000,
    "é e\u0301 ﬁ ｆ" * 500,
    "\ufdfa" * 2000,
    "@" * 100_000,
    "x" * 1_000_000,
]


def everything(text: str) -> None:
    """What every text goes through before a model."""
    (language,) = LANGUAGES.identify([text])
    assert language
    assert all(0 <= run.start < run.end <= len(text) for run in LANGUAGES.runs(text))
    found = readings(text, language)
    assert len(found) <= 3
    prepared = Prepared(item=ITEM, texts=(LocatedText(text, "text:0", language),))
    assert len(ContactTokens().classify([prepared])[0]) <= 200


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_nasty_text_gets_an_answer(text: str) -> None:
    everything(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.integers(1, 300),
)
def test_any_text_however_often_repeated_gets_an_answer(unit: str, times: int) -> None:
    everything(unit * times)
