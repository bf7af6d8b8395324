"""What of a live room is not heard in a region, and since when: by policy, or by a person.

Policy mutes turn by turn, a row for each turn and region: a late turn between two muted ones is
heard. A person mutes from one turn to another, and what comes late in between with them. What a
person has lifted stays lifted, whatever policy says of the turn later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Index, bindparam, func, insert, select, text, update
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col

from moderation.records import audit
from moderation.records.conversation_tables import Place, StoredTurn
from moderation.records.errors import NotFound

#: The action of a mute that a person has set.
BY_PERSON = "mute"
_OF_POLICY = text("muted_by = ''")


class ConversationMute(SQLModel, table=True):
    """Turns of a conversation that are not to be heard in one region."""

    __tablename__ = "conversation_mutes"
    __table_args__ = (
        Index("ix_conversation_mutes_of", "conversation_id"),
        Index(
            "ux_conversation_mutes_policy",
            "conversation_id",
            "first_turn",
            "region",
            unique=True,
            sqlite_where=_OF_POLICY,
            postgresql_where=_OF_POLICY,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id")
    region: str
    first_turn: str  #: id of the turn
    last_turn: str  #: the same one for a mute of policy
    action: str  #: what policy says: hold or unavailable; `BY_PERSON`
    rule: str | None = None  #: the rule behind it
    reason: str = ""  #: in the words of the person
    muted_by: str = ""  #: the person; empty: policy
    muted_at: float
    lifted_at: float | None = None
    lifted_by: str = ""  #: the person; empty: policy, which may mute the turn again


@dataclass(frozen=True, slots=True)
class Silence:
    """What policy says of a turn that is not heard in a region."""

    action: str
    rule: str | None


@dataclass(frozen=True, slots=True)
class PlacedMute:
    """A mute with the places of its first and last turn."""

    mute: ConversationMute
    first: Place
    last: Place

    @property
    def stands(self) -> bool:
        """Whether it was not lifted."""
        return self.mute.lifted_at is None


#: Turn id → region → what policy says of it there; None: it is heard.
Silences = Mapping[str, Mapping[str, Silence | None]]

_MUTES: Any = ConversationMute.__table__  # type: ignore[attr-defined]
_NEW = insert(_MUTES)


def mutes_of(session: Session, conversation_id: str) -> list[PlacedMute]:
    """All mutes of a conversation, lifted ones too, in the order of their first turns."""
    first, last = aliased(StoredTurn), aliased(StoredTurn)
    statement = (
        select(
            ConversationMute,
            col(first.time),
            col(first.arrival),
            col(last.time),
            col(last.arrival),
        )
        .join(first, _is_turn(first, ConversationMute.first_turn))
        .join(last, _is_turn(last, ConversationMute.last_turn))
        .where(col(ConversationMute.conversation_id) == conversation_id)
        .order_by(col(first.time), col(first.arrival), col(ConversationMute.id))
    )
    return [
        PlacedMute(row[0], (row[1], row[2]), (row[3], row[4])) for row in session.execute(statement)
    ]


def _is_turn(turn: Any, name: Any) -> Any:
    return (col(turn.conversation_id) == col(ConversationMute.conversation_id)) & (
        col(turn.turn_id) == col(name)
    )


def numbers_of(session: Session, conversation_id: str, turn_ids: Iterable[str]) -> dict[str, int]:
    """Turn id → its number in the conversation, from 1, for those of the ids that are stored.

    It counts all turns: for the few moments in which somebody asks, not for every turn.
    """
    wanted = list(dict.fromkeys(turn_ids))
    counted = (
        select(
            col(StoredTurn.turn_id).label("turn_id"),
            func.row_number()
            .over(order_by=(col(StoredTurn.time), col(StoredTurn.arrival)))
            .label("number"),
        )
        .where(col(StoredTurn.conversation_id) == conversation_id)
        .subquery()
    )
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        some = wanted[start : start + 500]
        rows = session.execute(
            select(counted.c.turn_id, counted.c.number).where(counted.c.turn_id.in_(some))
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def put_silences(
    session: Session,
    conversation_id: str,
    silences: Silences,
    before: Sequence[ConversationMute],
    at: float,
) -> None:
    """Store what policy says of turns; what a person has lifted stays lifted.

    Args:
        before: the mutes of the conversation, where some of the turns may have any; the
            conversation must not have changed since they were read.
        at: now, in seconds since 1970.
    """
    known = {(mute.first_turn, mute.region): mute for mute in before if not mute.muted_by}
    new: list[dict[str, Any]] = []
    for turn_id, regions in silences.items():
        for region, silence in regions.items():
            mute = known.get((turn_id, region))
            if mute is not None:
                _bring_up_to_date(session, mute, silence, at)
            elif silence is not None:
                new.append(_row(conversation_id, turn_id, region, silence, at))
    if new:
        session.connection().execute(_NEW, new)


def _row(
    conversation_id: str, turn_id: str, region: str, silence: Silence, at: float
) -> dict[str, Any]:
    mute = ConversationMute(
        conversation_id=conversation_id,
        region=region,
        first_turn=turn_id,
        last_turn=turn_id,
        action=silence.action,
        rule=silence.rule,
        muted_at=at,
    )
    return mute.model_dump(exclude={"id"})


def _bring_up_to_date(
    session: Session, mute: ConversationMute, silence: Silence | None, at: float
) -> None:
    if mute.lifted_by:
        return
    stands = mute.lifted_at is None
    values: dict[str, Any] = {}
    if silence is None:
        values = {"lifted_at": at} if stands else {}
    elif not stands or (mute.action, mute.rule) != (silence.action, silence.rule):
        values = {"action": silence.action, "rule": silence.rule}
        values |= {} if stands else {"muted_at": at, "lifted_at": None}
    if values:
        # A person may have lifted it since it was read.
        statement = update(_MUTES).where(_MUTES.c.id == bindparam("of"), _MUTES.c.lifted_by == "")
        session.connection().execute(statement.values(**values), {"of": mute.id})


def add_mutes(session: Session, mutes: Sequence[ConversationMute]) -> None:
    """Store mutes that a person has set, and note them in the audit log."""
    session.add_all(mutes)
    session.flush()
    audit.append_many(
        session,
        [
            (m.muted_at, m.muted_by, "segment_muted", f"mute:{m.id}", {"region": m.region})
            for m in mutes
        ],
    )


def lift_mutes(
    session: Session, conversation_id: str, numbers: Sequence[int], *, by: str, at: float
) -> list[ConversationMute]:
    """Lift mutes of a person or of policy; those that were lifted already stay as they are.

    Returns:
        Those that were lifted now.

    Raises:
        NotFound: the conversation has no mute of one of these numbers; none was lifted.
    """
    wanted = list(dict.fromkeys(numbers))
    statement = select(ConversationMute).where(
        col(ConversationMute.conversation_id) == conversation_id,
        col(ConversationMute.id).in_(wanted),
    )
    found = {mute.id: mute for mute in session.execute(statement).scalars()}
    missing = [number for number in wanted if number not in found]
    if missing:
        raise NotFound(f"conversation {conversation_id!r} has no mute {missing[0]}")
    standing = [mute for mute in found.values() if mute.lifted_at is None]
    for mute in standing:
        mute.lifted_at, mute.lifted_by = at, by
        session.add(mute)
    session.flush()
    audit.append_many(
        session,
        [(at, by, "segment_unmuted", f"mute:{m.id}", {"region": m.region}) for m in standing],
    )
    return standing
