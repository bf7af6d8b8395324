"""Alembic's entry: it runs inside the transaction that `moderation.records.schema` opened."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from moderation.records import (  # noqa: F401
    conversation_mutes,
    conversations,
    item_tables,
    people_tables,
    queue_tables,
    rollout_tables,
)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    # SQLite cannot alter most things in place; batch mode copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
