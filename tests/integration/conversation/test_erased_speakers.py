"""Who only spoke in rooms of others can be erased, and the rooms go on."""

from __future__ import annotations

import json

import pytest
from sqlmodel import Session, select

from moderation.classifiers.conversation.labelled import seed_conversations
from moderation.items import Item, Participant, Turn
from moderation.queue import record_screening
from moderation.records import (
    ContentHeld,
    Database,
    NotFound,
    audit,
    erase_author,
    lift_hold,
    place_hold,
)
from moderation.records.conversation_tables import (
    ConversationCheckpoint,
    StoredConversation,
    StoredParticipant,
    StoredTurn,
)
from moderation.records.item_tables import StoredAssessment, StoredItem
from moderation.records.people_tables import AuditEntry
from moderation.screening import Screener
from moderation.service.live_rooms import LiveRooms

SCAM = next(c for c in seed_conversations() if c.id == "conv-en-001")
FACTS = {"surface": "direct_message", "audience": {"regions": ["IN", "US"]}}
GONE = "somebody-unforgettable"
_TABLES = (
    StoredConversation,
    StoredTurn,
    StoredParticipant,
    ConversationCheckpoint,
    StoredItem,
    StoredAssessment,
    AuditEntry,
)


def scam() -> tuple[list[Turn], list[Participant]]:
    """One of two speakers has a name that stands nowhere else."""
    speaker = SCAM.transcript.turns[0].speaker
    turns = [
        turn.model_copy(
            update={"language": "en"} | ({"speaker": GONE} if turn.speaker == speaker else {})
        )
        for turn in SCAM.transcript.turns
    ]
    return turns, [Participant(id=GONE, account_age_days=3)]


def everything(database: Database) -> str:
    def rows(session: Session) -> list[str]:
        return [
            json.dumps(row.model_dump(exclude={"reading", "scores"}), default=str)
            for table in _TABLES
            for row in session.execute(select(table)).scalars()
        ]

    with database.read() as session:
        return "\n".join(rows(session))


def test_an_erased_speaker_is_nowhere_and_the_room_goes_on_as_if_reckoned_at_once(
    rooms: LiveRooms, database: Database
) -> None:
    turns, people = scam()
    assert rooms.append("room", turns[:-1], people, FACTS).job is not None
    assert GONE in everything(database)
    done = erase_author(database, GONE, by="ana")
    assert (done.items, done.conversations) == (0, 0)
    assert done.turns == sum(turn.speaker == GONE for turn in turns[:-1])
    left = everything(database)
    assert GONE not in left
    assert not [t.text for t in turns[:-1] if t.speaker == GONE and json.dumps(t.text) in left]
    stays = next(turn for turn in turns if turn.speaker != GONE)
    assert json.dumps(stays.text) in left
    more = rooms.append("room", [turns[-1].model_copy(update={"speaker": "other"})])
    assert more.turns == len(turns)
    assert more.recomputed_from == 0
    with database.read() as session:
        before = session.get(StoredConversation, "room")
    assert before is not None
    rooms.append("room", [Turn(id="late", speaker="other", text="hello", seconds=0)])
    with database.write() as session:
        found = session.get(StoredConversation, "room")
        assert found is not None
        wanted, found.state = found.state, ""
        session.add(found)
    rooms.look("room")
    with database.read() as session:
        again = session.get(StoredConversation, "room")
    assert again is not None
    assert again.state == wanted
    with pytest.raises(NotFound):
        erase_author(database, GONE, by="ana")
    audit.verify(database)


def test_a_hold_on_the_room_or_the_person_stops_erasure(
    rooms: LiveRooms, database: Database
) -> None:
    rooms.append("room", [Turn(id="1", speaker=GONE, text="hello", language="en")])
    for held in ({"item_id": "room"}, {"author_id": GONE}):
        hold = place_hold(database, reason="case 12", by="legal", **held)
        with pytest.raises(ContentHeld, match="legal hold"):
            erase_author(database, GONE, by="ana")
        lift_hold(database, hold.id or 0, by="legal")
    assert erase_author(database, GONE, by="ana").turns == 1


def test_turns_in_transcripts_of_others_are_erased(database: Database, screener: Screener) -> None:
    turns, people = scam()
    item = {
        "id": "transcript",
        "surface": "live_chat",
        "turns": [turn.model_dump(exclude_none=True) for turn in turns],
        "participants": [person.model_dump(exclude_none=True) for person in people],
    }
    [screening] = screener.screen([Item.from_row(item)])
    record_screening(database, screening.item, screening)
    erase_author(database, GONE, by="ana")
    left = everything(database)
    assert GONE not in left
    assert not [t.text for t in turns if t.speaker == GONE and json.dumps(t.text) in left]


def test_nobody_is_not_a_person(rooms: LiveRooms, database: Database) -> None:
    rooms.append("room", [Turn(id="1", text="a turn of nobody", language="en")])
    with pytest.raises(NotFound):
        erase_author(database, "", by="ana")
