"""an index to find live rooms that nobody closes

Revision ID: 0005_idle_conversations
Revises: 0004_routing
"""

from alembic import op

revision = "0005_idle_conversations"
down_revision = "0004_routing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_conversations_idle", "conversations", ["closed_at", "updated_at"])


def downgrade() -> None:
    op.drop_index("ix_conversations_idle", "conversations")
