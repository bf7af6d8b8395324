"""Text that wants to break the page."""

from __future__ import annotations

import html
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.hostile_text import (
    MOST_CHARACTERS,
    SHOWN_CHARACTERS,
    Highlight,
    is_shortened,
    short,
    show_text,
)


def _visible(markup: str) -> str:
    """The text that is left when tags are taken away and entities read."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def test_markup_is_shown_as_text() -> None:
    shown = str(show_text("<script>alert(1)</script><img src=x onerror=y> & \"'"))
    assert "<script" not in shown
    assert "<img" not in shown
    assert _visible(shown) == "<script>alert(1)</script><img src=x onerror=y> & \"'"


def test_direction_overrides_become_visible_marks_and_are_gone_from_the_text() -> None:
    shown = str(show_text("abc\u202edef\u2066\u200b\u200b"))
    assert not re.search("[\u202e\u2066\u200b]", shown)
    assert ">RLO<" in shown
    assert 'title="right-to-left override"' in shown
    assert "×3" in shown


def test_stacked_marks_are_cut_and_counted() -> None:
    shown = _visible(str(show_text("Z" + "\u0335" * 50 + "x")))
    assert shown == "Z" + "\u0335" * 4 + "+46x"


def test_joined_emoji_and_ordinary_accents_stay_as_they_are() -> None:
    for text in ("👩\u200d👩\u200d👧", "é ệ ñ", "नमस्ते", "שָׁלוֹם", "ไม่เป็นไร"):
        assert _visible(str(show_text(text))) == text


def test_evidence_is_marked_where_it_is() -> None:
    text = "one <two> three four"
    shown = str(show_text(text, [Highlight(4, 9, 'Hate, "82%"', 1), Highlight(16, 20, "Spam", 3)]))
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", shown) == ["&lt;two&gt;", "four"]
    assert 'class="lv1" title="Hate, &#34;82%&#34;"' in shown


def test_where_two_overlap_the_more_severe_gives_the_colour_and_both_are_named() -> None:
    shown = str(show_text("abcdef", [Highlight(0, 4, "Spam", 3), Highlight(2, 6, "Threat", 0)]))
    assert re.findall(r'<mark class="(lv\d)" title="([^"]*)">(\w+)<', shown) == [
        ("lv3", "Spam", "ab"),
        ("lv0", "Spam; Threat", "cd"),
        ("lv0", "Threat", "ef"),
    ]


def test_evidence_outside_of_the_text_is_ignored() -> None:
    wrong = [Highlight(5, 99, "a", 1), Highlight(3, 3, "b", 1), Highlight(-4, 2, "c", 1)]
    assert str(show_text("abc", wrong)) == "abc"


def test_evidence_that_quotes_something_else_is_left_out() -> None:
    assert "<mark" not in str(show_text("abc", [Highlight(0, 2, "Spam", 3, quote="xy")]))
    assert "<mark" in str(show_text("abc", [Highlight(0, 2, "Spam", 3, quote="ab")]))


def test_a_megabyte_is_shortened_around_its_evidence() -> None:
    text = "😀" * 250_000 + "HERE" + "😀" * 250_000
    shown = str(show_text(text, [Highlight(250_000, 250_004, "Spam", 3)]))
    assert is_shortened(text)
    assert "<mark" in shown
    assert "HERE" in shown
    assert "characters not shown" in shown
    assert len(shown) < 3 * SHOWN_CHARACTERS


def test_a_reviewer_need_not_scroll_to_the_reason() -> None:
    text = "harmless words " * 300 + "HERE" + " more words" * 300
    shown = _visible(str(show_text(text, [Highlight(4500, 4504, "Spam", 3)])))
    assert shown.index("HERE") < 600
    unfolded = _visible(str(show_text(text, [Highlight(4500, 4504, "Spam", 3)], shown=len(text))))
    assert unfolded == text


def test_ten_thousand_hits_do_not_make_an_endless_page() -> None:
    text = ("x" * 999 + "!") * 10_000
    hits = [Highlight(n * 1000 + 999, n * 1000 + 1000, "hit", 3) for n in range(10_000)]
    assert len(_visible(str(show_text(text, hits, shown=len(text))))) < 2 * MOST_CHARACTERS


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), max_size=120),
    st.lists(st.tuples(st.integers(-5, 310), st.integers(-5, 310)), max_size=6),
)
def test_whatever_is_written_only_our_own_tags_reach_the_page(
    text: str, spans: list[tuple[int, int]]
) -> None:
    shown = str(show_text(text, [Highlight(a, b, text, 2) for a, b in spans]))
    for tag in re.findall(r"<[^>]*>", shown):
        assert re.fullmatch(r'</?(mark|span)( class="[a-z0-9]+"( title="[^"<>]*")?)?>', tag), tag


def test_a_short_form_is_one_plain_line() -> None:
    assert short("  a\n\n b\u202e\tc ") == "a b c"
    assert short("x" * 200, 10) == "x" * 9 + "…"
