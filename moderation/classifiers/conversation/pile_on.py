"""Pile-on: several participants turn on one.

For each participant who is a target, the strongest hostile turn of each attacker within the last
`WINDOW_TURNS` turns (and one day), and a little for each attacker's further hostile turns. One
attacker is a quarrel; from the second on the probability is ``1 - exp(-(sum - 1))``, with the sum
of these, and two attackers alone count less. A heuristic; its figures on the seed conversations
are in ``docs/conversations.md``.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.heard import Finding, Heard

WINDOW_TURNS = 60
_WINDOW_SECONDS = 86_400.0
_HOSTILE_FROM = 0.5
_MOST_TARGETS, _MOST_ATTACKERS = 16, 32
_SHOWN_FROM = 0.2
#: What a further hostile turn of the same attacker adds, and how many of them count.
_AGAIN, _MOST_AGAIN = 0.2, 3
#: What the probability is multiplied by, for so many attackers.
_FEW = {1: 0.0, 2: 0.8}


class Attack(BaseModel):
    """What one attacker has done."""

    model_config = ConfigDict(extra="forbid")

    turn: int  #: the newest
    first: int
    seconds: float | None
    strength: float
    again: int = 0  #: further hostile turns


class PileOn(BaseModel):
    """Target → attacker → attack, and the worst so far."""

    model_config = ConfigDict(extra="forbid")

    attacks: dict[str, dict[str, Attack]] = Field(default_factory=dict)
    peak: float = 0.0
    peak_target: str = ""
    peak_range: tuple[int, int] = (0, 0)
    peak_attackers: int = 0

    def add(self, turn: Heard) -> None:
        """One more turn."""
        if turn.target is None or turn.hostility < _HOSTILE_FROM:
            return
        own = self.attacks.setdefault(turn.target, {})
        for name in [n for n, attack in own.items() if _is_over(attack, turn)]:
            del own[name]
        known = own.pop(turn.speaker, None)
        own[turn.speaker] = Attack(
            turn=turn.index,
            first=known.first if known else turn.index,
            seconds=turn.seconds,
            strength=max(turn.hostility, known.strength if known else 0.0),
            again=known.again + 1 if known else 0,
        )
        _forget_oldest(own, _MOST_ATTACKERS)
        self.attacks[turn.target] = self.attacks.pop(turn.target)
        _forget_oldest(self.attacks, _MOST_TARGETS)
        self._measure(turn.target, own)

    def _measure(self, target: str, own: dict[str, Attack]) -> None:
        together = sum(a.strength + _AGAIN * min(a.again, _MOST_AGAIN) for a in own.values())
        probability = (1 - math.exp(-max(0.0, together - 1.0))) * _FEW.get(len(own), 1.0)
        if probability > self.peak:
            self.peak, self.peak_target = probability, target
            self.peak_range = (
                min(attack.first for attack in own.values()),
                max(attack.turn for attack in own.values()),
            )
            self.peak_attackers = len(own)

    def findings(self) -> list[Finding]:
        """At most one, for the participant who had it worst."""
        if self.peak < _SHOWN_FROM:
            return []
        note = f"{self.peak_attackers} participants turn on {self.peak_target}"
        return [Finding("conversation.pile_on", "harassment", self.peak, (self.peak_range,), note)]


def _is_over(attack: Attack, turn: Heard) -> bool:
    if turn.index - attack.turn > WINDOW_TURNS:
        return True
    if turn.seconds is None or attack.seconds is None:
        return False
    return turn.seconds - attack.seconds > _WINDOW_SECONDS


def _forget_oldest(entries: dict[str, Any], most: int) -> None:
    while len(entries) > most:
        del entries[next(iter(entries))]
