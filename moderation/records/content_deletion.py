"""Empties the content of stored items; rows, hashes, scores, verdicts and decisions stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.records import audit
from moderation.records.item_tables import (
    ItemMedia,
    StoredAssessment,
    StoredItem,
    StoredMedia,
    StoredReport,
)
from moderation.records.queue_tables import Appeal, Decision, Job, JobEvent, JobState

#: Rows of one statement.
BATCH = 500

#: Events of a job in which somebody writes something.
NOTED = ("commented", "refused", "released", "skipped", "escalated", "moved", "paused")


def delete_content(
    session: Session, rows: Sequence[StoredItem], now: float, because: str, by: str
) -> list[str]:
    """Empty the content columns; the media files that no item needs any more."""
    keys = [row.key or 0 for row in rows]
    if not keys:
        return []
    for row in rows:
        row.snapshot = None
        row.near_keys = []
        row.content_deleted_at = now
        row.content_deleted_because = because
        session.add(row)
    session.flush()
    orphans: list[str] = []
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        _empty(session, some)
        orphans += _orphaned_media(session, some, now)
    audit.append(
        session,
        at=now,
        actor=by,
        action="content_deleted",
        subject=f"items:{keys[0]}-{keys[-1]}",
        detail={"because": because, "items": keys, "files": len(orphans)},
    )
    return orphans


def _empty(session: Session, keys: list[int]) -> None:
    """Quotes of the content hide in signals, verdicts, notes and snapshots of decisions too."""
    statements: list[Any] = [
        update(Decision).where(col(Decision.item_key).in_(keys)).values(note=""),
        update(StoredAssessment)
        .where(col(StoredAssessment.item_key).in_(keys))
        .values(signals=[], problems=[]),
        update(StoredReport).where(col(StoredReport.item_key).in_(keys)).values(note=""),
        update(Appeal)
        .where(
            col(Appeal.decision_id).in_(
                select(col(Decision.id)).where(col(Decision.item_key).in_(keys))
            )
        )
        .values(reason=""),
        update(JobEvent)
        .where(
            col(JobEvent.job_id).in_(select(col(Job.id)).where(col(Job.item_key).in_(keys))),
            col(JobEvent.kind).in_(NOTED),
        )
        .values(detail={}),
    ]
    for statement in statements:
        session.execute(statement.execution_options(synchronize_session=False))


def _orphaned_media(session: Session, keys: list[int], now: float) -> list[str]:
    mine = select(col(ItemMedia.sha256)).where(
        col(ItemMedia.item_key).in_(keys), col(ItemMedia.sha256).is_not(None)
    )
    needed = (
        select(col(ItemMedia.sha256))
        .join(StoredItem, col(StoredItem.key) == col(ItemMedia.item_key))
        .where(col(StoredItem.content_deleted_at).is_(None), col(ItemMedia.sha256).in_(mine))
    )
    orphans = [
        sha256
        for sha256 in session.execute(
            mine.where(col(ItemMedia.sha256).not_in(needed)).distinct()
        ).scalars()
        if sha256 is not None
    ]
    if orphans:
        session.execute(
            update(StoredMedia)
            .where(col(StoredMedia.sha256).in_(orphans))
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )
    return orphans


def close_jobs(session: Session, rows: Sequence[StoredItem], now: float) -> None:
    """There is nothing left to look at."""
    keys = [row.key or 0 for row in rows]
    for start in range(0, len(keys), BATCH):
        session.execute(
            update(Job)
            .where(
                col(Job.item_key).in_(keys[start : start + BATCH]), col(Job.state) != JobState.DONE
            )
            .values(state=JobState.DONE.value, closed_at=now, holder=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )
