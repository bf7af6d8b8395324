"""Fits the text model's first stage: what may end a text that is surely harmless.

The glance learns from labels alone. The exits learn from what the whole network says about the
same texts. Every threshold comes from development rows, so that of the violations that the whole
network finds, no more than a set share is lost, over all and in every language with enough rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import SGDClassifier
from torch import nn
from torch.nn import functional

from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.first_stage import (
    GLANCE_BITS,
    Bools,
    Exit,
    FirstStageDescription,
    Glance,
    features,
    write_first_stage,
)
from moderation.classifiers.text.model import ENCOURAGEMENT, TextModel
from moderation.classifiers.text.normalise import readings
from moderation.classifiers.text.windows import Window
from moderation.tuning.rereading import reread
from moderation.tuning.training_evasion import disguise
from moderation.tuning.training_patterns import Harmless
from moderation.tuning.training_rows import EVALUATION_ONLY, LabelledText, read_seed, read_split

#: Probability from which a person looks at a text.
REVIEW_FROM = 0.5
#: Violations found by the whole network that may be lost: over all, and by language.
MOST_LOST = 0.003
MOST_LOST_BY_LANGUAGE = 0.005
#: A language needs so many violations to have a say of its own.
_FEWEST = 150
#: Of what may be lost, the part that each stage may lose.
_GLANCE_SHARE = 0.5
#: Layers after which a text may end.
EXITS = (4,)
_WIDTH = 64
_GLANCE_ROWS = 1_500
_HARMLESS = 400
_DISGUISED = 600


@dataclass(frozen=True)
class _Read:
    """Rows with what the whole network says about their first windows."""

    rows: Sequence[LabelledText]
    windows: Sequence[Window]
    logits: Floats  #: (n, outputs)
    states: dict[int, Floats]  #: layer → (n, 2 * hidden)
    top: Floats  #: (n,) highest calibrated probability

    @property
    def violating(self) -> Bools:
        """Labelled as some violation."""
        return np.array([any(v == 1 for v in row.labels.values()) for row in self.rows])


def fit_first_stage(
    folder: Path,
    cache: Path,
    data: Path | None,
    *,
    rows: int = 12_000,
    development_rows: int = 8_000,
    layers: tuple[int, ...] = EXITS,
    seed: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> FirstStageDescription:
    """Fit and write the first stage of the model in ``folder``; returns what was measured.

    Args:
        folder: of a trained and calibrated model.
        cache: where the converted encoder is kept.
        data: folder of public data sets; None uses the project's own texts only.
        rows: that the whole network reads to teach the exits, at most.
        development_rows: that choose and measure the thresholds, at most.
        layers: after which a text may end, ascending.
        seed: of sampling.
        report: called with a line for each step.
    """
    model = TextModel(folder, cache, cascade=False)
    rng = random.Random(seed)  # noqa: S311 - sampling, not secrets
    plenty = _training_rows(data, rng)
    report(f"glance: {len(plenty):,} labelled rows")
    weights, bias = _fit_glance(model, plenty, seed)
    glance = Glance(weights, bias, -np.inf, np.zeros(len(model.outputs), np.float32))
    report(f"whole network: up to {rows + development_rows:,} rows")
    taught = _read(model, _spread(plenty, rows, rng), layers)
    chosen = _spread(_development_rows(data, rng), development_rows, rng)
    judged = _read(model, chosen, layers)
    caught = judged.violating & (judged.top >= REVIEW_FROM)
    languages = np.array([_base(row.language) for row in judged.rows])

    suspicion = glance.suspicion([w.ids for w in judged.windows])
    threshold = choose_threshold(suspicion, caught, languages, np.zeros(len(caught), bool),
                                 _GLANCE_SHARE)  # fmt: skip
    ended: Bools = suspicion < threshold
    estimate = judged.logits[ended].mean(axis=0) if ended.any() else glance.estimate
    glance = replace(glance, threshold=threshold, estimate=estimate.astype(np.float32))
    exits: list[Exit] = []
    for layer in layers:
        report(f"exit after layer {layer}")
        door = _fit_exit(model, glance, taught, layer, seed)
        found = door.values(torch.from_numpy(judged.states[layer]), suspicion)[:, 0]
        door = replace(door, threshold=choose_threshold(found, caught, languages, ended, 1.0))
        ended = ended | (found < door.threshold)
        exits.append(door)
    description = FirstStageDescription(
        weights_sha256=model.description.weights_sha256,
        calibration=model.description.calibration.version,
        glance_bias=bias,
        glance_threshold=threshold,
        layers=layers,
        thresholds=tuple(door.threshold for door in exits),
        measured=_measured(judged, caught, languages, ended, suspicion < threshold)
        | {"disguised": _disguised(model, glance, exits, judged, caught, rng)},
    )
    write_first_stage(folder, glance, tuple(exits), description)
    return description


def choose_threshold(
    suspicion: Floats, caught: Bools, languages: Sequence[str] | np.ndarray, ended: Bools,
    share: float,
) -> float:  # fmt: skip
    """The highest threshold that loses no more than allowed, with what is ``ended`` already.

    Args:
        suspicion: (n,).
        caught: violations that the whole network finds (n,).
        languages: (n,).
        ended: lost to an earlier stage, if they are violations (n,).
        share: of what may be lost.
    """
    names = np.asarray(languages)
    groups = [(caught, MOST_LOST)]
    for name in sorted(set(names[caught])):
        own = caught & (names == name)
        if own.sum() >= _FEWEST:
            groups.append((own, MOST_LOST_BY_LANGUAGE))
    best = np.inf
    for group, most in groups:
        left = int(share * most * group.sum()) - int((group & ended).sum())
        values = np.sort(suspicion[group & ~ended])
        if len(values):
            best = min(best, values[max(0, left)] if left < len(values) else np.inf)
    return float(best) if np.isfinite(best) else float(suspicion.min())


def _training_rows(data: Path | None, rng: random.Random) -> list[LabelledText]:
    public: Iterable[LabelledText] = reread(read_split(data, "train")) if data is not None else ()
    rows = _capped((r for r in public if r.source not in EVALUATION_ONLY), _GLANCE_ROWS, rng)
    harmless = Harmless()
    return [
        *rows,
        *read_seed(kept_back=False),
        *(harmless.draw(rng) for _ in range(_HARMLESS)),
    ]


def _development_rows(data: Path | None, rng: random.Random) -> list[LabelledText]:
    public: Iterable[LabelledText] = reread(read_split(data, "dev")) if data is not None else ()
    harmless = Harmless()
    return [
        *_capped((r for r in public if r.source not in EVALUATION_ONLY), 10**9, rng),
        *read_seed(kept_back=True),
        *(harmless.draw(rng) for _ in range(_HARMLESS)),
    ]


def _capped(rows: Iterable[LabelledText], most: int, rng: random.Random) -> list[LabelledText]:
    """At most so many rows of each source and language."""
    cells: dict[tuple[str, str], list[LabelledText]] = {}
    for row in rows:
        cells.setdefault((row.source, row.language), []).append(row)
    found: list[LabelledText] = []
    for key in sorted(cells):
        rng.shuffle(cells[key])
        found += cells[key][:most]
    return found


def _spread(rows: list[LabelledText], most: int, rng: random.Random) -> list[LabelledText]:
    """At most so many rows: source, language and kind take turns, so that small ones are whole."""
    cells: dict[tuple[str, str, bool], list[LabelledText]] = {}
    for row in rows:
        bad = any(v == 1 for v in row.labels.values())
        cells.setdefault((row.source, _base(row.language), bad), []).append(row)
    for own in cells.values():
        rng.shuffle(own)
    found: list[LabelledText] = []
    depth = 0
    while len(found) < most and any(len(own) > depth for own in cells.values()):
        found += [cells[key][depth] for key in sorted(cells) if len(cells[key]) > depth]
        depth += 1
    return found[:most]


def _read(model: TextModel, rows: Sequence[LabelledText], layers: tuple[int, ...]) -> _Read:
    windows = [model.windows(row.text[:4000])[0] for row in rows]
    logits, states = model.states(windows, layers)
    probabilities = model.description.calibration.probabilities(
        logits, model.outputs, [_base(row.language) for row in rows]
    )
    columns = [i for i, name in enumerate(model.outputs) if name != ENCOURAGEMENT]
    return _Read(rows, windows, logits, states, probabilities[:, columns].max(axis=1))


def _fit_glance(model: TextModel, rows: Sequence[LabelledText], seed: int) -> tuple[Floats, float]:
    from scipy.sparse import csr_matrix

    found = [features(model.windows(row.text[:1000])[0].ids) for row in rows]
    sizes = np.array([max(1, len(f)) for f in found])
    matrix = csr_matrix(
        (
            np.concatenate([np.full(len(f), n**-0.5) for f, n in zip(found, sizes, strict=True)]),
            np.concatenate(found),
            np.cumsum([0, *(len(f) for f in found)]),
        ),
        shape=(len(rows), 1 << GLANCE_BITS),
    )
    target = [
        any(v == 1 for v in row.labels.values()) or any(v == 1 for v in row.weak.values())
        for row in rows
    ]
    fitted = SGDClassifier(
        loss="log_loss", alpha=3e-6, max_iter=12, tol=None, average=True, random_state=seed
    ).fit(matrix, target)
    # As they will be stored, so that thresholds fit what is read back.
    weights = fitted.coef_[0].astype(np.float16).astype(np.float32)
    return weights, float(fitted.intercept_[0])


def _fit_exit(model: TextModel, glance: Glance, taught: _Read, layer: int, seed: int) -> Exit:
    """Distils the whole network: whether anything reaches the review threshold, and each output."""
    torch.manual_seed(seed)
    glanced = glance.suspicion([w.ids for w in taught.windows])
    x = torch.from_numpy(np.concatenate([taught.states[layer], glanced[:, None]], 1))
    mean, spread = x.mean(0), x.std(0) + 1e-5
    x = (x - mean) / spread
    goal = torch.cat(
        [
            torch.from_numpy(taught.top >= REVIEW_FROM).float()[:, None],
            torch.sigmoid(torch.from_numpy(taught.logits)),
        ],
        1,
    )
    inner, outer = nn.Linear(x.shape[1], _WIDTH), nn.Linear(_WIDTH, goal.shape[1])
    parameters = [*inner.parameters(), *outer.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-2)
    passes, size = 30, 128
    for turn in range(passes):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - turn / passes)
        order = torch.randperm(len(x))
        for at in range(0, len(x), size):
            own = order[at : at + size]
            found = outer(functional.gelu(inner(functional.dropout(x[own], 0.1))))
            each = functional.binary_cross_entropy_with_logits(found, goal[own], reduction="none")
            loss = each[:, 0].mean() + each[:, 1:].mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        # The scaling of the inputs goes into the first matrix.
        weight = inner.weight / spread
        tensors = [weight, inner.bias - weight @ mean, outer.weight, outer.bias]
    return Exit(layer, -np.inf, *(t.detach().half().float() for t in tensors))


def _measured(
    judged: _Read, caught: Bools, languages: np.ndarray, ended: Bools, glanced: Bools
) -> dict[str, object]:
    """Shares for the model card; ``harmless`` are rows without any positive label."""
    harmless = ~judged.violating
    by_language = {
        str(name): {
            "violations": int((caught & (languages == name)).sum()),
            "lost": int((caught & ended & (languages == name)).sum()),
        }
        for name in sorted(set(languages[caught]))
    }
    return {
        "rows": len(ended),
        "harmless_ended": round(float(ended[harmless].mean()), 4),
        "harmless_ended_at_a_glance": round(float(glanced[harmless].mean()), 4),
        "violations_found": int(caught.sum()),
        "violations_lost": int((caught & ended).sum()),
        "by_language": by_language,
    }


def _disguised(
    model: TextModel,
    glance: Glance,
    exits: Sequence[Exit],
    judged: _Read,
    caught: Bools,
    rng: random.Random,
) -> dict[str, int]:
    """How many found violations would end once disguised, among those that have no reading."""
    plain = [judged.rows[i] for i in np.flatnonzero(caught).tolist()]
    rng.shuffle(plain)
    rows = [replace(row, text=disguise(row.text, rng)) for row in plain[:_DISGUISED]]
    unread = [row for row in rows if not readings(row.text, _base(row.language))]
    if not unread:
        return {"rows": len(rows), "without_reading": 0, "ended": 0, "found_and_ended": 0}
    again = _read(model, unread, tuple(door.layer for door in exits))
    suspicion = glance.suspicion([w.ids for w in again.windows])
    ended: Bools = suspicion < glance.threshold
    for door in exits:
        ended = ended | door.ask(torch.from_numpy(again.states[door.layer]), suspicion)[0]
    return {
        "rows": len(rows),
        "without_reading": len(unread),
        "ended": int(ended.sum()),
        "found_and_ended": int((ended & (again.top >= REVIEW_FROM)).sum()),
    }


def _base(language: str) -> str:
    return language.split("-")[0].lower()
