"""One turn as the detectors get it: who said it when, what it was read as, what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moderation.classifiers.conversation.marks import MARK_NAMES
from moderation.items import AgeBracket

#: Weight of a score in the hostility of a turn. Rudeness at nobody is not hostility yet.
_HOSTILE = {"harassment": 1.0, "hate": 1.0, "threat_incitement": 1.0, "toxicity": 0.7}


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn with everything the detectors look at."""

    index: int  #: position in the conversation, from 0
    speaker: str
    text: str
    seconds: float | None
    scores: Mapping[str, float]  #: category → probability of the turn by itself
    marks: Sequence[float]  #: strength of each mark, in the order of `MARK_NAMES`
    target: str | None
    contacts: tuple[str, ...] = ()  #: kinds of contact tokens in the text
    role: str | None = None
    account_age_days: int | None = None
    age: AgeBracket = AgeBracket.UNKNOWN
    is_first: bool = False  #: the speaker's first turn here

    def mark(self, name: str) -> float:
        """The strength of one mark, 0 to 1."""
        return min(1.0, max(0.0, self.marks[MARK_NAMES.index(name)]))

    @property
    def hostility(self) -> float:
        """How hostile the turn is, 0 to 1: the strongest of the scores that say so, and half of
        what the marks say, so that a short line in a hostile context counts."""
        said = max(weight * self.scores.get(name, 0.0) for name, weight in _HOSTILE.items())
        return max(said, 0.5 * said + 0.5 * self.mark("hostile"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says about the conversation as a whole."""

    name: str  #: `conversation.raid`
    category: str | None
    probability: float
    ranges: tuple[tuple[int, int], ...]  #: turns, first and last included
    note: str
    calibrated: bool = False
    aspect: str | None = None
