"""At whom a turn is aimed, as far as it can be told without guessing.

In this order: the speaker of the turn that it answers (`Turn.reply_to`), a participant named in
the text (`@name`, or the name itself where it is long enough to be one), the other person where
only two have spoken, the host or whoever opened the thread, and otherwise the last other speaker.
On the 223 seed conversations, whose authors noted the target of turns, the share of right answers
is printed by ``benchmarks/conversation_evaluation.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from pydantic import BaseModel, ConfigDict, Field

#: Speakers that are remembered; a room of thousands forgets the quiet ones.
MOST_SPEAKERS = 64
#: Turns whose speakers are remembered, for replies to them.
MOST_REPLIED = 128
_HOSTS = frozenset({"host", "streamer", "seller", "author", "broadcaster"})
_AT = re.compile(r"@\s?([\w.\-]{1,64})")
#: A bare name counts only from this length on: "A" is also a word.
_SHORTEST_NAME = 3


class Floor(BaseModel):
    """Who has the floor: the speakers so far, the most recent last."""

    model_config = ConfigDict(extra="forbid")

    opener: str | None = None  #: who spoke first: the author of the post, or the host
    host: str | None = None
    recent: list[str] = Field(default_factory=list)
    spoke: int = 0  #: speakers ever seen, forgotten ones counted again when they return

    said: dict[str, str] = Field(default_factory=dict)
    #: digest of a turn's id → its speaker, of the last `MOST_REPLIED` turns

    def speaker_of(self, turn_id: str | None) -> str | None:
        """Who said that turn, if it is one of the last `MOST_REPLIED`."""
        return None if turn_id is None else self.said.get(_digest(turn_id))

    def is_first(self, speaker: str) -> bool:
        """Whether this speaker has not been heard (or was forgotten)."""
        return speaker not in self.recent

    def add(self, speaker: str, role: str | None, turn_id: str | None = None) -> None:
        """This speaker has just spoken; ``turn_id`` is by what later turns answer it."""
        if turn_id is not None:
            self.said[_digest(turn_id)] = speaker
            while len(self.said) > MOST_REPLIED:
                del self.said[next(iter(self.said))]
        self.opener = speaker if self.opener is None else self.opener
        if self.host is None and role is not None and role.casefold() in _HOSTS:
            self.host = speaker
        if speaker in self.recent:
            self.recent.remove(speaker)
        else:
            self.spoke += 1
        self.recent.append(speaker)
        del self.recent[:-MOST_SPEAKERS]


def target_of(text: str, speaker: str, floor: Floor, reply_to: str | None = None) -> str | None:
    """The participant at whom the turn is aimed, or None. Call before `Floor.add`.

    Only those who have spoken can be a target: a live room does not know yet who will.
    """
    answered = floor.speaker_of(reply_to)
    if answered is not None and answered != speaker:
        return answered
    others = [name for name in reversed(floor.recent) if name != speaker]
    named = _named(text, others)
    if named is not None:
        return named
    if len(others) == 1:
        return others[0]
    leader = floor.host or floor.opener
    if leader is not None and leader != speaker:
        return leader
    return others[0] if others else None


def _digest(turn_id: str) -> str:
    """Ids of platforms are up to 500 characters long; the state stays small."""
    return blake2b(turn_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _named(text: str, names: Sequence[str]) -> str | None:
    called = {match.casefold() for match in _AT.findall(text)}
    folded = text.casefold()
    for name in names:
        own = name.casefold()
        if own in called or (len(own) >= _SHORTEST_NAME and _stands_in(own, folded)):
            return name
    return None


def _stands_in(name: str, text: str) -> bool:
    """Whether the name stands in the text as a word of its own."""
    at = text.find(name)
    while at >= 0:
        before = text[at - 1] if at else " "
        after = text[at + len(name)] if at + len(name) < len(text) else " "
        inside_latin = name.isascii() and (before.isalnum() or after.isalnum())
        if not inside_latin:
            return True
        at = text.find(name, at + 1)
    return False
