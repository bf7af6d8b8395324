"""segments of live rooms that are not heard in a region

Revision ID: 0008_mutes
Revises: 0007_participants
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_mutes"
down_revision = "0007_participants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_mutes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("first_turn", sa.String(), nullable=False),
        sa.Column("last_turn", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("muted_by", sa.String(), nullable=False),
        sa.Column("muted_at", sa.Float(), nullable=False),
        sa.Column("lifted_at", sa.Float(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversation_mutes_of", "conversation_mutes", ["conversation_id"])
    op.create_index(
        "ux_conversation_mutes_policy",
        "conversation_mutes",
        ["conversation_id", "first_turn", "region"],
        unique=True,
        sqlite_where=sa.text("muted_by = ''"),
        postgresql_where=sa.text("muted_by = ''"),
    )


def downgrade() -> None:
    op.drop_table("conversation_mutes")
