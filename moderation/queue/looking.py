"""What waits, what is overdue, what happened: the queue as those who look after it see it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import IS_WAITING, Decision, Job, JobEvent, JobState, Route


def waiting_counts(session: Session, now: float) -> list[dict[str, Any]]:
    """One row per queue, language and lane: `jobs`, `overdue`, `oldest_due`, `claimed`."""
    query = (
        select(
            col(Route.queue),
            col(Route.language),
            col(Job.lane),
            func.count(),
            func.sum(case((col(Job.due_at) < now, 1), else_=0)),
            func.min(col(Job.due_at)),
            func.sum(case((col(Job.state) == JobState.CLAIMED, 1), else_=0)),
        )
        .join(Route, col(Route.id) == col(Job.route_id))
        .where(IS_WAITING)
        .group_by(col(Route.queue), col(Route.language), col(Job.lane))
        .order_by(col(Route.queue), col(Route.language), col(Job.lane))
    )
    names = ("queue", "language", "lane", "jobs", "overdue", "oldest_due", "claimed")
    return [dict(zip(names, row, strict=True)) for row in session.execute(query)]


def breaches(session: Session, now: float, limit: int) -> list[dict[str, Any]]:
    """Jobs that wait although their clock ran out, the most severe first."""
    query = (
        select(Job, col(StoredItem.id), col(Route.queue), col(Route.language))
        .join(StoredItem, col(StoredItem.key) == col(Job.item_key))
        .join(Route, col(Route.id) == col(Job.route_id))
        .where(IS_WAITING, col(Job.due_at) < now)
        .order_by(col(Job.severity), col(Job.due_at))
        .limit(limit)
    )
    return [
        {
            "job_id": job.id,
            "item_id": item_id,
            "queue": queue,
            "language": language,
            "severity": job.severity,
            "minutes_over": (now - job.due_at) / 60,
        }
        for job, item_id, queue, language in session.execute(query)
    ]


def paused(session: Session, now: float) -> list[dict[str, Any]]:
    """Jobs whose clock stands still, the longest first, with the note of whoever paused them."""
    query = (
        select(Job, col(StoredItem.id), col(Route.queue), col(Route.language))
        .join(StoredItem, col(StoredItem.key) == col(Job.item_key))
        .join(Route, col(Route.id) == col(Job.route_id))
        .where(col(Job.state) == JobState.PAUSED)
        .order_by(col(Job.paused_at), col(Job.id))
    )
    found = []
    for job, item_id, queue, language in session.execute(query).all():
        notes = [e for e in history(session, job.id) if e.kind == "paused"]
        found.append(
            {
                "job_id": job.id,
                "item_id": item_id,
                "queue": queue,
                "language": language,
                "severity": job.severity,
                "hours": (now - (job.paused_at or now)) / 3600,
                "note": str(notes[-1].detail.get("note", "")) if notes else "",
            }
        )
    return found


def history(session: Session, job_id: int) -> list[JobEvent]:
    """What happened to a job, oldest first."""
    query = select(JobEvent).where(col(JobEvent.job_id) == job_id).order_by(col(JobEvent.id))
    return list(session.execute(query).scalars())


def decisions_of(session: Session, reviewer_id: str, limit: int) -> list[Decision]:
    """A reviewer's own decisions, newest first."""
    query = (
        select(Decision)
        .where(col(Decision.reviewer_id) == reviewer_id)
        .order_by(col(Decision.decided_at).desc(), col(Decision.id).desc())
        .limit(limit)
    )
    return list(session.execute(query).scalars())
