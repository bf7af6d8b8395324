"""scheduled policy versions, shadow and canary

Revision ID: 0003_policy_rollouts
Revises: 0002_conversations
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_policy_rollouts"
down_revision = "0002_conversations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy_versions", sa.Column("starts_at", sa.Float(), nullable=True))
    op.add_column("policy_versions", sa.Column("ends_at", sa.Float(), nullable=True))
    op.create_table(
        "policy_rollouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.Column("percent", sa.Float(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["policy_hash"], ["policy_versions.hash"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slot"),
    )
    op.create_table(
        "shadow_verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.Integer(), nullable=False),
        sa.Column("item_key", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.Column("candidate_acted", sa.Boolean(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("acting_action", sa.String(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("given_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["policy_rollouts.id"]),
        sa.ForeignKeyConstraint(["item_key"], ["items.key"]),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_shadow_verdicts_rollout", "shadow_verdicts", ["rollout_id", "direction", "region"]
    )
    op.create_index("ix_shadow_verdicts_item", "shadow_verdicts", ["item_key"])


def downgrade() -> None:
    op.drop_index("ix_shadow_verdicts_item", table_name="shadow_verdicts")
    op.drop_index("ix_shadow_verdicts_rollout", table_name="shadow_verdicts")
    op.drop_table("shadow_verdicts")
    op.drop_table("policy_rollouts")
    op.drop_column("policy_versions", "ends_at")
    op.drop_column("policy_versions", "starts_at")
