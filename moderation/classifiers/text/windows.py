"""Any string, cut into token windows of bounded number.

Foreign text may be a megabyte of emoji, lone surrogates or combining marks. What the tokenizer
gets is valid, bounded in length, and every window remembers which characters it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from moderation.classifiers.base import Classifier, LocatedText
from moderation.classifiers.text.tokenizer import BOS, EOS, Tokenizer
from moderation.signals import Signal

#: Characters of one text that are read at most; more is reported, not read.
LONGEST_TEXT = 40_000
#: The tokenizer's lattice is built per slice, so a slice bounds its memory.
_SLICE = 2_000
#: Windows scored per text at most: the first, the last, and others spread evenly between.
MOST_WINDOWS = 24


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of a stretch of text: characters ``start`` to ``end`` (one past the last)."""

    ids: list[int]
    start: int
    end: int


def partly_read(classifier: Classifier, text: LocatedText) -> Signal:
    """What a classifier notes about a text of more than `LONGEST_TEXT` characters."""
    return Signal(
        name=f"{classifier.name}.partly_read",
        probability=1.0,
        part=text.part,
        model=classifier.name,
        model_version=classifier.version,
        note=f"{len(text.text)} characters; only the first {LONGEST_TEXT} were read, in part",
    )


def readable(text: str) -> str:
    """The same text, same length, with lone surrogates and NULs replaced by U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def token_windows(tokenizer: Tokenizer, text: str, size: int, overlap: int) -> list[Window]:
    """Windows of at most ``size`` tokens, neighbours sharing ``overlap``; at least one window.

    Only the first `LONGEST_TEXT` characters are read, and `MOST_WINDOWS` of their windows.
    """
    text = readable(text[:LONGEST_TEXT])
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    for start, end in _slices(text):
        pieces = tokenizer.encode(text[start:end])
        ids += pieces.ids
        spans += [(start + first, start + last) for first, last in pieces.spans]
    room = size - 2
    if len(ids) <= room:
        return [Window([BOS, *ids, EOS], 0, len(text))]
    starts = list(range(0, len(ids) - overlap, room - overlap))
    if len(starts) > MOST_WINDOWS:
        step = (len(starts) - 1) / (MOST_WINDOWS - 1)
        starts = [starts[round(i * step)] for i in range(MOST_WINDOWS)]
    windows = []
    for at in starts:
        stop = min(at + room, len(ids))
        windows.append(Window([BOS, *ids[at:stop], EOS], spans[at][0], spans[stop - 1][1]))
    return windows


def _slices(text: str) -> list[tuple[int, int]]:
    slices = []
    start = 0
    while start < len(text):
        end = min(start + _SLICE, len(text))
        if end < len(text):
            space = text.rfind(" ", start + _SLICE // 2, end)
            end = space if space > 0 else end
        slices.append((start, end))
        start = end
    return slices
