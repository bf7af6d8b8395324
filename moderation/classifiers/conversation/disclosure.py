"""Somebody discloses distress: who, from which turn on, and how the others answer.

Whether the conversation is about self-harm at all is told by the learnt head `self_harm` over the
whole conversation; this module finds the person and the turns, and whether others encourage it.
A disclosure is a case for support (aspect `distress`), never a violation. Encouragement needs a
disclosure by one and, after it, a turn of another that the marks call encouragement or that is
hostile towards the person.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.signals import SelfHarmAspect

_DISCLOSED_FROM = 0.5
_SHOWN_FROM = 0.25
_MOST = 32


class Disclosed(BaseModel):
    """One participant's disclosure."""

    model_config = ConfigDict(extra="forbid")

    strength: float
    first: int
    last: int


class Disclosure(BaseModel):
    """Participant → disclosure, and the worst answer to one."""

    model_config = ConfigDict(extra="forbid")

    by: dict[str, Disclosed] = Field(default_factory=dict)
    worst_answer: float = 0.0
    answers: tuple[int, int] = (-1, -1)

    def add(self, turn: Heard) -> None:
        """One more turn."""
        answer = 0.0
        others = [name for name in self.by if name != turn.speaker]
        if others:
            towards = turn.target in others or len(self.by) == 1
            answer = max(turn.mark("encouragement"), 0.7 * turn.hostility if towards else 0.0)
            if answer >= _DISCLOSED_FROM:
                self.worst_answer = max(self.worst_answer, answer)
                first = turn.index if self.answers[0] < 0 else self.answers[0]
                self.answers = (first, turn.index)
        told = max(turn.scores.get("self_harm", 0.0), turn.mark("distress"))
        if told >= _DISCLOSED_FROM and told > answer:
            known = self.by.pop(turn.speaker, None)
            self.by[turn.speaker] = Disclosed(
                strength=max(told, known.strength if known else 0.0),
                first=known.first if known else turn.index,
                last=turn.index,
            )
            while len(self.by) > _MOST:
                del self.by[next(iter(self.by))]

    def findings(self, probability: float) -> list[Finding]:
        """The disclosure, and encouragement if there was any.

        Args:
            probability: that the conversation is about self-harm, from the head.
        """
        if not self.by or probability < _SHOWN_FROM:
            return []
        who = max(self.by, key=lambda name: self.by[name].strength)
        told = self.by[who]
        found = [
            Finding(
                "conversation.disclosure",
                "self_harm",
                probability,
                ((told.first, told.last),),
                f"{who or 'a participant'} discloses distress; offer help",
                calibrated=True,
                aspect=SelfHarmAspect.DISTRESS,
            )
        ]
        encouraged = min(probability, self.worst_answer)
        if encouraged >= _SHOWN_FROM:
            found.append(
                Finding(
                    "conversation.encouragement",
                    "self_harm",
                    encouraged,
                    (self.answers,),
                    "others answer a disclosure with encouragement or hostility",
                    aspect=SelfHarmAspect.ENCOURAGEMENT,
                )
            )
        return found
