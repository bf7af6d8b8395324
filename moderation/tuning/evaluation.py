"""How good are scores: ranking, decisions, calibration, and harm done to harmless text.

Everything here takes numbers and returns numbers; `moderation.tuning.labelled` reads files, and
`moderation.tuning.evaluation_report` draws the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from moderation.errors import ModerationError
from moderation.tuning.intervals import Proportion
from moderation.tuning.policy_thresholds import PolicyThresholds

Array = npt.NDArray[np.float64]

#: Fewer positives or negatives than this give no figure worth a cell.
FEWEST = 10
THRESHOLDS = (0.3, 0.5, 0.8)
_BINS = 15

#: By what, which slice, and the mask of its rows.
_Slice = tuple[str, str, npt.NDArray[np.bool_]]


class NothingToEvaluate(ModerationError):
    """The rows carry no label that the model has an output for."""


@dataclass(frozen=True)
class ScoredRows:
    """Rows with their labels and a model's probabilities, in step."""

    categories: tuple[str, ...]
    labels: Array  #: (n, categories): 1, 0, or NaN where unknown
    scores: Array  #: (n, categories), probabilities
    languages: tuple[str, ...]
    sources: tuple[str, ...]


class Figure(BaseModel):
    """A number with the middle 95% of its bootstrap distribution."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float | None = None
    high: float | None = None


class PolicyPoint(BaseModel):
    """How a category does at a threshold of the policy in force."""

    model_config = ConfigDict(frozen=True)

    purpose: str  #: `review` or `act`
    threshold: float
    precision: float
    recall: float
    f1: Figure


class Cell(BaseModel):
    """One category on one slice of the rows."""

    model_config = ConfigDict(frozen=True)

    category: str
    by: str  #: `all`, `language`, `source` or `language and source`
    slice: str
    rows: int
    positives: int
    average_precision: Figure
    roc_auc: Figure
    f1: Mapping[str, float]  #: threshold → F1
    best_f1: float  #: at the best threshold of this very slice: an upper bound, not a promise
    at_policy: tuple[PolicyPoint, ...] = ()  #: empty where no rule reads this score
    calibration_error: float  #: expected calibration error, equal-mass bins


class HarmlessRate(BaseModel):
    """How often rows without any known violation are flagged by any output."""

    model_config = ConfigDict(frozen=True)

    by: str
    slice: str
    rows: int
    flagged: Mapping[str, float]  #: threshold → share
    worst_category: str  #: that flags most at 0.5
    at_review: float | None = None  #: share that any rule would send to review, or more
    at_review_interval: tuple[float, float] = (0.0, 1.0)  #: 95%, Wilson


class ReliabilityPoint(BaseModel):
    """One bin of a reliability diagram."""

    model_config = ConfigDict(frozen=True)

    predicted: float
    observed: float
    rows: int


class TermRate(BaseModel):
    """How often sentences that name one group are flagged."""

    model_config = ConfigDict(frozen=True)

    term: str
    language: str
    sentences: int
    flagged: float


class IdentityRates(BaseModel):
    """Flags of any output on harmless sentences that name a group of people."""

    model_config = ConfigDict(frozen=True)

    sentences: int
    flagged: float  #: share of all sentences, whichever group they name
    flagged_identity: float  #: share of those that name an often attacked group
    identity_interval: tuple[float, float]  #: 95%, Wilson
    flagged_other: float  #: share of those that name another group
    worst: tuple[TermRate, ...]  #: groups flagged most often

    @property
    def ratio(self) -> float | None:
        """Rate with an identity term against the average; None where nothing is flagged."""
        return self.flagged_identity / self.flagged if self.flagged else None


class Evaluation(BaseModel):
    """All cells of one model on one set of rows."""

    model_config = ConfigDict(frozen=True)

    model: str
    rows: int
    cells: tuple[Cell, ...]
    harmless: tuple[HarmlessRate, ...]
    reliability: Mapping[str, tuple[ReliabilityPoint, ...]]
    identity: IdentityRates | None = None

    def harmless_ratio(
        self, languages: int = 15, fewest: int = 50
    ) -> tuple[float, str, str] | None:
        """Highest rate of flags at review over the lowest, with the two languages, among the
        languages with most harmless rows; None with fewer than two of `fewest` rows.

        A language without a flag counts as half a flag, so that the ratio is finite.
        """
        rates = [r for r in self.harmless if r.by == "language" and r.at_review is not None]
        rates = sorted((r for r in rates if r.rows >= fewest), key=lambda r: -r.rows)[:languages]
        if len(rates) < 2:
            return None
        floor = {r.slice: max(r.at_review or 0.0, 0.5 / r.rows) for r in rates}
        low, high = min(floor, key=floor.__getitem__), max(floor, key=floor.__getitem__)
        return floor[high] / floor[low], high, low

    def cell(self, category: str, by: str = "all", of: str = "all") -> Cell | None:
        """The cell of a category and slice, if there were enough rows."""
        found = (c for c in self.cells if (c.category, c.by, c.slice) == (category, by, of))
        return next(found, None)

    def macro(self, category: str, by: str) -> float | None:
        """Mean average precision over the slices, each counting the same."""
        values = [
            c.average_precision.value for c in self.cells if c.category == category and c.by == by
        ]
        return float(np.mean(values)) if values else None


def average_precision(labels: Array, scores: Array) -> float:
    """Area under precision-recall as the sum of precision times gain in recall; ties together."""
    order = np.argsort(-scores, kind="stable")
    ranked, sorted_scores = labels[order], scores[order]
    hits = np.cumsum(ranked)
    ends = np.append(np.nonzero(np.diff(sorted_scores))[0], len(ranked) - 1)
    precision = hits[ends] / (ends + 1)
    recall = hits[ends] / hits[-1]
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


def roc_auc(labels: Array, scores: Array) -> float:
    """Chance that a positive scores above a negative; ties count one half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=ranks) / counts
    positives = labels.sum()
    negatives = len(labels) - positives
    rank_sum = means[inverse][labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def f1(labels: Array, flagged: npt.NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 where nothing is found."""
    hits = float((flagged & (labels == 1)).sum())
    return 2 * hits / max(float(flagged.sum()) + float(labels.sum()), 1.0)


def best_f1(labels: Array, scores: Array) -> float:
    """The highest F1 over all thresholds."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    return float(np.max(2 * hits / (np.arange(1, len(labels) + 1) + labels.sum())))


def reliability(labels: Array, scores: Array, bins: int = _BINS) -> tuple[ReliabilityPoint, ...]:
    """Mean score and share of positives in bins of equally many rows."""
    order = np.argsort(scores, kind="stable")
    return tuple(
        ReliabilityPoint(
            predicted=float(scores[part].mean()),
            observed=float(labels[part].mean()),
            rows=len(part),
        )
        for part in np.array_split(order, min(bins, len(order)))
        if len(part)
    )


def calibration_error(labels: Array, scores: Array) -> float:
    """Expected calibration error (Naeini et al. 2015) over bins of equal mass."""
    points = reliability(labels, scores)
    return sum(p.rows * abs(p.predicted - p.observed) for p in points) / len(labels)


def evaluate(
    rows: ScoredRows,
    model: str,
    *,
    thresholds: Mapping[str, PolicyThresholds] | None = None,
    identity: IdentityRates | None = None,
    resamples: int = 100,
    seed: int = 0,
) -> Evaluation:
    """Every cell that has at least `FEWEST` positives and negatives.

    Args:
        rows: labels and scores.
        model: its name and version.
        thresholds: of the policy in force, by category, see `thresholds_of`.
        identity: measured apart, see `identity_rates`; kept with the rest.
        resamples: of each bootstrap interval.
        seed: of the resampling.

    Raises:
        NothingToEvaluate: no row has a label of any category.
    """
    if not len(rows.labels) or bool(np.isnan(rows.labels).all()):
        raise NothingToEvaluate(
            "no row has a label of a category that the model knows; name label columns after "
            "categories, or say what yours mean: --label NAME=CATEGORY"
        )
    slices = [("all", "all", np.ones(len(rows.labels), bool))]
    for by, values in (("language", rows.languages), ("source", rows.sources)):
        names = np.array(values)
        slices += [(by, str(name), names == name) for name in sorted(set(values))]
    pairs = np.array([f"{a}, {b}" for a, b in zip(rows.languages, rows.sources, strict=True)])
    if len(set(rows.sources)) > 1 and len(set(rows.languages)) > 1:
        slices += [("language and source", str(n), pairs == n) for n in sorted(set(pairs))]
    thresholds = thresholds or {}
    generator = np.random.default_rng(seed)
    cells = [
        cell
        for by, name, mask in slices
        for column, category in enumerate(rows.categories)
        if (
            cell := _cell(
                rows, column, (by, name, mask), thresholds.get(category), resamples, generator
            )
        )
    ]
    return Evaluation(
        model=model,
        rows=len(rows.labels),
        cells=tuple(cells),
        harmless=tuple(_harmless(rows, slices, thresholds)),
        identity=identity,
        reliability={
            category: reliability(rows.labels[known, column], rows.scores[known, column])
            for column, category in enumerate(rows.categories)
            if _enough(rows.labels[known := ~np.isnan(rows.labels[:, column]), column])
        },
    )


def _enough(labels: Array) -> bool:
    positives = int(labels.sum())
    return positives >= FEWEST and len(labels) - positives >= FEWEST


def _cell(
    rows: ScoredRows,
    column: int,
    part: _Slice,
    thresholds: PolicyThresholds | None,
    resamples: int,
    generator: np.random.Generator,
) -> Cell | None:
    by, name, mask = part
    known = mask & ~np.isnan(rows.labels[:, column])
    labels, scores = rows.labels[known, column], rows.scores[known, column]
    if not _enough(labels):
        return None
    return Cell(
        category=rows.categories[column],
        by=by,
        slice=name,
        rows=len(labels),
        positives=int(labels.sum()),
        at_policy=tuple(_at_policy(labels, scores, thresholds, resamples, generator)),
        average_precision=_interval(average_precision, labels, scores, resamples, generator),
        roc_auc=_interval(roc_auc, labels, scores, resamples, generator),
        f1={str(t): f1(labels, scores >= t) for t in THRESHOLDS},
        best_f1=best_f1(labels, scores),
        calibration_error=calibration_error(labels, scores),
    )


def _at_policy(
    labels: Array,
    scores: Array,
    thresholds: PolicyThresholds | None,
    resamples: int,
    generator: np.random.Generator,
) -> Iterator[PolicyPoint]:
    if thresholds is None:
        return
    for purpose, threshold in (("review", thresholds.review), ("act", thresholds.act)):
        if threshold is None:
            continue
        flagged = scores >= threshold
        hits = float((flagged & (labels == 1)).sum())
        yield PolicyPoint(
            purpose=purpose,
            threshold=threshold,
            precision=hits / max(float(flagged.sum()), 1.0),
            recall=hits / float(labels.sum()),
            f1=_interval(
                lambda own, flags: f1(own, flags == 1),
                labels,
                flagged.astype(np.float64),
                resamples,
                generator,
            ),
        )


def _interval(
    measure: Callable[[Array, Array], float],
    labels: Array,
    scores: Array,
    resamples: int,
    generator: np.random.Generator,
) -> Figure:
    drawn = []
    for _ in range(resamples):
        pick = generator.integers(0, len(labels), len(labels))
        if 0 < labels[pick].sum() < len(pick):
            drawn.append(measure(labels[pick], scores[pick]))
    value = measure(labels, scores)
    if not drawn:
        return Figure(value=value)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(value=value, low=float(low), high=float(high))


def _harmless(
    rows: ScoredRows, slices: Sequence[_Slice], thresholds: Mapping[str, PolicyThresholds]
) -> list[HarmlessRate]:
    """Rates on rows that have several known labels, all of them 0; one, if there is but one.

    Flags of an output whose label is unknown in a row do not count there.
    """
    known = ~np.isnan(rows.labels)
    clean = (np.nansum(rows.labels, axis=1) == 0) & (
        known.sum(axis=1) >= min(3, known.any(axis=0).sum())
    )
    flags = {t: (rows.scores >= t) & known for t in THRESHOLDS}
    lowest = [t.review if (t := thresholds.get(c)) else np.inf for c in rows.categories]
    reviewed = np.any((rows.scores >= np.array(lowest)) & known, axis=1)
    rates = []
    for by, name, mask in slices:
        own = clean & mask
        if own.sum() < FEWEST:
            continue
        worst = int(flags[0.5][own].sum(axis=0).argmax())
        rates.append(
            HarmlessRate(
                by=by,
                slice=name,
                rows=int(own.sum()),
                flagged={str(t): float(flags[t][own].any(axis=1).mean()) for t in THRESHOLDS},
                worst_category=rows.categories[worst],
                at_review=float(reviewed[own].mean()) if thresholds else None,
                at_review_interval=Proportion(int(reviewed[own].sum()), int(own.sum())).interval,
            )
        )
    return rates
