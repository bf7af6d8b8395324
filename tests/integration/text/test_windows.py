"""Any string becomes a bounded number of token windows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from moderation.classifiers.text.tokenizer import Tokenizer
from moderation.classifiers.text.windows import (
    LONGEST_TEXT,
    MOST_WINDOWS,
    readable,
    token_windows,
)


def test_a_short_text_is_one_window_over_all_of_it(tokenizer: Tokenizer) -> None:
    (window,) = token_windows(tokenizer, "good morning", 64, 16)
    assert (window.start, window.end) == (0, 12)
    assert window.ids[0] == 0
    assert window.ids[-1] == 2


def test_windows_overlap_and_reach_the_end(tokenizer: Tokenizer) -> None:
    text = " ".join(f"word{i}" for i in range(300))
    windows = token_windows(tokenizer, text, 64, 16)
    assert windows[0].start == 0
    assert windows[-1].end == len(text)
    assert all(b.start < a.end for a, b in pairwise(windows))
    assert all(len(w.ids) <= 64 for w in windows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ud800\udfff\0",
        "🙂" * 300_000,
        "e" + "\u0301" * 100_000,
        "\u202e" * 50_000,
        "加" * 1_000_000,
        "https://example.com/" * 20_000,
        "\U000e0001\ufdd0\uffff" * 1_000,
    ],
    ids=["empty", "surrogates", "emoji", "marks", "overrides", "han", "links", "unassigned"],
)
def test_hostile_text_is_bounded(tokenizer: Tokenizer, text: str) -> None:
    windows = token_windows(tokenizer, text, 64, 16)
    assert 1 <= len(windows) <= MOST_WINDOWS
    assert all(0 <= w.start <= w.end <= min(len(text), LONGEST_TEXT) for w in windows)


def test_what_cannot_be_encoded_is_replaced_in_place() -> None:
    assert readable("a\ud800b\0c") == "a\ufffdb\ufffdc"
