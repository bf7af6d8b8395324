"""What a turn does in a conversation: marks such as trust, wealth hint, payment, secrecy.

Each mark is a ridge regression (Hoerl & Kennard 1970) on the turn's vector, on the text model's
scores, and on what was said before it: the vectors of earlier turns, fading by half every turn and
a half and every day. Because the regression is linear, what was said before is carried as one
number per mark, and a turn costs the same in the tenth as in the ten-thousandth place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moderation.classifiers.conversation.reading import TurnReading
from moderation.classifiers.text.calibration import Floats

#: Marks, and the stage names of the training conversations that they stand for.
MARKS: dict[str, tuple[str, ...]] = {
    "trust": ("trust", "praise"),
    "wealth_hint": ("wealth_hint",),
    "pretext": (
        "authority", "urgency", "fake_support", "fake_order", "fake_payment", "offer", "pitch",
        "small_win", "pressure", "lure", "ask", "isolation", "fake_testimony", "hint",
    ),
    "platform": ("platform",),
    "move": ("move", "recruit"),
    "payment": ("payment", "linked_tasks", "order"),
    "fee": ("withdrawal_fee", "fee"),
    "counter": (
        "detected", "refusal", "counter", "counterspeech", "mod_response", "response", "callout",
        "support", "mediation", "mod",
    ),
    "hostile": (
        "insult", "flood", "pile_on", "threat", "hate", "abuse", "harassment", "regional_hate",
        "escalation",
    ),
    "distress": ("distress",),
    "encouragement": ("bad_reply",),
    "age_probe": ("age_probe",),
    "secrecy": ("secrecy",),
    "gift": ("gift",),
}  # fmt: skip

MARK_NAMES: tuple[str, ...] = tuple(MARKS)

#: What remains of earlier turns after one more turn.
_PER_TURN = 0.6


@dataclass(frozen=True, slots=True)
class MarkWeights:
    """The learnt regression: inputs → marks."""

    own: Floats  #: (hidden + outputs + 1, marks): vector, scaled log odds of scores, constant
    before: Floats  #: (hidden, marks): the faded mean vector of earlier turns

    def of_turn(self, reading: TurnReading) -> tuple[Floats, Floats]:
        """What the turn says by itself (marks,), and what it lends to later turns (marks,)."""
        features = np.concatenate([reading.vector, log_odds(reading.probabilities), [1.0]])
        return (
            (features @ self.own).astype(np.float32),
            (reading.vector @ self.before).astype(np.float32),
        )


def log_odds(probabilities: Floats) -> Floats:
    """Log odds within ±6, times 0.3: of the same order as a vector's coordinates."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    return (0.3 * np.clip(np.log(p / (1 - p)), -6, 6)).astype(np.float32)


def fade(before: Sequence[float], lent: Floats) -> list[float]:
    """The faded mean of what turns lend, after one more turn."""
    return [_PER_TURN * b + (1 - _PER_TURN) * float(x) for b, x in zip(before, lent, strict=True)]
