"""Escalation: hostility that rises above what the conversation was used to.

Two running means of the hostility of turns, one quick (a third of the newest turn) and one slow (a
twentieth); their difference is the trend, the quick one the level. The number is a heuristic: it
orders conversations, it is no frequency. It carries no category: it is for the reviewer and for
policy on a trend, the harm itself is scored where it is said.
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from moderation.classifiers.conversation.heard import Finding, Heard

_QUICK, _SLOW = 1 / 3, 1 / 20
#: The level at which a rising conversation has an even chance of being called an escalation.
_EVEN, _STEEP, _TREND = 0.75, 10.0, 2.0
_SHOWN_FROM = 0.3


class Escalation(BaseModel):
    """Running means, and where the rise began."""

    model_config = ConfigDict(extra="forbid")

    quick: float = 0.0
    slow: float = 0.0
    rising_since: int = -1
    peak: float = 0.0
    peak_range: tuple[int, int] = (0, 0)

    def add(self, turn: Heard) -> None:
        """One more turn."""
        hostility = turn.hostility
        self.quick += _QUICK * (hostility - self.quick)
        self.slow += _SLOW * (hostility - self.slow)
        trend = self.quick - self.slow
        if trend < 0.1:
            self.rising_since = -1
        elif self.rising_since < 0:
            self.rising_since = turn.index
        now = 1 / (1 + math.exp(-_STEEP * (self.quick + (trend / _TREND) - _EVEN)))
        if self.rising_since >= 0 and now > self.peak:
            self.peak = now
            self.peak_range = (self.rising_since, turn.index)

    def findings(self) -> list[Finding]:
        """At most one, for the steepest rise so far."""
        if self.peak < _SHOWN_FROM:
            return []
        note = "hostility rises over these turns"
        return [Finding("conversation.escalation", None, self.peak, (self.peak_range,), note)]
