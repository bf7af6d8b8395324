"""Training of marks and heads: ridge, logistic regression, a line of calibration; no randomness.

A head must not see marks that were fitted on the very conversation, or it would trust them too
much: marks are refitted without each third of the ideas and applied to it. Calibration lines are
fitted on predictions for conversations whose *idea* was held out altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from moderation.classifiers.conversation.labelled import Labelled, fold_of
from moderation.classifiers.conversation.marks import (
    COLUMNS,
    HALF_LIFE,
    IN_CONTEXT,
    MARK_NAMES,
    PER_TURN,
    ContextLine,
    MarkWeights,
    log_odds,
)
from moderation.classifiers.conversation.model import (
    HEADS,
    ConversationDescription,
    write_model,
)
from moderation.classifiers.conversation.progress import (
    FEATURES,
    SCORES,
    Head,
    Progress,
    columns_of,
)
from moderation.classifiers.conversation.state import LURING_MARKS, SCAM_MARKS
from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.reading import ReadingModel, TurnReading

#: Changes when the recipe below does.
VERSION = "4"
#: Ridge of the marks, inverse penalty of the heads; chosen on the seed conversations by idea.
_RIDGE, _INVERSE_PENALTY = 8.0, 0.5
#: How much one conversation weighs against the penalty, spread evenly over its turns.
_WEIGHT = 10.0
_THIRDS, _FOLDS = 3, 5
#: Head → marks and scores that may never speak against it: with few conversations a stage that
#: is told weakly would get a negative weight by chance.
_SPEAKS_FOR: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "scam": (SCAM_MARKS, ("fraud_phishing", "offplatform_luring")),
    "luring": (LURING_MARKS, ("offplatform_luring",)),
}
#: Heads that look at nothing else. With all features the head of luring learnt what surrounds it in
#: a hundred conversations, and was worse than the highest turn where it stands.
_LOOKS_NOWHERE_ELSE = frozenset({"luring"})

Log = Callable[[str], None]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A labelled conversation whose turns have been read."""

    labelled: Labelled
    readings: tuple[TurnReading, ...]

    @cached_property
    def odds(self) -> Floats:
        """(turns, outputs): what each turn says by itself, as scaled log odds."""
        return np.stack([log_odds(reading.probabilities) for reading in self.readings])

    @cached_property
    def inputs(self) -> Doubles:
        """(turns, n): inputs of the regression; of the turn, a constant, of those before it."""
        vectors = np.stack([reading.vector for reading in self.readings])
        said = np.hstack([vectors, self.odds]).astype(np.float64)
        return np.hstack([said, np.ones((len(said), 1)), _faded(said, self.labelled)])

    def through(self, marks: MarkWeights) -> tuple[Floats, Floats]:
        """What each turn says by itself and what it lends, both (turns, COLUMNS)."""
        n = len(marks.before)
        own = self.inputs[:, : n + 1] @ marks.own
        lent = self.inputs[:, :n] @ marks.before
        return own.astype(np.float32), lent.astype(np.float32)


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


def _faded(said: Doubles, labelled: Labelled) -> Doubles:
    """(turns, n): the faded mean of what came before, as `Progress` carries it."""
    found = np.zeros_like(said)
    faded = np.zeros(said.shape[1])
    last: float | None = None
    for i, turn in enumerate(labelled.transcript.turns):
        gap = 0.0 if last is None or turn.seconds is None else max(0.0, turn.seconds - last)
        faded = faded * 0.5 ** (gap / HALF_LIFE)
        found[i] = faded
        faded = PER_TURN * faded + (1 - PER_TURN) * said[i]
        last = turn.seconds if turn.seconds is not None else last
    return found


@dataclass(frozen=True)
class Moments:
    """What a ridge regression needs to know of its examples; moments add up."""

    gram: Doubles  #: (inputs, inputs)
    cross: Doubles  #: (inputs, COLUMNS)

    @classmethod
    def of(cls, examples: Sequence[Example], width: int) -> Self:
        """Of the examples that have marks; ``width`` inputs."""
        gram, cross = np.zeros((width, width)), np.zeros((width, COLUMNS))
        for example in examples:
            if example.labelled.has_marks:
                gram += example.inputs.T @ example.inputs
                cross += example.inputs.T @ example.labelled.columns()
        return cls(gram, cross)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.gram + other.gram, self.cross + other.cross)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.gram - other.gram, self.cross - other.cross)

    def marks(self) -> MarkWeights:
        """Ridge regression of all columns at once."""
        ridge = self.gram + _RIDGE * np.eye(len(self.gram))
        solved = np.linalg.solve(ridge, self.cross).astype(np.float32)
        split = (len(solved) + 1) // 2
        return MarkWeights(solved[:split], solved[split:])


def fit_marks(examples: Sequence[Example]) -> MarkWeights:
    """Ridge regression of marks and leanings on these conversations."""
    return Moments.of(examples, examples[0].inputs.shape[1]).marks()


def leanings_of(example: Example, marks: MarkWeights) -> Floats:
    """(turns, IN_CONTEXT): how far each turn leans towards a category where it stands."""
    progress = Progress()
    turns = example.labelled.transcript.turns
    rows = [
        progress.columns(own, lent, turn.seconds)
        for turn, own, lent in zip(turns, *example.through(marks), strict=True)
    ]
    return np.asarray(rows, np.float32)[:, len(MARK_NAMES) :]


def fit_lines(
    examples: Sequence[Example], leanings: Sequence[Floats], outputs: Sequence[str]
) -> dict[str, ContextLine]:
    """Calibration of turns in context.

    Args:
        leanings: of each example, from marks that were fitted without its idea.
    """
    stacked = np.vstack(leanings)
    odds = np.vstack([example.odds for example in examples])
    truth = np.vstack([e.labelled.columns() for e in examples])[:, len(MARK_NAMES) :]
    lines = {}
    for column, name in enumerate(IN_CONTEXT):
        inputs = np.stack([odds[:, list(outputs).index(name)], stacked[:, column]], axis=1)
        even = np.ones(len(inputs))
        own, leaning, constant = _logistic(inputs, truth[:, column].astype(float), even, 1.0)
        lines[name] = ContextLine(own=max(own, 0), leaning=max(leaning, 0), constant=constant)
    return lines


def features_of(
    example: Example,
    marks: MarkWeights,
    lines: Mapping[str, ContextLine],
    outputs: Sequence[str],
) -> Floats:
    """(turns, `FEATURES`): what the heads see after each turn."""
    columns = {name: i for i, name in enumerate(outputs) if name in SCORES}
    progress = Progress()
    rows = []
    own, lent = example.through(marks)
    for i, turn in enumerate(example.labelled.transcript.turns):
        probabilities = example.readings[i].probabilities
        scores = {name: float(probabilities[column]) for name, column in columns.items()}
        progress.add(own[i], lent[i], scores, turn.seconds, lines)
        rows.append(progress.features())
    return np.stack(rows)


@dataclass(frozen=True)
class Parts:
    """A fitted model, its heads not yet calibrated."""

    marks: MarkWeights
    lines: dict[str, ContextLine]
    heads: dict[str, Head]

    def curve(self, example: Example, outputs: Sequence[str]) -> dict[str, Floats]:
        """Head → (turns,) log odds after each turn."""
        features = features_of(example, self.marks, self.lines, outputs)
        return {n: features @ np.asarray(h.weights) + h.bias for n, h in self.heads.items()}


def fit_parts(examples: Sequence[Example], outputs: Sequence[str]) -> Parts:
    """Marks, lines and uncalibrated heads.

    Lines and heads see marks that were fitted without the third of the ideas that the
    conversation's idea belongs to.
    """
    thirds = [fold_of(e.labelled.idea, _THIRDS) for e in examples]
    width = examples[0].inputs.shape[1]
    moments = [
        Moments.of([e for e, third in zip(examples, thirds, strict=True) if third == own], width)
        for own in range(_THIRDS)
    ]
    whole = moments[0] + moments[1] + moments[2]
    apart = [(whole - own).marks() for own in moments]
    marked = [(e, third) for e, third in zip(examples, thirds, strict=True) if e.labelled.has_marks]
    lines = fit_lines(
        [e for e, _ in marked], [leanings_of(e, apart[third]) for e, third in marked], outputs
    )
    features = [
        features_of(e, apart[third], lines, outputs)
        for e, third in zip(examples, thirds, strict=True)
    ]
    heads = {}
    for name in HEADS:
        used = [(e, f) for e, f in zip(examples, features, strict=True) if _counts(e, name)]
        truth = np.concatenate([_truth(e, name) for e, _ in used])
        weights = np.concatenate(
            [np.full(len(f), _WEIGHT * e.labelled.weight / len(f)) for e, f in used]
        )
        heads[name] = _fit_head(name, np.vstack([f for _, f in used]), truth, weights)
    return Parts(whole.marks(), lines, heads)


def _fit_head(name: str, inputs: Floats, truth: Doubles, weights: Doubles) -> Head:
    positive = columns_of(*_SPEAKS_FOR.get(name, ((), ())))
    seen = list(range(FEATURES))
    if name in _LOOKS_NOWHERE_ELSE:
        seen, positive = positive, list(range(len(positive)))
    solved = _never_against(inputs[:, seen], truth, weights, _INVERSE_PENALTY, positive)
    every = np.zeros(FEATURES)
    every[seen] = solved[:-1]
    return Head(weights=tuple(map(float, every)), bias=float(solved[-1]))


def _truth(example: Example, head: str) -> Doubles:
    """(turns,): 1 where the head should say yes. Luring begins, half way through on average, with
    the first turn that its author called so; a scam is one from the first turn on."""
    turns = len(example.labelled.transcript.turns)
    truth = np.full(turns, _is(example, head), np.float64)
    if head == "luring":
        said = (i for i, own in enumerate(example.labelled.turn_labels) if head in own)
        truth[: next(said, 0)] = 0
    return truth


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


def _never_against(
    inputs: Floats,
    truth: Doubles,
    weights: Doubles,
    inverse_penalty: float,
    positive: Sequence[int],
) -> Doubles:
    """As `_logistic`, with no negative weight for the columns in ``positive``."""
    start = _logistic(inputs, truth, weights, inverse_penalty)
    if not positive:
        return start
    x = np.hstack([inputs, np.ones((len(inputs), 1))]).astype(np.float64)
    penalty = np.full(x.shape[1], 1.0)
    penalty[-1] = 1e-6

    def loss(w: Doubles) -> tuple[float, Doubles]:
        z = np.clip(x @ w, -30, 30)
        error = 1 / (1 + np.exp(-z)) - truth
        missed = inverse_penalty * float(weights @ (np.logaddexp(0, z) - truth * z))
        gradient = inverse_penalty * x.T @ (weights * error) + penalty * w
        return missed + 0.5 * float(penalty @ w**2), gradient

    start[list(positive)] = np.maximum(start[list(positive)], 0)
    bounds = [(0 if i in positive else None, None) for i in range(x.shape[1])]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, np.float64)


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
        parts = fit_parts([*rest, *extra], outputs)
        for example in examples:
            if group(example.labelled) == held:
                for name, curve in parts.curve(example, outputs).items():
                    curves[name][example.labelled.id] = curve
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
    truth = np.concatenate([_truth(e, name) for e in used])
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
    parts = fit_parts(examples, reader.outputs)
    log("fitting without each idea, for calibration")
    curves = held_out_curves(own, reader.outputs, by_idea, extra)
    heads = {name: calibrated(head, curves[name], own, name) for name, head in parts.heads.items()}
    return write_model(
        folder,
        parts.marks,
        parts.lines,
        heads,
        version=VERSION,
        calibration_version=f"{VERSION}-by-idea",
        text_weights_sha256=reader.weights_sha256,
    )
