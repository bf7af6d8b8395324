"""Fits the lines that turn a trained network's logits into probabilities.

Rows come from the development split, which nothing was trained on, and from the blocks of the
seed corpus that were kept back. Each source counts at most so many rows, so that one large data
set does not decide what a probability means.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from moderation.classifiers.text.calibration import ANY_LANGUAGE, Calibration, Floats, Line
from moderation.classifiers.text.model import ENCOURAGEMENT, ModelDescription, TextModel
from moderation.tuning.rereading import reread
from moderation.tuning.training_patterns import Harmless
from moderation.tuning.training_recipe import CALIBRATION_ROWS
from moderation.tuning.training_rows import (
    EVALUATION_ONLY,
    OUTPUTS,
    LabelledText,
    read_seed,
    read_split,
)

_HARMLESS = 300
#: Positives and negatives that a language needs for a line of its own.
_FEWEST = 150
#: Weight of rows whose output was not labelled but is 0 by the nature of its source.
_WEAK = 0.3


def calibrate(
    folder: Path,
    cache: Path,
    data: Path | None,
    *,
    seed: int = 1,
    rows_per_source: int = CALIBRATION_ROWS,
) -> ModelDescription:
    """Fit and write the calibration of the model in ``folder``; returns its description."""
    rows = calibration_rows(data, seed, rows_per_source)
    model = TextModel(folder, cache)
    logits = raw_logits(model, [row.text for row in rows])
    calibration = fit(logits, rows)
    description = model.description.model_copy(update={"calibration": calibration})
    (folder / "model.json").write_text(
        json.dumps(description.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
    )
    return description


def calibration_rows(data: Path | None, seed: int, rows_per_source: int) -> list[LabelledText]:
    """Rows that nothing was trained on, at most so many per source, plus look-alikes."""
    generator = random.Random(seed)  # noqa: S311 - sampling, not secrets
    by_source: dict[str, list[LabelledText]] = {"seed": list(read_seed(kept_back=True))}
    for row in reread(read_split(data, "dev"), unread=False) if data is not None else ():
        if row.source in EVALUATION_ONLY:
            continue
        by_source.setdefault(row.source, []).append(row)
    rows: list[LabelledText] = []
    for name in sorted(by_source):
        own = by_source[name]
        generator.shuffle(own)
        rows += own if name == "seed" else own[:rows_per_source]
    harmless = Harmless()
    return rows + [harmless.draw(generator) for _ in range(_HARMLESS)]


def raw_logits(model: TextModel, texts: Sequence[str]) -> Floats:
    """The highest logit of each text's windows, (n, outputs)."""
    cut = [model.windows(text[:4000]) for text in texts]
    flat = model.logits([window for windows in cut for window in windows])
    result = np.empty((len(texts), flat.shape[1]), np.float32)
    at = 0
    for index, windows in enumerate(cut):
        result[index] = flat[at : at + len(windows)].max(axis=0)
        at += len(windows)
    return result


def fit(logits: Floats, rows: Sequence[LabelledText]) -> Calibration:
    """One line per output, and one per language where there are enough rows of both kinds."""
    pairs = [row.targets(_WEAK) for row in rows]
    target = np.stack([t for t, _ in pairs])
    weight = np.stack([w for _, w in pairs])
    languages = np.array([row.language.split("-")[0] for row in rows])
    lines: dict[str, dict[str, Line]] = {}
    for column, output in enumerate(OUTPUTS):
        own: dict[str, Line] = {}
        known = weight[:, column] > 0
        shared = _line(logits[known, column], target[known, column], weight[known, column])
        if shared is None:
            continue
        own[ANY_LANGUAGE] = shared
        for language in sorted(set(languages[known])):
            mask = (weight[:, column] == 1) & (languages == language)
            positives = int(target[mask, column].sum())
            if min(positives, int(mask.sum()) - positives) >= _FEWEST and output != ENCOURAGEMENT:
                line = _line(logits[mask, column], target[mask, column], weight[mask, column])
                if line is not None:
                    own[str(language)] = line
        lines[output] = own
    digest = hashlib.sha256(
        json.dumps({o: {k: v.model_dump() for k, v in ls.items()} for o, ls in lines.items()})
        .encode()
    )  # fmt: skip
    return Calibration(version=f"platt-{digest.hexdigest()[:10]}", lines=lines)


def _line(logits: Floats, target: Floats, weight: Floats) -> Line | None:
    """Maximum-likelihood line with a little pull towards slope 1 (equal to ten rows)."""
    positives = float(target.sum())
    if positives < 5 or len(target) - positives < 5:
        return None
    x, y, w = (torch.from_numpy(a.astype(np.float64)) for a in (logits, target, weight))
    values = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            values[0].exp() * x + values[1], y, reduction="none"
        )
        total = (each * w).sum() + 10 * values[0] ** 2 + 0.1 * values[1] ** 2
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    slope, intercept = float(values[0].detach().exp()), float(values[1].detach())
    return Line(slope=slope, intercept=intercept)
