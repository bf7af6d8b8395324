"""Raid: newcomers flood a room, with the same phrase or emoji, or from an imported link.

Looked at is the last minute (or, without times, the last `WINDOW_TURNS` turns). A newcomer is an
account of at most a week, or, where the platform does not tell the age, somebody who speaks here
for the first time (counted half). The probability is the square root of a product of three
shares (each must be there, none decides by itself):

    crowd     1 - exp(-newcomers / 2)
    hostile   mean of the three most hostile newcomers' turns
    together  0.6 + 0.4 * share of newcomers' turns whose phrase another turn repeats, or that
              bring a link

so that a friendly raid (a crowd, the same phrase, no hostility) stays low. A heuristic; its
figures on the seed conversations are in ``docs/conversations.md``.
"""

from __future__ import annotations

import math
import re
import unicodedata

from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.heard import Finding, Heard

WINDOW_TURNS = 48
_WINDOW_SECONDS = 60.0
_NEW_DAYS = 7
_FIRST_TIME = 0.5
_SHOWN_FROM = 0.3
_LONGEST_PHRASE = 40
_NOT_SAID = re.compile(r"[\s.,!?…~·\-_*'\"“”‘’()\[\]{}<>:;，。！？、；：]+")
_REPEATED = re.compile(r"(.{1,12}?)\1+")


class Arrival(BaseModel):
    """One recent turn."""

    model_config = ConfigDict(extra="forbid")

    turn: int
    seconds: float | None
    speaker: str
    newness: float  #: 1: a new account; a half: first time here, age unknown; 0: neither
    phrase: str
    hostility: float
    link: bool


class Raid(BaseModel):
    """The recent turns, and the worst minute so far."""

    model_config = ConfigDict(extra="forbid")

    recent: list[Arrival] = Field(default_factory=list)
    newness: dict[str, float] = Field(default_factory=dict)  #: of speakers in `recent`
    peak: float = 0.0
    peak_range: tuple[int, int] = (0, 0)
    peak_newcomers: int = 0
    peak_phrase: str = ""

    def add(self, turn: Heard) -> None:
        """One more turn."""
        newness = max(_newness(turn), self.newness.get(turn.speaker, 0.0))
        self.recent.append(
            Arrival(
                turn=turn.index,
                seconds=turn.seconds,
                speaker=turn.speaker,
                newness=newness,
                phrase=phrase_of(turn.text),
                hostility=turn.hostility,
                link="link" in turn.contacts,
            )
        )
        self.recent = [a for a in self.recent[-WINDOW_TURNS:] if not _is_over(a, turn)]
        self.newness = {a.speaker: a.newness for a in self.recent}
        if newness > 0:
            self._measure()

    def _measure(self) -> None:
        newcomers = [a for a in self.recent if a.newness > 0]
        crowd = 1 - math.exp(-sum(n for n in self.newness.values() if n > 0) / 2)
        worst = sorted((a.hostility for a in newcomers), reverse=True)[:3]
        hostile = sum(worst) / 3
        counts: dict[str, int] = {}
        for arrival in newcomers:
            counts[arrival.phrase] = counts.get(arrival.phrase, 0) + 1
        shared = sum(a.link or counts[a.phrase] > 1 for a in newcomers) / len(newcomers)
        probability = math.sqrt(crowd * hostile * (0.6 + 0.4 * shared))
        if probability > self.peak:
            self.peak = probability
            self.peak_range = (newcomers[0].turn, newcomers[-1].turn)
            self.peak_newcomers = sum(n > 0 for n in self.newness.values())
            common = max(counts, key=lambda phrase: counts[phrase])
            self.peak_phrase = common if counts[common] > 1 else ""

    def findings(self) -> list[Finding]:
        """At most one, for the worst minute so far."""
        if self.peak < _SHOWN_FROM or self.peak_newcomers < 2:
            return []
        note = f"{self.peak_newcomers} newcomers within a minute, hostile"
        if self.peak_phrase:
            note += f", with the same phrase “{self.peak_phrase}”"
        return [Finding("conversation.raid", "raid_brigading", self.peak, (self.peak_range,), note)]


def phrase_of(text: str) -> str:
    """What a turn repeats: folded, without spaces and punctuation, repetitions said once."""
    folded = _NOT_SAID.sub("", unicodedata.normalize("NFKC", text[:400]).casefold())
    once = _REPEATED.sub(r"\1", folded)
    # Again: what was repeated may itself end in a repetition ("boo boo" and "boo").
    return _REPEATED.sub(r"\1", once)[:_LONGEST_PHRASE]


def _newness(turn: Heard) -> float:
    if turn.account_age_days is not None:
        return 1.0 if turn.account_age_days <= _NEW_DAYS else 0.0
    return _FIRST_TIME if turn.is_first and turn.index > 0 else 0.0


def _is_over(arrival: Arrival, turn: Heard) -> bool:
    if arrival.seconds is None or turn.seconds is None:
        return False
    return turn.seconds - arrival.seconds > _WINDOW_SECONDS
