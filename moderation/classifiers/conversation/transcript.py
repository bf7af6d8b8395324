"""A conversation as the detectors see it: who takes part, and what was said in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from moderation.items import AgeBracket, Item, Participant, Surface, Turn

MINORS = frozenset({AgeBracket.UNDER_13, AgeBracket.FROM_13_TO_15, AgeBracket.FROM_16_TO_17})


@dataclass(frozen=True, slots=True)
class Transcript:
    """Turns in their order, and who spoke them."""

    turns: tuple[Turn, ...]
    participants: Mapping[str, Participant] = field(default_factory=dict)
    surface: Surface = Surface.DIRECT_MESSAGE

    @property
    def has_minor(self) -> bool:
        """Whether a participant is declared a minor, spoken or not."""
        return any(person.age in MINORS for person in self.participants.values())


def transcript_of(item: Item) -> Transcript:
    """The conversation in an item, in the order of time (see `in_order`).

    What is known about the speakers comes from `Item.participants` where the platform gave it,
    from the item's author, and, between two people, from `recipient_age`.
    """
    turns = tuple(item.turns[i] for i in in_order(item.turns))
    return Transcript(turns, participants_of(item), item.surface)


def in_order(turns: Sequence[Turn]) -> list[int]:
    """Indexes of the turns in the order of time.

    A turn without a time stands where it was submitted: it takes the latest time before it.
    Equal times keep the order of submission.
    """
    latest = 0.0
    times = []
    for turn in turns:
        latest = max(latest, turn.seconds or 0.0)
        times.append(latest if turn.seconds is None else turn.seconds)
    return sorted(range(len(turns)), key=lambda i: (times[i], i))


def participants_of(item: Item) -> dict[str, Participant]:
    """Speaker → what is known about them."""
    speakers = list(dict.fromkeys(turn.speaker for turn in item.turns))
    found = {name: Participant(id=name) for name in speakers}
    author = item.author.id
    if author in found and author:
        found[author] = found[author].model_copy(
            update={"account_age_days": item.author.account_age_days, "age": item.author.age}
        )
    others = [name for name in speakers if name != author]
    if item.recipient_age is not None and len(others) == 1:
        found[others[0]] = found[others[0]].model_copy(update={"age": item.recipient_age})
    found |= {participant.id: participant for participant in item.participants}
    return found
