"""What a turn does in a conversation: marks such as trust, wealth hint, payment, secrecy.

Each mark is a ridge regression (Hoerl & Kennard 1970) on the turn's vector, on the text model's
scores, and on what was said before it, in whatever language: vectors and scores of earlier turns,
fading by half every turn and a half and every day. Because the regression is linear, what was said
before is carried as one number per mark, and a turn costs the same in the tenth as in the
ten-thousandth place.

The same regression gives, for some categories, how far a turn leans towards them where it stands;
a `ContextLine` makes a calibrated score of that and of what the turn says by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.reading import TurnReading

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

#: Categories whose turns are told better where they stand than alone, and the label of the
#: training conversations that each goes by. For the others it made no difference or did harm,
#: see ``docs/conversations.md``.
IN_CONTEXT: dict[str, str] = {
    "fraud_phishing": "fraud",
    "offplatform_luring": "luring",
    "harassment": "harassment",
    "toxicity": "toxicity",
}
#: What the regression gives for each turn: marks, then leanings towards the categories.
COLUMNS = len(MARK_NAMES) + len(IN_CONTEXT)

#: What remains of earlier turns after one more turn.
PER_TURN = 0.6
#: Seconds after which what was said before counts half.
HALF_LIFE = 86_400.0


@dataclass(frozen=True, slots=True)
class MarkWeights:
    """The learnt regression: inputs → `COLUMNS`."""

    own: Floats  #: (hidden + outputs + 1, COLUMNS): vector, scaled log odds of scores, constant
    before: Floats  #: (hidden + outputs, COLUMNS): the faded mean of earlier turns' inputs

    def of_turn(self, reading: TurnReading) -> tuple[Floats, Floats]:
        """What the turn says by itself (COLUMNS,), and what it lends to later turns (COLUMNS,)."""
        said = np.concatenate([reading.vector, log_odds(reading.probabilities)])
        return (
            (np.append(said, 1.0) @ self.own).astype(np.float32),
            (said @ self.before).astype(np.float32),
        )


class ContextLine(BaseModel):
    """Calibration of one category in context: log odds from the own score and the leaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    own: float = Field(ge=0)
    leaning: float = Field(ge=0)
    constant: float

    def probability(self, score: float, leaning: float) -> float:
        """The calibrated probability of the turn where it stands."""
        z = self.own * scaled_odds(score) + self.leaning * leaning + self.constant
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def scaled_odds(probability: float) -> float:
    """`log_odds` of one number."""
    p = min(max(probability, 1e-6), 1 - 1e-6)
    return 0.3 * min(6.0, max(-6.0, math.log(p / (1 - p))))


def log_odds(probabilities: Floats) -> Floats:
    """Log odds within ±6, times 0.3: of the same order as a vector's coordinates."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    return (0.3 * np.clip(np.log(p / (1 - p)), -6, 6)).astype(np.float32)


def fade(before: Sequence[float], lent: Floats) -> list[float]:
    """The faded mean of what turns lend, after one more turn."""
    return [PER_TURN * b + (1 - PER_TURN) * float(x) for b, x in zip(before, lent, strict=True)]
