"""The tables of live conversations, and their rows as plain objects.

Objects of the ORM cost an append more than the statements that read them, so what runs for every
turn uses `ConversationRow` and `PlacedTurn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

#: Turns between two snapshots of the state.
CHECKPOINT_EVERY = 64


class StoredConversation(SQLModel, table=True):
    """One conversation or live room, as far as it has come."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_idle", "closed_at", "updated_at"),)

    id: str = Field(primary_key=True)  #: the platform's own id
    surface: str
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    #: the item around the turns: author, audience, recipient_age …
    ages: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )  #: declared age bracket → participants of it, so that nobody has to look through all
    state: str = ""  #: JSON of the detectors' state after the newest turn
    model: str = ""  #: version of the classifier that read the turns
    turns: int = 0
    latest: float = 0.0  #: greatest time of any turn, in seconds since the beginning
    scores: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    reported: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    #: what was last handed to the review queue: scores, actions
    job_id: int | None = None
    opened_at: float
    updated_at: float
    closed_at: float | None = None


class StoredParticipant(SQLModel, table=True):
    """What the platform has told of one participant of a conversation, spoken or not."""

    __tablename__ = "conversation_participants"
    __table_args__ = (Index("ix_conversation_participants_person", "participant_id"),)

    conversation_id: str = Field(foreign_key="conversations.id", primary_key=True)
    participant_id: str = Field(primary_key=True)
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class StoredTurn(SQLModel, table=True):
    """One turn. Its order is (time, arrival)."""

    __tablename__ = "conversation_turns"
    __table_args__ = (
        UniqueConstraint("conversation_id", "turn_id"),
        Index("ix_conversation_turns_order", "conversation_id", "time", "arrival"),
        Index("ix_conversation_turns_speaker", "conversation_id", "speaker"),
    )

    key: int | None = Field(default=None, primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id")
    turn_id: str
    arrival: int  #: 0 for the first that came in
    time: float  #: seconds since the beginning; the latest known where the turn had none
    speaker: str = ""
    role: str | None = None
    text: str
    seconds: float | None = None
    language: str | None = None
    reply_to: str | None = None  #: id of the turn that it answers
    reading: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: float


@dataclass(slots=True)
class PlacedTurn:
    """A new turn in its place, not stored yet; the columns of `StoredTurn`."""

    conversation_id: str
    turn_id: str
    arrival: int
    time: float
    speaker: str
    role: str | None
    text: str
    seconds: float | None
    language: str | None
    reply_to: str | None
    reading: bytes
    received_at: float


#: A turn, stored or about to be.
AnyTurn = StoredTurn | PlacedTurn


class ConversationCheckpoint(SQLModel, table=True):
    """The state after the turn at (time, arrival)."""

    __tablename__ = "conversation_checkpoints"

    conversation_id: str = Field(foreign_key="conversations.id", primary_key=True)
    position: int = Field(primary_key=True)  #: turns folded into the state
    time: float
    arrival: int
    state: str


#: (time, arrival): where a turn stands in its conversation.
Place = tuple[float, int]


@dataclass(slots=True)
class ConversationRow:
    """The columns of one `StoredConversation`, to be changed and stored by `put_conversation`."""

    id: str
    surface: str
    facts: dict[str, Any]
    ages: dict[str, int]
    state: str
    model: str
    turns: int
    latest: float
    scores: dict[str, float]
    reported: dict[str, Any]
    job_id: int | None
    opened_at: float
    updated_at: float
    closed_at: float | None


#: A conversation, read or about to be stored.
AnyConversation = StoredConversation | ConversationRow
