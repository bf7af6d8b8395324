"""Live conversations: their turns, what each was read as, and the state after the newest one.

The state is small and does not grow with the conversation; snapshots of it every
`CHECKPOINT_EVERY` turns let a turn that comes late be put in its place without starting over.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, select, update
from sqlmodel import Session, col

from moderation.records.conversation_tables import (
    AnyConversation,
    AnyTurn,
    ConversationCheckpoint,
    ConversationRow,
    Place,
    StoredConversation,
    StoredParticipant,
    StoredTurn,
)
from moderation.records.database import driver_sql
from moderation.records.item_store import ignoring_insert, insert_rows

# Statements of every append are built once: building one costs more than running it.
_CONVERSATIONS: Any = StoredConversation.__table__  # type: ignore[attr-defined]
_TURNS: Any = StoredTurn.__table__  # type: ignore[attr-defined]
_CONVERSATION = select(StoredConversation).where(col(StoredConversation.id) == bindparam("of"))
_KNOWN = select(StoredTurn).where(
    col(StoredTurn.conversation_id) == bindparam("of"),
    col(StoredTurn.turn_id).in_(bindparam("turn_ids", expanding=True)),
)


def _any_turn(column: str, names: str) -> Any:
    """Whether a turn with one of these values is stored; no row is made into an object for it."""
    wanted = _TURNS.c[column].in_(bindparam(names, expanding=True))
    of = _TURNS.c.conversation_id == bindparam("of")
    return select(_TURNS.c.key).where(of, wanted).limit(1)


_ANY_KNOWN = _any_turn("turn_id", "turn_ids")
_ANY_SPOKEN = _any_turn("speaker", "speakers")
_PEOPLE: Any = StoredParticipant.__table__  # type: ignore[attr-defined]
#: So many participants are read with their conversation, and so many turns looked for; more would
#: repeat its state too often. Each has a parameter of its own, unused ones are NULL: a list would
#: be written into the statement anew for every call.
_READ_ALONG = 4
_NAMES = [f"name_{number}" for number in range(_READ_ALONG)]
_COLUMNS = [field.name for field in fields(ConversationRow)]
_IDS = [f"turn_{number}" for number in range(_READ_ALONG)]
#: The conversation once for each of some participants that are known, or once with none; whether
#: some turn is stored already, and whether some of the participants has said anything.
_WITH_PEOPLE = (
    select(
        *[_CONVERSATIONS.c[name] for name in _COLUMNS],
        _PEOPLE.c.participant_id,
        _PEOPLE.c.facts.label("told"),
        exists()
        .where(
            _TURNS.c.conversation_id == bindparam("of"),
            _TURNS.c.turn_id.in_([bindparam(name) for name in _IDS]),
        )
        .label("any_known"),
        exists()
        .where(
            _TURNS.c.conversation_id == bindparam("of"),
            _TURNS.c.speaker.in_([bindparam(name) for name in _NAMES]),
        )
        .label("any_spoken"),
    )
    .select_from(_CONVERSATIONS)
    .outerjoin(
        _PEOPLE,
        (_PEOPLE.c.conversation_id == _CONVERSATIONS.c.id)
        & _PEOPLE.c.participant_id.in_([bindparam(name) for name in _NAMES]),
    )
    .where(_CONVERSATIONS.c.id == bindparam("of"))
)
_KNOWN_PEOPLE = select(_PEOPLE.c.participant_id, _PEOPLE.c.facts).where(
    _PEOPLE.c.conversation_id == bindparam("of"),
    _PEOPLE.c.participant_id.in_(bindparam("names", expanding=True)),
)
_PUT_PEOPLE = (
    "INSERT INTO conversation_participants (conversation_id, participant_id, facts) "
    "VALUES (:of, :name, :facts) "
    "ON CONFLICT (conversation_id, participant_id) DO UPDATE SET facts = excluded.facts"
)
#: What an append stores; `reported` and `job_id` are the business of `note_job` alone.
_APPENDED = tuple(
    name for name in StoredConversation.model_fields if name not in ("id", "reported", "job_id")
)
_AS_JSON = frozenset({"facts", "ages", "scores"})
# These run for every append, or for many: in the driver's own words nothing is composed anew. The
# texts are made of column names; every value is bound.
_UNCHANGED_SINCE = (
    f"UPDATE conversations SET {', '.join(f'{name} = :{name}' for name in _APPENDED)} "  # noqa: S608
    "WHERE id = :of AND updated_at = :since"
)
_TURN_COLUMNS = tuple(name for name in StoredTurn.model_fields if name != "key")
_NEW_TURNS = (
    f"INSERT INTO conversation_turns ({', '.join(_TURN_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _TURN_COLUMNS)})"
)


def conversation_of(
    session: Session, conversation_id: str, *, held: bool = False
) -> StoredConversation | None:
    """The conversation, if there is one of that id.

    Args:
        held: against other writers until the transaction ends.
    """
    statement = _CONVERSATION.with_for_update() if held else _CONVERSATION
    return session.execute(statement, {"of": conversation_id}).scalar_one_or_none()


class ReadConversation(NamedTuple):
    """A conversation as an append needs it."""

    row: ConversationRow | None  #: None: there is none of that id
    people: dict[str, dict[str, Any]]  #: participant → what is known, of those asked for
    known: dict[str, StoredTurn]  #: those of the turns that are stored already
    may_have_spoken: bool  #: False: surely nobody of those asked for has a turn


def conversation_with(
    session: Session, conversation_id: str, names: Sequence[str], turn_ids: Sequence[str]
) -> ReadConversation:
    """The conversation with some participants and turns.

    One statement for a call with few new turns; nothing of the other participants is read.
    """
    asked: dict[str, str | None] = {"of": conversation_id}
    for parameters, values in ((_NAMES, names), (_IDS, turn_ids)):
        asked |= dict(zip_longest(parameters, values[:_READ_ALONG]))
    found = session.connection().execute(_WITH_PEOPLE, asked).all()
    if not found:
        return ReadConversation(None, {}, {}, may_have_spoken=False)
    any_known, any_spoken = found[0][-2:]
    people = {row[-4]: row[-3] for row in found if row[-4] is not None}
    more = names[_READ_ALONG:]
    people |= known_participants(session, conversation_id, more) if more else {}
    looked_for = turn_ids if any_known else turn_ids[_READ_ALONG:]
    return ReadConversation(
        ConversationRow(*found[0][: len(_COLUMNS)]),
        people,
        known_turns(session, conversation_id, looked_for),
        bool(any_spoken or more),
    )


def known_participants(
    session: Session, conversation_id: str, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Participant → what is known, for those of the names that are known."""
    people: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), 500):
        asked = {"of": conversation_id, "names": list(names[start : start + 500])}
        people |= {row[0]: row[1] for row in session.execute(_KNOWN_PEOPLE, asked)}
    return people


def put_participants(
    session: Session, conversation_id: str, people: Mapping[str, Mapping[str, Any]]
) -> None:
    """Participant → what is known now, in place of what was known before."""
    rows = [
        {"of": conversation_id, "name": name, "facts": json.dumps(dict(facts))}
        for name, facts in people.items()
    ]
    if rows:
        _execute(session, _PUT_PEOPLE, rows)


def put_conversation(session: Session, row: AnyConversation, since: float | None) -> bool:
    """Store the conversation if nobody has changed it in the meantime; whether it was stored.

    What the review queue was told stays as it is, see `note_job`.

    Args:
        since: `updated_at` of the row that this one was made from; None: there was none.
    """
    if since is None:
        values = {name: getattr(row, name) for name in StoredConversation.model_fields}
        statement: Any = ignoring_insert(session, StoredConversation, ["id"]).values(values)
        statement = statement.returning(col(StoredConversation.id))
        return session.connection().execute(statement).first() is not None
    values = {
        name: json.dumps(getattr(row, name)) if name in _AS_JSON else getattr(row, name)
        for name in _APPENDED
    }
    values |= {"of": row.id, "since": since}
    return bool(_execute(session, _UNCHANGED_SINCE, values).rowcount)


def _execute(session: Session, sql: str, values: Any) -> Any:
    connection = session.connection()
    return connection.exec_driver_sql(driver_sql(connection.dialect.name, sql), values)


def note_job(
    session: Session, conversation_id: str, reported: dict[str, Any], job_id: int | None
) -> None:
    """What the review queue was told last."""
    values: dict[str, Any] = {"reported": reported}
    session.connection().execute(
        update(StoredConversation)
        .where(col(StoredConversation.id) == conversation_id)
        .values(values | ({"job_id": job_id} if job_id is not None else {}))
    )


def known_turns(
    session: Session, conversation_id: str, turn_ids: Sequence[str]
) -> dict[str, StoredTurn]:
    """Those of the ids that are stored already."""
    found: dict[str, StoredTurn] = {}
    for start in range(0, len(turn_ids), 500):
        asked = {"of": conversation_id, "turn_ids": turn_ids[start : start + 500]}
        if session.connection().execute(_ANY_KNOWN, asked).first() is not None:
            found |= {turn.turn_id: turn for turn in session.execute(_KNOWN, asked).scalars()}
    return found


def has_spoken(session: Session, conversation_id: str, speakers: Sequence[str]) -> bool:
    """Whether a stored turn is of one of these speakers."""
    for start in range(0, len(speakers), 500):
        asked = {"of": conversation_id, "speakers": speakers[start : start + 500]}
        if session.connection().execute(_ANY_SPOKEN, asked).first() is not None:
            return True
    return False


def add_turns(session: Session, turns: Sequence[AnyTurn]) -> None:
    """Store new turns."""
    rows = [{name: getattr(turn, name) for name in _TURN_COLUMNS} for turn in turns]
    if rows:
        _execute(session, _NEW_TURNS, rows)


def replace_readings(session: Session, readings: Mapping[int, bytes]) -> None:
    """Key of a turn → what other models have read it as."""
    if readings:
        statement = (
            update(_TURNS).where(_TURNS.c.key == bindparam("of")).values(reading=bindparam("read"))
        )
        rows = [{"of": key, "read": reading} for key, reading in readings.items()]
        session.connection().execute(statement, rows)


def turns_after(
    session: Session, conversation_id: str, place: Place | None
) -> Generator[StoredTurn, None, None]:
    """The turns that stand after that place, in order; all of them for None. Close it where not
    all are wanted."""
    statement = (
        select(StoredTurn)
        .where(col(StoredTurn.conversation_id) == conversation_id)
        .order_by(col(StoredTurn.time), col(StoredTurn.arrival))
        .execution_options(yield_per=500)
    )
    if place is not None:
        time, arrival = place
        statement = statement.where(
            col(StoredTurn.time) >= time,
            (col(StoredTurn.time) > time) | (col(StoredTurn.arrival) > arrival),
        )
    found = session.execute(statement).scalars()
    try:
        yield from found
    finally:
        found.close()


def turns_at(
    session: Session, conversation_id: str, spans: Sequence[tuple[int, int]]
) -> list[StoredTurn]:
    """The turns at these places in order, from 0; first and last of each span included.

    It counts its way there: for the few moments in which a person is told, not for every turn.
    """
    found: list[StoredTurn] = []
    for first, last in spans:
        statement = (
            select(StoredTurn)
            .where(col(StoredTurn.conversation_id) == conversation_id)
            .order_by(col(StoredTurn.time), col(StoredTurn.arrival))
            .offset(first)
            .limit(last - first + 1)
        )
        found += session.execute(statement).scalars()
    return found


def checkpoint_before(
    session: Session, conversation_id: str, place: Place
) -> ConversationCheckpoint | None:
    """The newest snapshot that holds nothing from that place on."""
    time, arrival = place
    statement = (
        select(ConversationCheckpoint)
        .where(
            col(ConversationCheckpoint.conversation_id) == conversation_id,
            (col(ConversationCheckpoint.time) < time)
            | (
                (col(ConversationCheckpoint.time) == time)
                & (col(ConversationCheckpoint.arrival) < arrival)
            ),
        )
        .order_by(col(ConversationCheckpoint.position).desc())
        .limit(1)
    )
    return session.execute(statement).scalar_one_or_none()


def drop_checkpoints(session: Session, conversation_id: str, beyond: int) -> None:
    """Forget the snapshots of more than ``beyond`` turns."""
    session.execute(
        delete(ConversationCheckpoint).where(
            col(ConversationCheckpoint.conversation_id) == conversation_id,
            col(ConversationCheckpoint.position) > beyond,
        )
    )


def add_checkpoints(session: Session, checkpoints: Sequence[ConversationCheckpoint]) -> None:
    """Store snapshots."""
    names = list(ConversationCheckpoint.model_fields)
    rows = [{name: getattr(c, name) for name in names} for c in checkpoints]
    insert_rows(session, ConversationCheckpoint, rows)


def idle_conversations(session: Session, since: float, limit: int = 100) -> list[str]:
    """Ids of conversations that are open and have had no turn since that time, oldest first."""
    statement = (
        select(col(StoredConversation.id))
        .where(
            col(StoredConversation.closed_at).is_(None),
            col(StoredConversation.updated_at) < since,
        )
        .order_by(col(StoredConversation.updated_at))
        .limit(limit)
    )
    return list(session.execute(statement).scalars())


def delete_conversation(session: Session, conversation_id: str) -> None:
    """Erase a conversation with all its turns (retention, erasure)."""
    for table in (ConversationCheckpoint, StoredParticipant, StoredTurn):
        session.execute(delete(table).where(col(table.conversation_id) == conversation_id))
    session.execute(delete(StoredConversation).where(col(StoredConversation.id) == conversation_id))
