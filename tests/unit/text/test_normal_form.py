"""Normalisation in linear time."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from moderation.normal_form import MOST_MARKS, nfkc


@given(st.text(alphabet="ab é\u0301\u0323\u0e31微ⓥﷺ각\u1100\u1161\ud800", max_size=MOST_MARKS))
def test_ordinary_text_is_normalised_as_the_standard_says(text: str) -> None:
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


def test_a_million_marks_are_cut_and_the_text_around_them_stays() -> None:
    # Two kinds in turns: the standard library needs hours for this.
    even = nfkc("before" + "\u0301\u0323" * 500_000 + "after")
    assert even.startswith("befor")
    assert even.endswith("after")
    assert len(even) <= len("beforeafter") + MOST_MARKS
