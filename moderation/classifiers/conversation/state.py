"""The state of a conversation after any number of turns: small, and as JSON.

Turns are added one at a time, in order; the findings after the last turn are the same whether they
were added one by one in a live room, with restarts between, or all at once from a file.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.disclosure import Disclosure
from moderation.classifiers.conversation.escalation import Escalation
from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.marks import COLUMNS, ContextLine
from moderation.classifiers.conversation.minor_risk import MinorRisk, RestrictedLexicon
from moderation.classifiers.conversation.model import ConversationModel
from moderation.classifiers.conversation.pile_on import PileOn
from moderation.classifiers.conversation.progress import Progress
from moderation.classifiers.conversation.raid import Raid
from moderation.classifiers.conversation.targets import Floor, target_of
from moderation.classifiers.text.calibration import Floats
from moderation.items import AgeBracket, Participant, Turn

#: Marks that make up a scam, in their usual order.
SCAM_MARKS = ("trust", "wealth_hint", "pretext", "platform", "move", "payment", "fee")
LURING_MARKS = ("move", "platform")
_SHOWN_FROM = 0.2
#: Turns of the newest part of a conversation, whose worst turn is the rolling risk of a room.
WINDOW = 40


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A turn with what the models made of it; does not depend on the other turns."""

    turn: Turn
    scores: Mapping[str, float]  #: category → probability of the turn by itself
    own: Floats  #: (COLUMNS,)
    lent: Floats  #: (COLUMNS,)
    contacts: tuple[str, ...] = ()

    def packed(self, outputs: tuple[str, ...]) -> bytes:
        """As bytes, exactly: what a live room keeps of a turn beside its text."""
        values = np.concatenate(
            [[self.scores[name] for name in outputs], self.own, self.lent]
        ).astype("<f4")
        contacts = ",".join(self.contacts).encode()
        return struct.pack("<H", len(values)) + values.tobytes() + contacts

    @classmethod
    def unpacked(cls, turn: Turn, data: bytes, outputs: tuple[str, ...]) -> Self:
        """The reverse of `packed`."""
        (count,) = struct.unpack_from("<H", data)
        values = np.frombuffer(data, "<f4", count, 2).astype(np.float32)
        contacts = data[2 + 4 * count :].decode()
        n = len(outputs)
        return cls(
            turn,
            {name: float(p) for name, p in zip(outputs, values[:n], strict=True)},
            values[n : n + COLUMNS],
            values[n + COLUMNS :],
            tuple(contacts.split(",")) if contacts else (),
        )


class ConversationState(BaseModel):
    """Everything that later turns need to know of earlier ones."""

    model_config = ConfigDict(extra="forbid")

    progress: Progress = Field(default_factory=Progress)
    floor: Floor = Field(default_factory=Floor)
    escalation: Escalation = Field(default_factory=Escalation)
    pile_on: PileOn = Field(default_factory=PileOn)
    raid: Raid = Field(default_factory=Raid)
    disclosure: Disclosure = Field(default_factory=Disclosure)
    minor_risk: MinorRisk = Field(default_factory=MinorRisk)
    worst: dict[str, float] = Field(default_factory=dict)  #: category → highest turn score
    worst_turn: dict[str, int] = Field(default_factory=dict)
    #: category → (turn, score) of the last `WINDOW` turns that no later turn exceeds
    recent: dict[str, list[tuple[int, float]]] = Field(default_factory=dict)

    def add(
        self,
        read: ReadTurn,
        participants: Mapping[str, Participant],
        lexicon: RestrictedLexicon,
        lines: Mapping[str, ContextLine],
    ) -> Heard:
        """One more turn, in order; in time and memory that do not grow with the conversation."""
        turn = read.turn
        known = participants.get(turn.speaker)
        role = turn.role or (known.role if known else None)
        index = self.progress.turns
        standing = self.progress.add(read.own, read.lent, read.scores, turn.seconds, lines)
        heard = Heard(
            index=index,
            speaker=turn.speaker,
            text=turn.text,
            seconds=turn.seconds,
            scores=read.scores,
            in_context=standing.scores,
            marks=standing.marks,
            target=target_of(turn.text[:2000], turn.speaker, self.floor, turn.reply_to),
            contacts=read.contacts,
            role=role,
            account_age_days=known.account_age_days if known else None,
            age=known.age if known else AgeBracket.UNKNOWN,
            is_first=self.floor.is_first(turn.speaker),
        )
        self.floor.add(turn.speaker, role, turn.id)
        for detector in (self.escalation, self.pile_on, self.raid, self.disclosure):
            detector.add(heard)
        self.minor_risk.add(heard, lexicon)
        self._remember(index, standing.scores)
        return heard

    def _remember(self, index: int, scores: Mapping[str, float]) -> None:
        for name, probability in scores.items():
            if probability > self.worst.get(name, -1.0):
                self.worst[name], self.worst_turn[name] = probability, index
            newest = self.recent.setdefault(name, [])
            while newest and newest[-1][1] <= probability:
                newest.pop()
            newest.append((index, probability))
            if newest[0][0] <= index - WINDOW:
                del newest[0]

    def findings(self, model: ConversationModel, *, has_minor: bool = False) -> list[Finding]:
        """What is said about the conversation as far as it has come.

        Args:
            has_minor: a participant is declared a minor, whether or not they have spoken.
        """
        if not self.progress.turns:
            return []
        features = self.progress.features()
        scam = model.head("scam").probability(features)
        luring = model.head("luring").probability(features)
        distress = model.head("self_harm").probability(features)
        return [
            *self._progression(scam),
            *self._luring(luring),
            *self.escalation.findings(),
            *self.pile_on.findings(),
            *self.raid.findings(),
            *self.disclosure.findings(distress),
            *self.minor_risk.findings(has_minor),
        ]

    def _progression(self, probability: float) -> list[Finding]:
        stages = self._stages(SCAM_MARKS)
        whole = ((0, self.progress.turns - 1),)
        found = [
            Finding(
                "conversation.scam_progression",
                "fraud_phishing",
                probability,
                tuple(span for _, span in stages) or whole,
                _told(stages),
                calibrated=True,
            )
        ]
        courtship = max(self.progress.strength("trust"), self.progress.strength("wealth_hint"))
        lead_in = max(self.progress.strength("platform"), self.progress.strength("wealth_hint"))
        butchering = min(probability, courtship, lead_in)
        if butchering >= _SHOWN_FROM:
            found.append(
                Finding(
                    "conversation.trust_then_invest",
                    "pig_butchering",
                    butchering,
                    tuple(span for _, span in stages) or whole,
                    _told(stages),
                )
            )
        return found

    def _luring(self, probability: float) -> list[Finding]:
        stages = self._stages(LURING_MARKS)
        whole = ((0, self.progress.turns - 1),)
        return [
            Finding(
                "conversation.luring",
                "offplatform_luring",
                probability,
                tuple(span for _, span in stages) or whole,
                _told(stages),
                calibrated=True,
            )
        ]

    def _stages(self, marks: tuple[str, ...]) -> list[tuple[str, tuple[int, int]]]:
        found = [(mark, self.progress.seen(mark)) for mark in marks]
        return sorted(
            [(mark, span) for mark, span in found if span is not None], key=lambda s: s[1]
        )


def _told(stages: list[tuple[str, tuple[int, int]]]) -> str:
    """Turns are counted from 1 for the reader."""
    parts = [f"{mark.replace('_', ' ')} ({a + 1}–{b + 1})" for mark, (a, b) in stages]
    return " → ".join(parts)


def as_json(state: ConversationState) -> str:
    """Exact: a state that is read back gives the same numbers."""
    return state.model_dump_json()


def from_json(text: str) -> ConversationState:
    """The reverse of `as_json`; an empty text is the state before the first turn."""
    return ConversationState.model_validate_json(text) if text else ConversationState()
