"""Trains a head from pictures that people labelled: what it takes, what comes out, how good it is.

Every number in the model card is from pictures that the fold's head had not seen, and near
duplicates never stand on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moderation.classifiers.image.efficientnet_lite import VERSION, Features
from moderation.classifiers.image.labelled_pictures import (
    HARMLESS,
    LabelledPictures,
    TrainingError,
)
from moderation.classifiers.image.trained_head import HeadFacts, TrainedHead
from moderation.taxonomy import category

#: What a threshold in the card promises.
PRECISION = 0.9

_FOLDS = 5
_SEED = 17
_REGULARISATION = 0.01  #: inverse strength; chosen for some hundred pictures and 1,280 features


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """How well a category is told apart, on unseen pictures."""

    category: str
    pictures: int
    average_precision: float
    brier: float  #: mean squared error of the calibrated probability
    threshold: float | None  #: least probability with `PRECISION`; None where it is not reached
    recall: float  #: at that threshold, 0 where there is none


@dataclass(frozen=True, slots=True)
class Training:
    """A head, how good it is, and its card."""

    head: TrainedHead
    reports: tuple[CategoryReport, ...]
    card: str


def train(pictures: LabelledPictures) -> Training:
    """Fit a head: one logistic regression per category, calibrated on folds it has not seen.

    Raises:
        TrainingError: scikit-learn is not installed, or near duplicates leave too few groups.
    """
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError:
        raise TrainingError(
            "training needs scikit-learn; install moderation-workbench[train]"
        ) from None
    names = tuple(category(n).id for n in dict.fromkeys(pictures.labels) if n != HARMLESS)
    labels = np.array(pictures.labels)
    groups = np.array(pictures.groups)
    for name in (*names, HARMLESS):
        distinct = len(set(groups[labels == name].tolist()))
        if distinct < _FOLDS:
            raise TrainingError(f"{name}: only {distinct} different pictures; the rest are copies")
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    unseen = np.zeros((len(labels), len(names)))
    for seen, held in folds.split(pictures.features, labels, groups):
        fit = _Fit.of(pictures, seen, names)
        unseen[held] = fit.scores(pictures.features[held])
    slopes, offsets = zip(
        *(_platt(unseen[:, n], labels == name) for n, name in enumerate(names)), strict=True
    )
    reports = tuple(
        _report(name, _sigmoid(unseen[:, n] * slopes[n] + offsets[n]), labels == name)
        for n, name in enumerate(names)
    )
    whole = _Fit.of(pictures, np.arange(len(labels)), names)
    digest = hashlib.sha256(whole.weights.tobytes() + repr(slopes).encode()).hexdigest()[:12]
    facts = HeadFacts(
        version=digest,
        backbone=VERSION,
        categories=names,
        thresholds=tuple(report.threshold for report in reports),
        pictures={name: int((labels == name).sum()) for name in (*names, HARMLESS)},
    )
    head = TrainedHead(
        facts,
        whole.weights,
        whole.biases,
        whole.means,
        whole.scales,
        np.array(slopes, np.float32),
        np.array(offsets, np.float32),
    )
    return Training(head, reports, model_card(facts, reports))


@dataclass(frozen=True, slots=True)
class _Fit:
    weights: npt.NDArray[np.float32]
    biases: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    scales: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls, pictures: LabelledPictures, rows: npt.NDArray[np.int64], names: Sequence[str]
    ) -> _Fit:
        from sklearn.linear_model import LogisticRegression

        features = np.concatenate([pictures.features[rows], pictures.mirrored[rows]])
        labels = np.tile(np.array(pictures.labels)[rows], 2)
        means = features.mean(axis=0)
        # Features that never vary would otherwise blow up on new pictures.
        scales = np.maximum(features.std(axis=0), 0.05)
        standard = (features - means) / scales
        weights, biases = [], []
        for name in names:
            model = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=2000)
            model.fit(standard, labels == name)
            weights.append(model.coef_[0])
            biases.append(model.intercept_[0])
        return cls(
            np.array(weights, np.float32),
            np.array(biases, np.float32),
            means.astype(np.float32),
            scales.astype(np.float32),
        )

    def scores(self, features: Features) -> npt.NDArray[np.float64]:
        standard = (features - self.means) / self.scales
        answers: npt.NDArray[np.float64] = (standard @ self.weights.T + self.biases).astype(float)
        return answers


def _platt(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0).fit(scores[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    answers: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-values))
    return answers


def _report(
    name: str, probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]
) -> CategoryReport:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(truth, probabilities)
    kept = np.flatnonzero(precision[:-1] >= PRECISION)
    first = int(kept[0]) if len(kept) else None
    return CategoryReport(
        category=name,
        pictures=int(truth.sum()),
        average_precision=float(average_precision_score(truth, probabilities)),
        brier=float(np.mean((probabilities - truth) ** 2)),
        threshold=None if first is None else round(float(thresholds[first]), 4),
        recall=0.0 if first is None else float(recall[first]),
    )


def model_card(facts: HeadFacts, reports: Sequence[CategoryReport]) -> str:
    """The head's card as Markdown."""
    rows = "\n".join(
        f"| {r.category} | {r.pictures} | {r.average_precision:.3f} | {r.brier:.3f} | "
        + (
            f"{r.threshold:.3f} | {r.recall:.0%} |"
            if r.threshold is not None
            else "not reached | – |"
        )
        for r in reports
    )
    return f"""# Image head {facts.version}

A linear layer on frozen features of {facts.backbone} (ImageNet-1k), one output per category,
calibrated by Platt scaling.

Trained on {sum(facts.pictures.values())} pictures, {facts.pictures[HARMLESS]} of them harmless.
All figures are from {_FOLDS}-fold cross-validation; near duplicates (PDQ) share a fold.

The threshold is the least probability at which {PRECISION:.0%} of what is found is right.

| category | pictures | average precision | Brier score | threshold | recall there |
|---|---|---|---|---|---|
{rows}

## What it cannot do

* The probabilities hold for pictures like those it was trained on, in the same proportions. Where
  harm is rarer than in the training pictures, they are too high: check them on labelled traffic.
* Pictures are squashed to 224 x 224; small things are missed.
* It says that a picture looks like the category, not that it breaks a rule. A person decides.
"""
