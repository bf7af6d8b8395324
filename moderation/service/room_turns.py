"""Turns and rows of live rooms: the same turn twice, what differs, what is known of speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from moderation.classifiers.conversation import Participant
from moderation.classifiers.conversation.transcript import MINORS
from moderation.errors import ModerationError
from moderation.items import AgeBracket, Item, Turn
from moderation.records.conversation_tables import AnyConversation, AnyTurn, StoredTurn


class ConversationClosed(ModerationError):
    """A closed conversation takes no more turns."""


class UnknownConversation(ModerationError):
    """No turn of this conversation was ever appended."""


def unknown_conversation(conversation_id: str) -> UnknownConversation:
    """The error, with what to do."""
    return UnknownConversation(
        f"no conversation {conversation_id!r}: append its first turn to open it"
    )


class TurnConflict(ModerationError):
    """A turn id was used before for a turn that says something else."""

    def __init__(self, message: str, *, turn_id: str, differs: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.turn_id = turn_id
        self.differs = dict(differs)


def without_doubles(turns: Sequence[Turn]) -> dict[str, Turn]:
    """Id → turn, in order.

    Raises:
        TurnConflict: an id is there twice, for different turns.
    """
    wanted: dict[str, Turn] = {}
    for turn in turns:
        known = wanted.setdefault(turn.id, turn)
        if known != turn:
            differs = differences(known, turn)
            raise TurnConflict(
                f"turn {turn.id!r} is in this call twice, with another {' and '.join(differs)}",
                turn_id=turn.id,
                differs=differs,
            )
    return wanted


def compared(turn: Turn, stored: StoredTurn | None) -> dict[str, Any] | None:
    """None: not stored yet; empty: exactly so; otherwise what differs."""
    return None if stored is None else differences(turn_of(stored), turn)


def differences(before: Turn, after: Turn) -> dict[str, Any]:
    """Field → what is stored and what was sent; long texts are cut."""
    return {
        name: {"stored": _short(getattr(before, name)), "sent": _short(getattr(after, name))}
        for name in ("text", "speaker", "seconds", "role", "language", "reply_to")
        if getattr(before, name) != getattr(after, name)
    }


def _short(value: Any) -> Any:
    return value[:200] if isinstance(value, str) else value


def turn_of(stored: AnyTurn) -> Turn:
    """The turn as it was sent."""
    return Turn(
        id=stored.turn_id,
        speaker=stored.speaker,
        text=stored.text,
        role=stored.role,
        seconds=stored.seconds,
        language=stored.language,
        reply_to=stored.reply_to,
    )


def participants_of(people: Mapping[str, Mapping[str, Any]]) -> dict[str, Participant]:
    """Speaker → what the platform has told."""
    return {
        name: Participant.model_validate({**facts, "id": name}) for name, facts in people.items()
    }


def learn_facts(row: AnyConversation, facts: Mapping[str, Any] | None) -> None:
    """Take over what is said of the surroundings.

    What a call does not mention stays as it was, within `author` and `audience` too: a new number
    of listeners forgets no region.
    """
    if facts is None:
        return
    new = {name: value for name, value in facts.items() if name != "surface"}
    for name in ("author", "audience"):
        if isinstance(new.get(name), Mapping):
            new[name] = row.facts.get(name, {}) | new[name]
    row.facts = row.facts | new | ({"reported": True} if was_reported(row) else {})
    row.surface = str(facts.get("surface", row.surface))


def learn_participants(
    row: AnyConversation,
    known: Mapping[str, Mapping[str, Any]],
    participants: Sequence[Participant],
) -> dict[str, dict[str, Any]]:
    """Participant → all that is known now, for those of whom something new is said.

    A role forgets no age. The ages of the row are counted anew.

    Args:
        known: what was known of these participants before.
    """
    told: dict[str, dict[str, Any]] = {}
    for person in participants:
        before = told.get(person.id, known.get(person.id, {}))
        said = person.model_dump(mode="json", exclude={"id"}, exclude_unset=True)
        told[person.id] = {**before, **said}
    learnt = {name: facts for name, facts in told.items() if known.get(name, {}) != facts}
    if not learnt:
        return {}
    ages = Counter(row.ages)
    ages.subtract(str(known[name]["age"]) for name in learnt if known.get(name, {}).get("age"))
    ages.update(str(facts["age"]) for facts in learnt.values() if facts.get("age"))
    row.ages = {age: count for age, count in ages.items() if count > 0}
    return learnt


def was_reported(row: AnyConversation) -> bool:
    """Whether the platform ever said that somebody reported the conversation."""
    return bool(row.facts.get("reported"))


def item_around(row: AnyConversation) -> Item:
    """The conversation as an item without its turns."""
    facts = {name: value for name, value in row.facts.items() if name != "reported"}
    around = {"recipient_age": youngest_minor(row)} | facts
    return Item.model_validate(around | {"id": row.id, "surface": row.surface})


def youngest_minor(row: AnyConversation) -> str | None:
    """The youngest declared bracket below 18 among the participants, if there is any."""
    return next((age.value for age in AgeBracket if age in MINORS and age.value in row.ages), None)
