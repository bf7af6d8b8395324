"""an index to find whether a participant of a live room has spoken

Revision ID: 0006_speakers_of_conversations
Revises: 0005_idle_conversations
"""

from alembic import op

revision = "0006_speakers_of_conversations"
down_revision = "0005_idle_conversations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_conversation_turns_speaker", "conversation_turns", ["conversation_id", "speaker"]
    )


def downgrade() -> None:
    op.drop_index("ix_conversation_turns_speaker", "conversation_turns")
