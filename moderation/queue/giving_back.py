"""Putting a job in hand back: for anybody, for somebody else, for a senior, for later."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.queue import claiming, deciding, exposure
from moderation.queue.claiming import ClaimedJob
from moderation.queue.errors import DecisionRefused
from moderation.queue.opening import route
from moderation.records.errors import NotFound
from moderation.records.queue_tables import Job, JobKind, JobState, Route

#: An escalated job is due within this time, in seconds.
_ESCALATED_DUE = 3600.0


def put_back(
    session: Session, now: float, claimed: ClaimedJob, kind: str, detail: dict[str, Any]
) -> Job:
    """Open the job again, and write into its history why.

    Raises:
        LeaseLost: the reviewer does not hold it; nothing was changed.
    """
    job = claiming.held_job(session, claimed, now, draft=detail)
    job.state = JobState.OPEN.value
    job.holder = None
    job.claimed_at = None
    job.lease_until = None
    if job.kind == JobKind.GOLDEN:
        # It was made for this reviewer; nobody else gets it.
        deciding.close(session, job, now)
    session.add(job)
    session.flush()
    deciding.event(session, job.id or 0, now, claimed.reviewer_id, kind, detail)
    # What was seen was seen, whatever became of it.
    exposure.write_item(session, claimed.reviewer_id, job, max(0.0, now - claimed.claimed_at), now)
    return job


def move(session: Session, now: float, claimed: ClaimedJob, queue: str, note: str) -> None:
    """Put it into another queue, in its language."""
    if not queue.strip():
        raise DecisionRefused("name the queue to move it to")
    job = put_back(session, now, claimed, "moved", {"queue": queue, "note": note})
    _reroute(session, job, queue)


def escalate(
    session: Session, now: float, claimed: ClaimedJob, note: str, queue: str | None
) -> None:
    """Hand it to seniors, ahead of the rest."""
    job = put_back(session, now, claimed, "escalated", {"note": note})
    job.min_seniority = 2
    job.lane = min(job.lane, 1)
    job.parts = {**job.parts, "lane_reason": "escalated by a reviewer"}
    job.due_at = min(job.due_at, now + _ESCALATED_DUE)
    if queue is not None:
        _reroute(session, job, queue)
    session.add(job)


def pause(session: Session, now: float, claimed: ClaimedJob, note: str) -> None:
    """Stop its clock until `resume`."""
    job = put_back(session, now, claimed, "paused", {"note": note})
    if job.state == JobState.DONE:
        return
    job.state = JobState.PAUSED.value
    job.paused_at = now
    session.add(job)


def resume(session: Session, now: float, job_id: int, actor: str) -> None:
    """Let its clock go on where it stood."""
    job = locked_job(session, job_id)
    if job.state != JobState.PAUSED or job.paused_at is None:
        raise DecisionRefused(f"job {job_id} is {job.state}, not paused")
    job.due_at += now - job.paused_at
    job.paused_at = None
    job.state = JobState.OPEN.value
    session.add(job)
    deciding.event(session, job_id, now, actor, "resumed")


def _reroute(session: Session, job: Job, queue: str) -> None:
    current = session.get(Route, job.route_id)
    job.route_id = route(session, queue, current.language if current else "und")
    session.add(job)


def locked_job(session: Session, job_id: int) -> Job:
    """The job, with its row locked.

    Raises:
        NotFound: no such job.
    """
    query = select(Job).where(col(Job.id) == job_id).with_for_update()
    job: Job | None = session.execute(query).scalar_one_or_none()
    if job is None:
        raise NotFound(f"no job {job_id}")
    return job
