"""Leafing through the audit log, newest first."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from moderation.records.database import Database
from moderation.records.people_tables import AuditEntry


def newest_entries(
    database: Database,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str = "",
    before: int | None = None,
    limit: int = 200,
) -> list[AuditEntry]:
    """Entries of the audit log, newest first.

    Args:
        actor: only what this person did.
        action: only this kind, such as `decided`.
        subject: only subjects that begin so, such as `item:` or `decision:7`.
        before: only entries with a smaller number, for the next page.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    query = select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(limit)
    if actor is not None:
        query = query.where(col(AuditEntry.actor) == actor)
    if action is not None:
        query = query.where(col(AuditEntry.action) == action)
    if subject:
        query = query.where(col(AuditEntry.subject).startswith(subject, autoescape=True))
    if before is not None:
        query = query.where(col(AuditEntry.number) < before)
    with database.read() as session:
        return list(session.execute(query).scalars())


def kinds_of_entries(database: Database) -> list[str]:
    """Every kind of entry that the log holds, sorted."""
    with database.read() as session:
        return sorted(session.execute(select(col(AuditEntry.action)).distinct()).scalars())
