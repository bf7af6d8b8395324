"""Thresholds by target: "precision at least 0.95 for action, recall at least 0.9 for review".

A threshold is chosen on a grid of hundredths, by the lower end of the 95 % interval and not by the
point estimate, so that what is promised holds on the next month as well. Where there is too little
data, there is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.policy.facts import SURFACES
from moderation.taxonomy import CATEGORY_IDS
from moderation.tuning.evaluation import ScoredRows
from moderation.tuning.fact_columns import History
from moderation.tuning.intervals import ENOUGH, Proportion

#: Candidate thresholds: 0.01 … 0.99.
GRID: npt.NDArray[np.float32] = (np.arange(1, 100) / 100).astype(np.float32)

_RESAMPLES = 200
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Targets:
    """What is asked for.

    Attributes:
        precision: least share of acted-on items that people would act on too.
        recall: least share of harmful items that are acted on or reviewed.
    """

    precision: float = 0.95
    recall: float = 0.90

    def __post_init__(self) -> None:
        if not (0 < self.precision < 1 and 0 < self.recall < 1):
            raise ValueError("targets are shares between 0 and 1")


@dataclass(frozen=True, slots=True)
class Answer:
    """A threshold for one category (and language, and surface), or why there is none.

    Attributes:
        purpose: `action` or `review`.
        threshold: None where the target cannot be promised.
        low, high: 95 % interval of the threshold itself (bootstrap over the labelled items).
        precision, recall: at the threshold.
        reason: why there is no threshold, in words; "" where there is one.
    """

    category: str
    language: str | None
    surface: str | None
    purpose: str
    threshold: float | None
    low: float | None
    high: float | None
    precision: Proportion
    recall: Proportion
    positives: int
    n: int
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Scores and what people said.

    Attributes:
        scores: `(n, 28)` float32.
        harmful: `(n, 28)` int8: 1 harmful, 0 not, -1 unknown, by category.
        language, surface: `(n,)` names.
    """

    scores: npt.NDArray[np.float32]
    harmful: npt.NDArray[np.int8]
    language: npt.NDArray[np.object_]
    surface: npt.NDArray[np.object_]

    @classmethod
    def from_history(cls, history: History) -> Labelled:
        """From human decisions: `allow` is a no for every category; a decision that names a
        category is a yes for it and says nothing about the others."""
        rows = (history.decided >= 0).nonzero()[0]
        facts = history.facts
        harmful = np.full((len(rows), len(CATEGORY_IDS)), -1, dtype=np.int8)
        harmful[history.decided[rows] == 0] = 0
        named = history.decided_category[rows]
        yes = (history.decided[rows] > 0) & (named >= 0)
        harmful[yes.nonzero()[0], named[yes]] = 1
        languages = np.array([*facts.language.names, "und"], dtype=object)
        surfaces = np.array([*SURFACES, "unknown"], dtype=object)
        return cls(
            facts.scores[rows],
            harmful,
            languages[facts.language.codes[rows]],
            surfaces[facts.surface[rows]],
        )

    @classmethod
    def from_scored(cls, rows: ScoredRows) -> Labelled:
        """From labelled texts that a model scored. They have no surface."""
        n = len(rows.languages)
        scores = np.full((n, len(CATEGORY_IDS)), np.nan, dtype=np.float32)
        harmful = np.full((n, len(CATEGORY_IDS)), -1, dtype=np.int8)
        for position, name in enumerate(rows.categories):
            column = CATEGORY_IDS.index(name)
            scores[:, column] = rows.scores[:, position]
            known = ~np.isnan(rows.labels[:, position])
            harmful[known, column] = rows.labels[known, position] >= 0.5
        languages = np.array([name.split("-")[0] for name in rows.languages], dtype=object)
        return cls(scores, harmful, languages, np.full(n, "unknown", dtype=object))


def find_thresholds(
    labelled: Labelled,
    targets: Targets | None = None,
    *,
    categories: Sequence[str] = CATEGORY_IDS,
    by_language: bool = False,
    by_surface: bool = False,
    seed: int = 0,
) -> tuple[Answer, ...]:
    """Thresholds for action and review that keep the targets, by category and slice.

    Args:
        labelled: scores with labels.
        targets: what is asked for.
        categories: which to answer for; those nobody labelled are left out.
        by_language, by_surface: whether to answer for each language and surface as well.
        seed: of the bootstrap.
    """
    targets = targets or Targets()
    chance = np.random.default_rng(seed)
    answers: list[Answer] = []
    for category in categories:
        column = CATEGORY_IDS.index(category)
        scores, harmful = labelled.scores[:, column], labelled.harmful[:, column]
        known = (harmful >= 0) & ~np.isnan(scores)
        if not (harmful[known] == 1).any():
            continue
        for language, surface, mask in _slices(labelled, known, by_language, by_surface):
            curve = _Curve.of(scores[mask], harmful[mask] == 1)
            for purpose in ("action", "review"):
                place = (category, language, surface, purpose)
                answers.append(_answer(place, curve, targets, chance))
    return tuple(answers)


def _slices(
    labelled: Labelled, known: npt.NDArray[np.bool_], by_language: bool, by_surface: bool
) -> Iterator[tuple[str | None, str | None, npt.NDArray[np.bool_]]]:
    yield None, None, known
    languages = sorted(set(labelled.language[known])) if by_language else []
    surfaces = sorted(set(labelled.surface[known])) if by_surface else []
    for language in languages:
        yield language, None, known & (labelled.language == language)
    for surface in surfaces:
        yield None, surface, known & (labelled.surface == surface)
    for language in languages:
        for surface in surfaces:
            both = (labelled.language == language) & (labelled.surface == surface)
            if (known & both).any():
                yield language, surface, known & both


@dataclass(frozen=True, slots=True)
class _Curve:
    """Labelled items by the grid step that their score reaches: 0 below the first threshold."""

    positives: npt.NDArray[np.int64]  #: `(100,)`
    negatives: npt.NDArray[np.int64]  #: `(100,)`

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], harmful: npt.NDArray[np.bool_]) -> _Curve:
        step = np.searchsorted(GRID, scores, side="right")
        size = len(GRID) + 1
        return cls(
            np.bincount(step[harmful], minlength=size),
            np.bincount(step[~harmful], minlength=size),
        )

    def above(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """True and false positives at each threshold of the grid."""
        return np.cumsum(self.positives[::-1])[::-1][1:], np.cumsum(self.negatives[::-1])[::-1][1:]

    def resampled(self, chance: np.random.Generator) -> _Curve:
        counts = np.concatenate([self.positives, self.negatives])
        drawn = chance.multinomial(counts.sum(), counts / counts.sum())
        return _Curve(*np.split(drawn, 2))


def _lower(hits: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Lower end of the Wilson interval, element by element; 0 where n is 0."""
    trials = np.maximum(n, 1)
    share, square = hits / trials, _Z * _Z
    middle = share + square / (2 * trials)
    spread = _Z * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    return np.where(n > 0, (middle - spread) / (1 + square / trials), 0.0)


def _chosen(curve: _Curve, purpose: str, targets: Targets, *, promised: bool) -> int | None:
    """The grid step that keeps the target: for action the lowest such that every higher one with
    enough data keeps it too, for review the highest. None if no step does."""
    true, false = curve.above()
    if purpose == "review":
        total = np.full_like(true, curve.positives.sum())
        share = _lower(true, total) if promised else true / np.maximum(total, 1)
        kept = (share >= targets.recall).nonzero()[0]
        return int(kept[-1]) if len(kept) else None
    acted = true + false
    share = _lower(true, acted) if promised else true / np.maximum(acted, 1)
    enough = acted >= ENOUGH
    failed = (enough & (share < targets.precision)).nonzero()[0]
    first = int(failed[-1]) + 1 if len(failed) else 0
    usable = enough[first:].nonzero()[0]
    return first + int(usable[0]) if len(usable) else None


def _answer(
    place: tuple[str, str | None, str | None, str],
    curve: _Curve,
    targets: Targets,
    chance: np.random.Generator,
) -> Answer:
    purpose = place[3]
    positives = int(curve.positives.sum())
    n = positives + int(curve.negatives.sum())
    true, false = curve.above()
    nothing = Proportion(0, 0)
    if positives < ENOUGH:
        reason = f"too little data: {positives} harmful items, {ENOUGH} are needed"
        return Answer(*place, None, None, None, nothing, nothing, positives, n, reason)
    step = _chosen(curve, purpose, targets, promised=True)
    if step is None:
        share = targets.precision if purpose == "action" else targets.recall
        name = "precision" if purpose == "action" else "recall"
        reason = f"no threshold promises a {name} of {share:g} on these {n:,} items"
        return Answer(*place, None, None, None, nothing, nothing, positives, n, reason)
    drawn = [
        _chosen(curve.resampled(chance), purpose, targets, promised=True) for _ in range(_RESAMPLES)
    ]
    steps = np.array([len(GRID) - 1 if each is None else each for each in drawn])
    low, high = np.percentile(GRID[steps], [2.5, 97.5])
    return Answer(
        *place,
        round(float(GRID[step]), 2),
        round(float(low), 2),
        round(float(high), 2),
        Proportion(int(true[step]), int(true[step] + false[step])),
        Proportion(int(true[step]), positives),
        positives,
        n,
    )


def as_table(answers: Sequence[Answer]) -> pd.DataFrame:
    """Answers as a table, one row each."""
    return pd.DataFrame(
        [
            {
                "category": a.category,
                "language": a.language or "all",
                "surface": a.surface or "all",
                "purpose": a.purpose,
                "threshold": a.threshold,
                "low": a.low,
                "high": a.high,
                "precision": str(a.precision) if a.threshold is not None else "",
                "recall": str(a.recall) if a.threshold is not None else "",
                "harmful": a.positives,
                "items": a.n,
                "reason": a.reason,
            }
            for a in answers
        ]
    )
