"""participants of live rooms in a table of their own; the turn that a turn answers

Revision ID: 0007_participants
Revises: 0006_speakers_of_conversations
"""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0007_participants"
down_revision = "0006_speakers_of_conversations"
branch_labels = None
depends_on = None

_ROOMS = sa.table(
    "conversations",
    sa.column("id", sa.String()),
    sa.column("participants", sa.JSON()),
    sa.column("ages", sa.JSON()),
)
_PEOPLE = sa.table(
    "conversation_participants",
    sa.column("conversation_id", sa.String()),
    sa.column("participant_id", sa.String()),
    sa.column("facts", sa.JSON()),
)


def upgrade() -> None:
    op.create_table(
        "conversation_participants",
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("participant_id", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("conversation_id", "participant_id"),
    )
    op.create_index(
        "ix_conversation_participants_person", "conversation_participants", ["participant_id"]
    )
    op.add_column(
        "conversations",
        sa.Column("ages", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.add_column("conversation_turns", sa.Column("reply_to", sa.String(), nullable=True))
    connection = op.get_bind()
    for room in list(connection.execute(sa.select(_ROOMS.c.id)).scalars()):
        _move(connection, room)
    op.drop_column("conversations", "participants")


def _move(connection: sa.Connection, room: str) -> None:
    found = connection.execute(
        sa.select(_ROOMS.c.participants).where(_ROOMS.c.id == room)
    ).scalar_one()
    if not found:
        return
    rows = [
        {"conversation_id": room, "participant_id": name, "facts": facts}
        for name, facts in found.items()
    ]
    connection.execute(sa.insert(_PEOPLE), rows)
    ages = Counter(facts["age"] for facts in found.values() if facts.get("age"))
    connection.execute(sa.update(_ROOMS).where(_ROOMS.c.id == room).values(ages=dict(ages)))


def downgrade() -> None:
    op.add_column(
        "conversations",
        sa.Column("participants", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )
    connection = op.get_bind()
    people: dict[str, dict[str, object]] = {}
    for room, name, facts in connection.execute(sa.select(_PEOPLE)):
        people.setdefault(room, {})[name] = facts
    for room, found in people.items():
        connection.execute(sa.update(_ROOMS).where(_ROOMS.c.id == room).values(participants=found))
    op.drop_column("conversation_turns", "reply_to")
    op.drop_column("conversations", "ages")
    op.drop_index("ix_conversation_participants_person", "conversation_participants")
    op.drop_table("conversation_participants")
