"""What the heads of the conversation model are fitted to look at."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.classifiers.conversation.labelled import Labelled, seed_conversations
from moderation.classifiers.conversation.progress import FEATURES, columns_of
from moderation.classifiers.conversation.state import LURING_MARKS
from moderation.classifiers.conversation.training import Example, Parts, fit_parts
from moderation.classifiers.text.reading import TurnReading

OUTPUTS = ("fraud_phishing", "offplatform_luring", "self_harm", "harassment", "toxicity")
_LABELS = ("fraud", "luring", "self_harm", "harassment", "toxicity")


def read(labelled: Labelled, chance: np.random.Generator) -> Example:
    """Readings of a text model that is mostly right about single turns."""
    readings = []
    for labels in labelled.turn_labels:
        right = np.array([0.8 if label in labels else 0.1 for label in _LABELS])
        noise = chance.uniform(-0.08, 0.08, len(OUTPUTS))
        vector = chance.normal(size=6)
        readings.append(TurnReading((right + noise).astype(np.float32), vector.astype(np.float32)))
    return Example(labelled, tuple(readings))


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    chance = np.random.default_rng(7)
    return [read(labelled, chance) for labelled in seed_conversations()[:120]]


@pytest.fixture(scope="module")
def parts(examples: list[Example]) -> Parts:
    return fit_parts(examples, OUTPUTS)


def test_luring_is_told_by_luring_alone_and_nothing_of_it_speaks_against(parts: Parts) -> None:
    looked_at = columns_of(LURING_MARKS, ("offplatform_luring",))
    weights = np.asarray(parts.heads["luring"].weights)
    assert len(weights) == FEATURES
    assert (weights[looked_at] >= 0).all()
    assert weights[looked_at].any()
    assert not np.delete(weights, looked_at).any()


def test_luring_rises_where_it_begins_and_not_before(examples: list[Example], parts: Parts) -> None:
    before, after = [], []
    for example in examples:
        lures = [i for i, labels in enumerate(example.labelled.turn_labels) if "luring" in labels]
        if lures and lures[0] > 0:
            curve = parts.curve(example, OUTPUTS)["luring"]
            before.append(curve[lures[0] - 1])
            after.append(curve[lures[0]])
    assert np.mean(np.asarray(after) > np.asarray(before)) > 0.9
    assert np.median(before) < 0 < np.median(after)
