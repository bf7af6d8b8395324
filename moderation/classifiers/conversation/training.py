"""Training of marks and heads: ridge, logistic regression, a line of calibration; no randomness.

A head must not see marks that were fitted on the very conversation, or it would trust them too
much: marks are refitted without each third of the conversations and applied to it. Calibration
lines are fitted on predictions for conversations whose *idea* was held out altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.classifiers.conversation.labelled import Labelled, fold_of
from moderation.classifiers.conversation.marks import MarkWeights, log_odds
from moderation.classifiers.conversation.model import (
    HEADS,
    ConversationDescription,
    write_model,
)
from moderation.classifiers.conversation.progress import SCORES, Head, Progress
from moderation.classifiers.conversation.reading import ReadingModel, TurnReading
from moderation.classifiers.text.calibration import Floats

#: Changes when the recipe below does.
VERSION = "1"
#: Ridge of the marks, inverse penalty of the heads; chosen on the seed conversations by idea.
_RIDGE, _INVERSE_PENALTY = 8.0, 0.5
#: How much one conversation weighs against the penalty, spread evenly over its turns.
_WEIGHT = 10.0
_THIRDS, _FOLDS = 3, 5

Log = Callable[[str], None]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A labelled conversation whose turns have been read."""

    labelled: Labelled
    readings: tuple[TurnReading, ...]


def read_all(
    reader: ReadingModel, conversations: Sequence[Labelled], log: Log = lambda _: None
) -> list[Example]:
    """Every turn through the text model, once; neighbours in length share a batch."""
    texts = [
        (turn.text, c.language.split("-")[0]) for c in conversations for turn in c.transcript.turns
    ]
    distinct = sorted(dict.fromkeys(texts), key=lambda pair: len(pair[0]))
    readings: dict[tuple[str, str], TurnReading] = {}
    for at in range(0, len(distinct), 256):
        part = distinct[at : at + 256]
        found = reader.read([text for text, _ in part], [language for _, language in part])
        readings |= dict(zip(part, found, strict=True))
        log(f"read {min(at + 256, len(distinct))} of {len(distinct)} turns")
    return [
        Example(
            c,
            tuple(readings[t.text, c.language.split("-")[0]] for t in c.transcript.turns),
        )
        for c in conversations
    ]


def fit_marks(examples: Sequence[Example]) -> MarkWeights:
    """Ridge regression of all marks at once."""
    own, before, marks = [], [], []
    for example in examples:
        if not example.labelled.has_marks:
            continue
        vectors = np.stack([r.vector for r in example.readings]).astype(np.float64)
        odds = np.stack([log_odds(r.probabilities) for r in example.readings])
        own.append(np.hstack([vectors, odds, np.ones((len(vectors), 1))]))
        before.append(_faded(vectors, example.labelled))
        marks.append(example.labelled.marks())
    inputs = np.hstack([np.vstack(own), np.vstack(before)])
    gram = inputs.T @ inputs + _RIDGE * np.eye(inputs.shape[1])
    solved = np.linalg.solve(gram, inputs.T @ np.vstack(marks)).astype(np.float32)
    split = own[0].shape[1]
    return MarkWeights(solved[:split], solved[split:])


def _faded(vectors: Doubles, labelled: Labelled) -> Doubles:
    """(turns, hidden): the faded mean of what came before, as `Progress` carries it."""
    found = np.zeros_like(vectors)
    faded = np.zeros(vectors.shape[1])
    last: float | None = None
    for i, turn in enumerate(labelled.transcript.turns):
        gap = 0.0 if last is None or turn.seconds is None else max(0.0, turn.seconds - last)
        faded = faded * 0.5 ** (gap / 86_400.0)
        found[i] = faded
        faded = 0.6 * faded + 0.4 * vectors[i]
        last = turn.seconds if turn.seconds is not None else last
    return found


def features_of(example: Example, marks: MarkWeights, outputs: Sequence[str]) -> Floats:
    """(turns, `FEATURES`): what the heads see after each turn."""
    columns = {name: i for i, name in enumerate(outputs) if name in SCORES}
    progress = Progress()
    rows = []
    for turn, reading in zip(example.labelled.transcript.turns, example.readings, strict=True):
        own, lent = marks.of_turn(reading)
        scores = {name: float(reading.probabilities[i]) for name, i in columns.items()}
        progress.add(own, lent, scores, turn.seconds)
        rows.append(progress.features())
    return np.stack(rows)


def fit_parts(
    examples: Sequence[Example], outputs: Sequence[str]
) -> tuple[MarkWeights, dict[str, Head]]:
    """Marks and uncalibrated heads."""
    marked = [e for e in examples if e.labelled.has_marks]
    thirds = [
        fit_marks([e for e in marked if fold_of(e.labelled.id, _THIRDS) != third])
        for third in range(_THIRDS)
    ]
    features = [features_of(e, thirds[fold_of(e.labelled.id, _THIRDS)], outputs) for e in examples]
    heads = {}
    for name in HEADS:
        used = [(e, f) for e, f in zip(examples, features, strict=True) if _counts(e, name)]
        truth = np.concatenate([np.full(len(f), _is(e, name), np.float64) for e, f in used])
        weights = np.concatenate(
            [np.full(len(f), _WEIGHT * e.labelled.weight / len(f)) for e, f in used]
        )
        solved = _logistic(np.vstack([f for _, f in used]), truth, weights, _INVERSE_PENALTY)
        heads[name] = Head(weights=tuple(map(float, solved[:-1])), bias=float(solved[-1]))
    return fit_marks(marked), heads


def _is(example: Example, head: str) -> bool:
    labels = example.labelled.labels
    return {"scam": "fraud", "luring": "luring", "self_harm": "self_harm"}[head] in labels


def _counts(example: Example, head: str) -> bool:
    """Illicit offers that lure are neither a scam nor harmless; transcripts tell of fraud only."""
    if head == "scam":
        return _is(example, head) or "luring" not in example.labelled.labels
    return example.labelled.has_marks


def _logistic(inputs: Floats, truth: Doubles, weights: Doubles, inverse_penalty: float) -> Doubles:
    """Newton's method; the constant, last, is not penalised."""
    x = np.hstack([inputs, np.ones((len(inputs), 1))]).astype(np.float64)
    penalty = np.full(x.shape[1], 1.0)
    penalty[-1] = 1e-6
    w = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = inverse_penalty * x.T @ (weights * (p - truth)) + penalty * w
        curvature = inverse_penalty * (x.T * (weights * p * (1 - p))) @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        w -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-7:
            break
    return w


def held_out_curves(
    examples: Sequence[Example],
    outputs: Sequence[str],
    group: Callable[[Labelled], int],
    extra: Sequence[Example] = (),
) -> dict[str, dict[str, Floats]]:
    """Head → conversation → (turns,) uncalibrated log odds, from a model that never saw its group.

    Args:
        extra: always trained on, never predicted.
    """
    curves: dict[str, dict[str, Floats]] = {name: {} for name in HEADS}
    for held in sorted({group(e.labelled) for e in examples}):
        rest = [e for e in examples if group(e.labelled) != held]
        marks, heads = fit_parts([*rest, *extra], outputs)
        for example in examples:
            if group(example.labelled) != held:
                continue
            features = features_of(example, marks, outputs)
            for name, head in heads.items():
                curves[name][example.labelled.id] = features @ np.asarray(head.weights) + head.bias
    return curves


def by_idea(labelled: Labelled) -> int:
    """Five folds; conversations of one idea are in one fold."""
    return fold_of(labelled.idea, _FOLDS)


def calibrated(
    head: Head, curves: dict[str, Floats], examples: Sequence[Example], name: str
) -> Head:
    """The head with a line fitted on held-out log odds, every conversation weighing the same."""
    used = [e for e in examples if _counts(e, name)]
    z = np.concatenate([curves[e.labelled.id] for e in used])
    truth = np.concatenate(
        [np.full(len(curves[e.labelled.id]), _is(e, name), np.float64) for e in used]
    )
    weights = np.concatenate(
        [np.full(len(curves[e.labelled.id]), 1 / len(curves[e.labelled.id])) for e in used]
    )
    slope, intercept = _logistic(z[:, None], truth, weights, 1.0)
    return head.model_copy(update={"slope": float(max(slope, 0.05)), "intercept": float(intercept)})


def train(
    reader: ReadingModel,
    conversations: Sequence[Labelled],
    transcripts: Sequence[Labelled],
    folder: Path,
    log: Log = lambda _: None,
) -> ConversationDescription:
    """Read everything once, fit marks and heads, calibrate, and save.

    Args:
        conversations: with stages; also what calibration is fitted on.
        transcripts: further two-party transcripts, for the scam head only.
    """
    examples = read_all(reader, [*conversations, *transcripts], log)
    own, extra = examples[: len(conversations)], examples[len(conversations) :]
    log("fitting on every conversation")
    marks, heads = fit_parts(examples, reader.outputs)
    log("fitting without each idea, for calibration")
    curves = held_out_curves(own, reader.outputs, by_idea, extra)
    heads = {name: calibrated(head, curves[name], own, name) for name, head in heads.items()}
    return write_model(
        folder,
        marks,
        heads,
        version=VERSION,
        calibration_version=f"{VERSION}-by-idea",
        text_weights_sha256=reader.weights_sha256,
    )
