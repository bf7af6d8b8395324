"""How wrong a model is on each of our own texts, so that the next stage dwells on those.

After a stage most of its texts are known well; drawing all alike would spend the next stage on
them. Only our own texts are treated so: among public ones, whose labels disagree with each other,
what a model gets wrong is often the label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.classifiers.text.model import TextModel, read_description
from moderation.tuning.training_rows import LabelledText, read_seed

Floats = npt.NDArray[np.float32]

_TEXTS_AT_ONCE = 512


def write_errors(start: Path, out: Path, cache: Path) -> Path:
    """Score our own training texts with the model in ``start``; the file of `errors_of` in ``out``
    serves a run that goes on, as long as model and texts are the same.

    Raises:
        ModelUnavailable: the model is missing or damaged.
    """
    rows = list(read_seed(kept_back=False))
    digest = hashlib.sha256(read_description(start).weights_sha256.encode())
    for row in rows:
        digest.update(repr((row.text, row.labels)).encode())
    path = out / f"errors-{digest.hexdigest()[:12]}.npy"
    if not path.is_file():
        model = TextModel(start, cache, cascade=False)
        with path.with_suffix(".new").open("wb") as file:
            np.save(file, errors_of(model, rows))
        path.with_suffix(".new").replace(path)
    return path


def errors_of(model: TextModel, rows: Sequence[LabelledText]) -> Floats:
    """(n,) the greatest distance of a calibrated probability from its label, over the outputs
    whose label is known: 0 right and sure, 1 wrong and sure."""
    result = np.zeros(len(rows), np.float32)
    for at in range(0, len(rows), _TEXTS_AT_ONCE):
        part = rows[at : at + _TEXTS_AT_ONCE]
        scored = model.score([r.text for r in part], [r.language.split("-")[0] for r in part])
        for index, (row, score) in enumerate(zip(part, scored, strict=True), start=at):
            target, weight = row.targets(0.0)
            known = weight > 0
            if known.any():
                result[index] = np.abs(score.best - target)[known].max()
    return result


def dwelling_on(rows: Sequence[LabelledText], errors: Floats, weight: float) -> list[LabelledText]:
    """The rows with weights that rise with their error, up to ``weight`` times."""
    return [
        replace(row, weight=row.weight * (1 + (weight - 1) * float(error)))
        for row, error in zip(rows, errors, strict=True)
    ]
