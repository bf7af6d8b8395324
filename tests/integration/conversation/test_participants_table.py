"""Participants of rooms from before they had a table of their own; erasure of one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from moderation.records import Database, open_database, schema
from moderation.records.conversation_tables import StoredConversation
from moderation.records.conversations import known_participants, put_participants
from moderation.records.retention import erase_author

_KINDS = ["sqlite_database", pytest.param("postgres_database", marks=pytest.mark.postgres)]


def _moved(connection: Connection, move: Callable[..., None], revision: str) -> None:
    configuration = schema._configuration()
    configuration.attributes["connection"] = connection
    move(configuration, revision)


@pytest.mark.parametrize("kind", _KINDS)
def test_participants_of_older_rooms_are_moved_and_moved_back(
    kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind)
    people = {"a": {"age": "13_15"}, "b": {"role": "host"}, "c": {"age": "13_15"}}
    open_database(url).close()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        _moved(connection, command.downgrade, "0006_speakers_of_conversations")
        connection.execute(
            text(
                "INSERT INTO conversations (id, surface, facts, participants, state, model, turns,"
                " latest, scores, reported, opened_at, updated_at) VALUES"
                " ('room', 'live_chat', '{}', :people, '', '', 0, 0, '{}', '{}', 1, 1)"
            ),
            {"people": json.dumps(people)},
        )
    with open_database(url) as database, database.read() as session:
        row = session.get(StoredConversation, "room")
        assert row is not None
        assert row.ages == {"13_15": 2}
        assert known_participants(session, "room", list("abcd")) == people
    with engine.begin() as connection:
        _moved(connection, command.downgrade, "0006_speakers_of_conversations")
        [found] = connection.execute(text("SELECT participants FROM conversations")).scalars()
    assert (json.loads(found) if isinstance(found, str) else found) == people
    engine.dispose()
    open_database(url).close()  # the next test finds the newest tables


def test_erasing_a_person_takes_what_is_known_of_the_participant(database: Database) -> None:
    with database.write() as session:
        session.add(StoredConversation(id="room", surface="live_chat", opened_at=1, updated_at=1))
        session.flush()
        put_participants(session, "room", {"a": {"age": "13_15"}, "b": {"role": "host"}})
        put_participants(session, "room", {"b": {"role": "listener"}})
    erase_author(database, "a", by="ana")
    with database.read() as session:
        assert known_participants(session, "room", ["a", "b"]) == {"b": {"role": "listener"}}
