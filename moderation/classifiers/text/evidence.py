"""Which words carry a score: the piece whose removal lowers it most, and what says it too."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from moderation.classifiers.text.calibration import Floats
from moderation.signals import ImageBox, Signal, TextSpan, TimeSpan

if TYPE_CHECKING:  # rules beside the model use this file too, and torch takes seconds
    from moderation.classifiers.text.model import TextModel

#: Ends of sentences and lines; commas too, since many chat messages know no other mark.
_BREAK = re.compile(r"(?<=[.!?。！？…;；\n])\s*|(?<=[，,、～~])\s*")
_SHORTEST = 4
_MOST_SEGMENTS = 16
_QUOTE = 200
#: Removals are tried until they hold about so many tokens together (four bytes each).
_PROBE_TOKENS = 240
_FEWEST_PROBES = 3
#: Texts up to this length are looked at by groups of words, not by sentences.
_SHORT = 100
_MOST_WORD_GROUPS = 8
#: Weight of a piece's own log-odds beside what its removal takes away.
_ALONE = 0.2
#: Pieces that are told of one score: the one that carries it, and others that would be enough.
_MOST_SPANS = 3
#: From this probability on a piece by itself is enough.
_ENOUGH = 0.5
_ENOUGH_ODDS = float(np.log(_ENOUGH / (1 - _ENOUGH)))


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


def place_of(signal: Signal) -> ImageBox | TimeSpan | None:
    """Where a text that was read or heard stands: its `LocatedText.box`."""
    return next((e for e in signal.evidence if isinstance(e, ImageBox | TimeSpan)), None)


#: Scores of several texts: (n, outputs), calibrated probability.
Score = Callable[[list[str]], Floats]


def locate(
    score: Score, text: str, window: tuple[int, int], outputs: Sequence[int]
) -> dict[int, tuple[TextSpan, ...]]:
    """Per output the piece of the window that carries its score, then others that would do.

    A piece counts by what its removal takes from the output's log-odds, and a little by what it
    scores alone, which tells apart pieces that say the same twice. How many removals are tried
    depends on the length, so that the time is bounded. Of two threats in one text neither is
    missed when it goes; so pieces that score `_ENOUGH` by themselves are told as well.

    Args:
        score: of readings as well, if those may raise a score.
        text: the whole text.
        window: the characters in which the outputs are highest.
        outputs: columns of the scores.
    """
    start, end = window
    pieces = _pieces(text, start, end)
    if len(pieces) < 2:
        return dict.fromkeys(outputs, (span(text, *window),))
    whole = text[start:end]
    alone, tried = None, list(range(len(pieces)))
    most = max(_FEWEST_PROBES, 4 * _PROBE_TOKENS // max(1, len(whole.encode("utf-8", "replace"))))
    if len(pieces) > most:
        alone = _log_odds(score([text[a:b] for a, b in pieces]))
        tried = _strongest(alone[:, list(outputs)], most)
    without = [text[start : pieces[i][0]] + text[pieces[i][1] : end] for i in tried]
    asked = [whole, *without, *([] if alone is not None else [text[a:b] for a, b in pieces])]
    found = _log_odds(score(asked))
    if alone is None:
        alone = found[1 + len(tried) :]
    worth = found[0] - found[1 : 1 + len(tried)] + _ALONE * alone[tried]
    return {
        output: tuple(
            span(text, *pieces[i])
            for i in _told(tried[int(worth[:, output].argmax())], alone[:, output])
        )
        for output in outputs
    }


def _told(carrier: int, alone: Floats) -> list[int]:
    """The piece that carries the score, then those that would be enough, the strongest first."""
    enough = [int(i) for i in (-alone).argsort() if alone[i] >= _ENOUGH_ODDS and i != carrier]
    return [carrier, *enough[: _MOST_SPANS - 1]]


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Sentences and clauses; of a text that is but one or two of them, a few words each."""
    pieces = segments(text, start, end)
    if len(pieces) > 2 or (len(pieces) == 2 and end - start > _SHORT):
        return pieces
    words = [(start + a, start + b) for a, b in _words(text[start:end])]
    if len(words) < 2:
        return pieces
    step = -(-len(words) // _MOST_WORD_GROUPS)
    return [
        (words[i][0], words[min(i + step, len(words)) - 1][1]) for i in range(0, len(words), step)
    ]


def _strongest(values: Floats, count: int) -> list[int]:
    """Rows that are high in some column: (pieces, outputs) → at most ``count`` rows, in turns."""
    order = (-values).argsort(axis=0)
    return sorted(list(dict.fromkeys(int(i) for i in order.ravel()))[:count])


def _log_odds(probabilities: Floats) -> Floats:
    clipped = probabilities.clip(1e-4, 1 - 1e-4)
    result: Floats = np.log(clipped / (1 - clipped))
    return result


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
