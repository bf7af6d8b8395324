"""How far a conversation has come: marks and scores added up over its turns.

A scam is a way, not a sentence: contact, trust, a hint of wealth, a platform, a payment, a fee.
`Progress` keeps for every mark the strongest turn, the sum over turns, and where it was seen; a
`Head` turns these into one calibrated probability after every turn. Nothing in it grows with the
conversation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.marks import (
    COLUMNS,
    HALF_LIFE,
    IN_CONTEXT,
    MARK_NAMES,
    ContextLine,
    fade,
)
from moderation.classifiers.text.calibration import Floats

#: Scores of the text model that are added up beside the marks.
SCORES: tuple[str, ...] = (
    "fraud_phishing",
    "offplatform_luring",
    "self_harm",
    "harassment",
    "prohibited_goods",
)

#: A mark below this is noise and is not added up.
_NOISE = 0.08
#: From this strength on, a turn is shown as evidence of a mark.
SEEN_FROM = 0.3
_LOWEST, _HIGHEST = -0.2, 1.2


@dataclass(frozen=True, slots=True)
class Standing:
    """One turn where it stands, what came before included."""

    marks: list[float]  #: strength of each of `MARK_NAMES`, -0.2 to 1.2
    scores: dict[str, float]  #: category → probability; those of `IN_CONTEXT` are in context


class Progress(BaseModel):
    """What has been seen so far. Lists are in the order of `MARK_NAMES` or `SCORES`."""

    model_config = ConfigDict(extra="forbid")

    turns: int = 0
    seconds: float | None = None  #: time of the newest turn
    before: list[float] = Field(default_factory=lambda: [0.0] * COLUMNS)
    strongest: list[float] = Field(default_factory=lambda: [_LOWEST] * len(MARK_NAMES))
    total: list[float] = Field(default_factory=lambda: [0.0] * len(MARK_NAMES))
    first: list[int] = Field(default_factory=lambda: [-1] * len(MARK_NAMES))
    last: list[int] = Field(default_factory=lambda: [-1] * len(MARK_NAMES))
    score_strongest: list[float] = Field(default_factory=lambda: [0.0] * len(SCORES))
    score_total: list[float] = Field(default_factory=lambda: [0.0] * len(SCORES))

    def add(
        self,
        own: Floats,
        lent: Floats,
        scores: Mapping[str, float],
        seconds: float | None,
        lines: Mapping[str, ContextLine],
    ) -> Standing:
        """One more turn.

        Args:
            own: (COLUMNS,), what the turn says by itself.
            lent: (COLUMNS,), what it lends to later turns.
            scores: the text model's probabilities, by category.
            lines: of the categories that are scored in context.
        """
        columns = self.columns(own, lent, seconds)
        marks = columns[: len(MARK_NAMES)]
        leanings = dict(zip(IN_CONTEXT, columns[len(MARK_NAMES) :], strict=True))
        placed = {
            name: lines[name].probability(p, leanings[name]) if name in lines else p
            for name, p in scores.items()
        }
        for i, strength in enumerate(marks):
            self.strongest[i] = max(self.strongest[i], strength)
            self.total[i] += min(1.0, max(0.0, strength - _NOISE))
            if strength >= SEEN_FROM:
                self.first[i] = self.turns if self.first[i] < 0 else self.first[i]
                self.last[i] = self.turns
        for i, name in enumerate(SCORES):
            probability = placed.get(name, 0.0)
            self.score_strongest[i] = max(self.score_strongest[i], probability)
            self.score_total[i] += probability
        self.turns += 1
        return Standing(marks, placed)

    def columns(self, own: Floats, lent: Floats, seconds: float | None) -> list[float]:
        """The strength of each column at this turn; then the turn is one of those before."""
        gap = 0.0
        if seconds is not None and self.seconds is not None:
            gap = max(0.0, seconds - self.seconds)
        since = 0.5 ** (gap / HALF_LIFE)
        before = [since * b for b in self.before]
        self.before = fade(before, lent)
        self.seconds = seconds if seconds is not None else self.seconds
        return [
            min(_HIGHEST, max(_LOWEST, o + b)) for o, b in zip(own.tolist(), before, strict=True)
        ]

    def features(self) -> Floats:
        """(`FEATURES`,) float32: what a head looks at."""
        turns = max(1, self.turns)
        strongest = np.asarray(self.score_strongest)
        totals = np.asarray(self.score_total)
        odds = 0.3 * np.log((strongest + 1e-3) / (1 - strongest + 1e-3))
        return np.concatenate(
            [
                2.0 * np.asarray(self.strongest),
                1.5 * np.log1p(np.asarray(self.total)),
                odds,
                np.log1p(totals),
                totals / turns,
                [0.5 * np.log(turns)],
            ]
        ).astype(np.float32)

    def strength(self, mark: str) -> float:
        """The strongest turn of a mark, 0 to 1."""
        return min(1.0, max(0.0, self.strongest[MARK_NAMES.index(mark)]))

    def seen(self, mark: str) -> tuple[int, int] | None:
        """First and last turn in which a mark was seen."""
        i = MARK_NAMES.index(mark)
        return None if self.first[i] < 0 else (self.first[i], self.last[i])


#: Length of `Progress.features`.
FEATURES = 2 * len(MARK_NAMES) + 3 * len(SCORES) + 1


def columns_of(marks: Sequence[str], scores: Sequence[str]) -> list[int]:
    """Where `Progress.features` tells of these marks and scores."""
    m, n = len(MARK_NAMES), len(SCORES)
    of_marks = [MARK_NAMES.index(mark) + block * m for mark in marks for block in range(2)]
    of_scores = [2 * m + SCORES.index(score) + block * n for score in scores for block in range(3)]
    return sorted(of_marks + of_scores)


class Head(BaseModel):
    """A logistic regression on `Progress.features`, with a line of calibration after it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[float, ...] = Field(min_length=FEATURES, max_length=FEATURES)
    bias: float
    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0

    def probability(self, features: Floats) -> float:
        """The calibrated probability that the conversation is what the head looks for."""
        z = self.slope * (float(self._row @ features) + self.bias) + self.intercept
        return 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, z))))

    @cached_property
    def _row(self) -> Floats:
        return np.asarray(self.weights)
