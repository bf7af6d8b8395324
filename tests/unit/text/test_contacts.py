"""Contact tokens and personal data."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.contacts import ContactTokens, find_contacts
from moderation.items import Item
from moderation.signals import Signal, TextSpan


def signals_of(text: str, language: str = "und") -> list[Signal]:
    prepared = Prepared(
        item=Item.from_row({"id": "a", "text": "x"}), texts=(LocatedText(text, "text:0", language),)
    )
    return ContactTokens().classify([prepared])[0]


FOUND = [
    ("write to anna.b@example.com please", "en", "email", "anna.b@example.com"),
    ("加微信：abc_12345 详聊", "zh", "wechat", "微信：abc_12345"),
    ("vx tz88776655", "zh", "wechat", "vx tz88776655"),
    ("QQ 123456789 进", "zh", "qq", "QQ 123456789"),
    ("telegram: @deal_4u", "en", "telegram", "telegram: @deal_4u"),
    ("see https://example.org/a?b=1 for more", "en", "link", "https://example.org/a?b=1"),
    ("visit sale-now.shop today", "en", "link", "sale-now.shop"),
    ("call +44 20 7946 0958", "en", "phone", "+44 20 7946 0958"),
    ("我的电话 13800138000", "zh", "phone", "13800138000"),
    ("카톡 abc1234 로 연락", "ko", "kakao", "카톡 abc1234"),
    ("follow @some_body now", "en", "handle", "@some_body"),
]


@pytest.mark.parametrize(("text", "language", "kind", "quote"), FOUND)
def test_a_contact_is_found_with_its_exact_characters(
    text: str, language: str, kind: str, quote: str
) -> None:
    found = [(c.kind, text[c.start : c.end]) for c in find_contacts(text, language)]
    assert (kind, quote) in found


@pytest.mark.parametrize(
    "text",
    [
        "the score was 3:2 in 2024, 90 minutes",
        "他在公司很有威信",
        "wait at the line for the bus",
        "version 1.2.3 of the app",
        "I paid 1,299.00 for it on 2024-05-01",
    ],
)
def test_ordinary_numbers_and_words_are_no_contacts(text: str) -> None:
    assert find_contacts(text, "en") == []


def test_a_national_id_needs_its_check_digit() -> None:
    # 11010519491231002X is the standard's own worked example.
    assert [c.kind for c in find_contacts("证件 11010519491231002X", "zh")] == ["national_id"]
    assert "national_id" not in {c.kind for c in find_contacts("证件 110105194912310021", "zh")}


def test_a_card_number_needs_its_check_digit() -> None:
    assert "card" in {c.kind for c in find_contacts("4111 1111 1111 1111")}
    assert "card" not in {c.kind for c in find_contacts("4111 1111 1111 1112")}


def test_a_contact_alone_is_an_observation_and_no_harm() -> None:
    (signal,) = signals_of("my site is example.org", "en")
    assert signal.category is None
    assert signal.calibration_version == ""


def test_a_contact_with_a_call_hints_at_luring_but_weakly() -> None:
    hints = [s for s in signals_of("add me on telegram: @deal_4u", "en") if s.category]
    assert [s.category for s in hints] == ["offplatform_luring"]
    assert hints[0].probability < 0.5
    assert isinstance(hints[0].evidence[0], TextSpan)


def test_another_persons_number_hints_at_doxxing() -> None:
    hints = [s for s in signals_of("her number is +44 20 7946 0958", "en") if s.category]
    assert [s.category for s in hints] == ["doxxing_privacy"]


def test_a_contact_at_the_end_of_a_very_long_text_is_found() -> None:
    text = "blah " * 10_000 + "mail me: a.b@example.com"
    (signal,) = [s for s in signals_of(text, "en") if s.name == "contact.email"]
    evidence = signal.evidence[0]
    assert isinstance(evidence, TextSpan)
    assert text[evidence.start : evidence.end] == "a.b@example.com"


@pytest.mark.parametrize("text", ["a@" * 50_000, "1 " * 50_000, "+1 (" * 20_000, "微信" * 30_000])
def test_hostile_text_has_few_contacts(text: str) -> None:
    assert len(signals_of(text)) <= 45


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aZ9@.:/+-_() 微信加vxQ\u200b\ud800", max_size=120))
def test_contacts_lie_inside_the_text_and_do_not_overlap(text: str) -> None:
    found = find_contacts(text, "zh")
    assert all(0 <= c.start < c.end <= len(text) for c in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
