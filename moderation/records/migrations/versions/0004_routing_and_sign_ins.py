"""surfaces and regions of reviewers, failed sign-ins, near-copies

Revision ID: 0004_routing
Revises: 0003_policy_rollouts
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_routing"
down_revision = "0003_policy_rollouts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("surfaces", "regions"):
        op.add_column(
            "reviewers", sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
        )
    op.create_table(
        "failed_sign_ins",
        sa.Column("name_hash", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.Float(), nullable=False),
        sa.Column("failed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash"),
    )
    op.create_index("ix_failed_sign_ins_failed_at", "failed_sign_ins", ["failed_at"])
    op.create_table(
        "cluster_bands",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("job_id", "band"),
    )
    op.create_index("ix_cluster_bands_value", "cluster_bands", ["band", "value"])


def downgrade() -> None:
    op.drop_index("ix_cluster_bands_value", table_name="cluster_bands")
    op.drop_table("cluster_bands")
    op.drop_index("ix_failed_sign_ins_failed_at", table_name="failed_sign_ins")
    op.drop_table("failed_sign_ins")
    for name in ("regions", "surfaces"):
        op.drop_column("reviewers", name)
