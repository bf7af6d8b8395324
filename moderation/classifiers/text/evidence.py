"""Which words carry a score: the sentence that says it, and on demand the words by deletion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from moderation.classifiers.text.model import TextModel
from moderation.signals import TextSpan

#: Ends of sentences and lines; commas too, since many chat messages know no other mark.
_BREAK = re.compile(r"(?<=[.!?。！？…;；\n])\s*|(?<=[，,、～~])\s*")
_SHORTEST = 4
_MOST_SEGMENTS = 16
_QUOTE = 200


@dataclass(frozen=True, slots=True)
class SpanEffect:
    """A stretch of text and what its removal does to the category's probability."""

    start: int
    end: int
    drop: float  #: probability of the whole minus probability without this stretch


def segments(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Sentences and clauses of ``text[start:end]`` as character ranges, `_MOST_SEGMENTS` at most.

    Pieces too short to mean anything are joined to the one before them.
    """
    cuts = [start, *(start + m.end() for m in _BREAK.finditer(text[start:end])), end]
    pieces: list[tuple[int, int]] = []
    for first, last in pairwise(cuts):
        if not text[first:last].strip():
            continue
        if pieces and (last - first < _SHORTEST or pieces[-1][1] - pieces[-1][0] < _SHORTEST):
            pieces[-1] = (pieces[-1][0], last)
        else:
            pieces.append((first, last))
    step = -(-len(pieces) // _MOST_SEGMENTS) or 1
    return [
        (pieces[i][0], pieces[min(i + step, len(pieces)) - 1][1])
        for i in range(0, len(pieces), step)
    ]


def span(text: str, start: int, end: int) -> TextSpan:
    """A `TextSpan` without the white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    quote = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text[start:end][:_QUOTE])
    return TextSpan(start=start, end=end, quote=quote)


def strongest_segment(
    model: TextModel, text: str, language: str, window: tuple[int, int], outputs: list[int]
) -> dict[int, TextSpan]:
    """Per output the segment of the window that scores highest when it stands alone."""
    pieces = segments(text, *window)
    if len(pieces) < 2:
        return dict.fromkeys(outputs, span(text, *window))
    scored = model.score([text[a:b] for a, b in pieces], [language] * len(pieces))
    return {
        output: span(
            text, *pieces[max(range(len(pieces)), key=lambda i: float(scored[i].best[output]))]
        )
        for output in outputs
    }


def deletion_effects(model: TextModel, text: str, language: str, output: int) -> list[SpanEffect]:
    """What removing each segment, or each word of a one-segment text, does; greatest drop first."""
    pieces = segments(text, 0, len(text))
    if len(pieces) < 3:
        pieces = _words(text)
    without = [text[:a] + text[b:] for a, b in pieces]
    scored = model.score([text, *without], [language] * (len(pieces) + 1))
    whole = float(scored[0].best[output])
    effects = [
        SpanEffect(a, b, whole - float(result.best[output]))
        for (a, b), result in zip(pieces, scored[1:], strict=True)
    ]
    return sorted(effects, key=lambda effect: -effect.drop)


def _words(text: str) -> list[tuple[int, int]]:
    """Words, or pairs of characters where a script has no spaces; `_MOST_SEGMENTS` at most."""
    words = [
        (m.start(), m.end()) for m in re.finditer(r"[^\W\u3040-\u9fff\u0e00-\u0e7f]+|\w{1,2}", text)
    ]
    step = -(-len(words) // _MOST_SEGMENTS) or 1
    return [
        (words[i][0], words[min(i + step, len(words)) - 1][1]) for i in range(0, len(words), step)
    ]
