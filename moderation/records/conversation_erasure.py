"""Live rooms forget: a whole conversation, or what one person said in those of others.

An erased turn keeps its place, its time and its scores, as an erased item does; its words and its
speaker go, and the state of the room is reckoned again without them when it is next needed.
Transcripts among the items, and what a job holds of a room, lose the same turns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import String, cast, delete, select, update
from sqlmodel import Session, col

from moderation.records.conversation_mutes import ConversationMute
from moderation.records.conversation_tables import (
    ConversationCheckpoint,
    StoredConversation,
    StoredParticipant,
    StoredTurn,
)
from moderation.records.conversations import delete_conversation
from moderation.records.item_tables import StoredAssessment, StoredItem

_QUIET = {"synchronize_session": False}


def forget_conversation(session: Session, conversation_id: str) -> None:
    """Erase a conversation with its turns and mutes."""
    session.execute(
        delete(ConversationMute).where(col(ConversationMute.conversation_id) == conversation_id)
    )
    delete_conversation(session, conversation_id)


def conversations_with(session: Session, person: str) -> dict[str, Mapping[str, Any]]:
    """Conversation → the item around it, of those in which the person spoke or took part."""
    names: set[str] = set()
    for table, column in (
        (StoredTurn, StoredTurn.speaker),
        (StoredParticipant, StoredParticipant.participant_id),
    ):
        statement = select(col(table.conversation_id)).where(col(column) == person).distinct()
        names |= set(session.execute(statement).scalars())
    statement = select(col(StoredConversation.id), col(StoredConversation.facts))
    wanted = sorted(names)
    return {
        row[0]: row[1]
        for start in range(0, len(wanted), 500)
        for row in session.execute(
            statement.where(col(StoredConversation.id).in_(wanted[start : start + 500]))
        )
    }


def erase_participant(session: Session, names: Sequence[str], person: str) -> list[str]:
    """Erase what a person said in these conversations, and what is known of them.

    Returns:
        The words that were erased, one for each turn.
    """
    spoken = col(StoredTurn.speaker) == person
    words = list(session.execute(select(col(StoredTurn.text)).where(spoken)).scalars())
    session.execute(
        delete(StoredParticipant)
        .where(col(StoredParticipant.participant_id) == person)
        .execution_options(**_QUIET)
    )
    session.execute(
        update(StoredTurn).where(spoken).values(text="", speaker="").execution_options(**_QUIET)
    )
    for name in names:
        session.execute(
            delete(ConversationCheckpoint)
            .where(col(ConversationCheckpoint.conversation_id) == name)
            .execution_options(**_QUIET)
        )
        # The state holds names and phrases; an empty one is reckoned again from the turns.
        session.execute(
            update(StoredConversation)
            .where(col(StoredConversation.id) == name)
            .values(state="", updated_at=_just_after(col(StoredConversation.updated_at)))
            .execution_options(**_QUIET)
        )
    return words


def _just_after(moment: Any) -> Any:
    """Tells one state from the next, see `put_conversation`, and keeps no room alive."""
    return moment + 1e-5


def transcripts_with(session: Session, person: str) -> list[StoredItem]:
    """Items that hold turns of the person, or facts about them as a participant."""
    quoted = json.dumps(person)
    snapshot = cast(col(StoredItem.snapshot), String)
    found = session.execute(
        select(StoredItem).where(
            snapshot.contains(f'"speaker": {quoted}', autoescape=True)
            | snapshot.contains(f'"id": {quoted}', autoescape=True)
        )
    ).scalars()
    return [row for row in found if _takes_part(row.snapshot or {}, person)]


def _takes_part(snapshot: Mapping[str, Any], person: str) -> bool:
    turns = any(turn.get("speaker") == person for turn in snapshot.get("turns", ()))
    return turns or any(known["id"] == person for known in snapshot.get("participants", ()))


def erase_from_transcripts(session: Session, rows: Sequence[StoredItem], person: str) -> None:
    """Erase the person's turns from these items, and what signals tell of them."""
    for row in rows:
        snapshot = dict(row.snapshot or {})
        turns = snapshot.get("turns", [])
        theirs = {i for i, turn in enumerate(turns) if turn.get("speaker") == person}
        snapshot["turns"] = [
            turn | {"speaker": "", "text": ""} if i in theirs else turn
            for i, turn in enumerate(turns)
        ]
        others = [known for known in snapshot.get("participants", []) if known["id"] != person]
        row.snapshot = snapshot | ({"participants": others} if "participants" in snapshot else {})
        session.add(row)
        for assessment in session.execute(
            select(StoredAssessment).where(col(StoredAssessment.item_key) == row.key)
        ).scalars():
            assessment.signals = _without(assessment.signals, theirs, person)
            session.add(assessment)
    session.flush()


def _without(
    signals: Sequence[Mapping[str, Any]], theirs: set[int], person: str
) -> list[dict[str, Any]]:
    """Signals without those of erased turns, and without notes that name the person."""
    parts = {f"turn:{index}" for index in theirs}
    return [
        {**signal, "note": ""} if person in signal.get("note", "") else dict(signal)
        for signal in signals
        if signal.get("part") not in parts
    ]
