"""Second looks: blind double review, adjudication of disagreement, and clocks that ran out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.database import driver_sql
from moderation.records.item_store import insert_rows
from moderation.records.queue_tables import (
    Decision,
    DecisionKind,
    Job,
    JobEvent,
    JobExclusion,
    JobKind,
    JobState,
)

#: Seniority that settles a disagreement.
ADJUDICATOR = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look at a job leads to."""

    final: bool
    next_round: int = 0
    min_seniority: int = 0


def settle(
    session: Session,
    job: Job,
    reviewer_id: str,
    action: str,
    category: str | None,
    ask_another: bool,
) -> Outcome:
    """Whether this look decides the job, or who looks next."""
    if job.kind != JobKind.REVIEW or job.round == 3:
        return Outcome(final=True)
    if ask_another and job.reviews_needed < 2:
        job.reviews_needed = 2
    if job.reviews_needed < 2:
        return Outcome(final=True)
    if job.round == 1:
        return Outcome(final=False, next_round=2, min_seniority=job.min_seniority)
    first = looks(session, job.id or 0)[-1]
    if first.action == action and first.category == category:
        return Outcome(final=True)
    return Outcome(final=False, next_round=3, min_seniority=max(job.min_seniority, ADJUDICATOR))


def looks(session: Session, job_id: int) -> list[Decision]:
    """The looks at a job that stand (undone ones left out), oldest first."""
    rows = (
        session.execute(
            select(Decision).where(col(Decision.job_id) == job_id).order_by(col(Decision.id))
        )
        .scalars()
        .all()
    )
    undone = {row.supersedes for row in rows if row.kind == DecisionKind.UNDO}
    return [row for row in rows if row.kind != DecisionKind.UNDO and row.id not in undone]


def next_round(session: Session, job: Job, outcome: Outcome) -> None:
    """Put the job back for the next pair of eyes."""
    job.round = outcome.next_round
    job.min_seniority = outcome.min_seniority
    job.state = JobState.OPEN.value
    job.holder = None
    job.claimed_at = None
    job.lease_until = None
    session.add(job)
    session.flush()


def is_excluded(session: Session, job_id: int, reviewer_id: str) -> bool:
    """Whether this reviewer must not get this job."""
    return session.get(JobExclusion, (job_id, reviewer_id)) is not None


def note_breaches(session: Session, now: float, most: int) -> int:
    """Note jobs whose clock ran out, once each, at most so many; how many.

    Their lane stays: in a backlog everything is overdue, and moving it all ahead would turn the
    order of harm into oldest first. Ageing raises them, `Queue.breaches` shows them to a lead.
    """
    connection = session.connection()
    dialect = connection.dialect.name
    if dialect == "postgresql":
        sql = driver_sql(dialect, _POSTGRESQL_BREACHES)
        return connection.exec_driver_sql(sql, {"now": now, "most": most}).rowcount
    rows = connection.exec_driver_sql(_SQLITE_BREACHES, {"now": now, "most": most}).all()
    events = [
        {"job_id": i, "at": now, "actor": "", "kind": "breached", "detail": {}} for (i,) in rows
    ]
    insert_rows(session, JobEvent, events)
    return len(rows)


_DUE = (
    "SELECT id FROM jobs WHERE breached_at IS NULL AND state IN ('open', 'claimed') "
    "AND due_at < :now ORDER BY due_at LIMIT :most"
)

_SQLITE_BREACHES = f"UPDATE jobs SET breached_at = :now WHERE id IN ({_DUE}) RETURNING id"  # noqa: S608

#: One statement, so that a claim asks once, and half of it cannot be lost. An array, because the
#: planner expects few rows of one, and looks each up.
_POSTGRESQL_BREACHES = (
    f"WITH due AS MATERIALIZED ({_DUE} FOR UPDATE SKIP LOCKED), "  # noqa: S608
    "breached AS (UPDATE jobs SET breached_at = :now "
    "WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING id) "
    "INSERT INTO job_events (job_id, at, actor, kind, detail) "
    "SELECT id, CAST(:now AS float8), '', 'breached', CAST('{}' AS json) FROM breached"
)
