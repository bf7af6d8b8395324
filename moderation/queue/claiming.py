"""Claiming: one job to one reviewer, for a while.

A claim looks at the heaviest and the most urgent candidates of each pile that the reviewer may draw
from (two index probes per pile), computes their priority at this moment, and takes the highest that
nobody else holds. On PostgreSQL claimers skip rows that others have locked; on SQLite one
transaction writes at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, bindparam, select, text, update
from sqlmodel import Session, col

from moderation.queue.clusters import ClusterMember
from moderation.queue.errors import LeaseLost
from moderation.queue.priority import PRIORITY_SQL
from moderation.queue.routing import Pile
from moderation.records.item_store import insert_rows
from moderation.records.people_tables import Reviewer
from moderation.records.queue_tables import IS_CLAIMED, Job, JobEvent, JobKind, JobState

#: Candidates per pile and index. Every claimer sees the same ones, so more than the number of
#: transactions that are open at the same moment; priority at claim time picks among them.
CANDIDATES = 12

#: Most piles in one statement (SQLite joins at most 500 selects).
_PILES_PER_STATEMENT = 100


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in a reviewer's hands. Every write names `claim_number`; another one is refused."""

    job_id: int
    claim_number: int
    reviewer_id: str
    item_key: int
    item_id: str
    queue: str
    language: str
    surface: str
    lane: int
    severity: int  #: 0 is P0
    category: str | None
    probability: float
    priority: float  #: when it was claimed
    why: tuple[str, ...]  #: why it comes now, in words
    purpose: str  #: `review`, `adjudication` or `appeal`: what the reviewer is asked to do
    claimed_at: float
    lease_until: float
    due_at: float
    members: tuple[ClusterMember, ...] = ()  #: near-copies that one decision covers
    prompts: tuple[str, ...] = field(default=())  #: what to tell the person first: take a break …


def new_claim_number() -> int:
    """A number that names one claim. Drawn by lot, not counted: after a power cut that forgot the
    last claims, a counter would give the same number to two people."""
    return secrets.randbelow(2**31 - 1) + 1


def expire_leases(session: Session, now: float, lease_seconds: float) -> int:
    """Put jobs whose lease ran out back into the queue; how many.

    A lease that ends further ahead than any lease can was given before the clock was set back.
    """
    query = (
        select(col(Job.id), col(Job.holder), col(Job.claim_number))
        .where(
            IS_CLAIMED,
            (col(Job.lease_until) < now) | (col(Job.lease_until) > now + 2 * lease_seconds),
        )
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    found = session.execute(query).all()
    if not found:
        return 0
    session.execute(
        update(Job)
        .where(col(Job.id).in_([job_id for job_id, _, _ in found]))
        .values(state=JobState.OPEN.value, holder=None, lease_until=None, claimed_at=None)
        .execution_options(synchronize_session=False)
    )
    insert_rows(
        session,
        JobEvent,
        [
            {
                "job_id": job_id,
                "at": now,
                "actor": holder or "",
                "kind": "expired",
                "detail": {"claim": number},
            }
            for job_id, holder, number in found
        ],
    )
    return len(found)


def take(
    session: Session,
    piles: Sequence[Pile],
    reviewer: Reviewer,
    barred: Sequence[str],
    now: float,
    lease_seconds: float,
    lane: int,
) -> tuple[Any, float] | None:
    """Take the most urgent job of a lane from these piles: its row and its priority, or None."""
    for start in range(0, len(piles), _PILES_PER_STATEMENT):
        some = piles[start : start + _PILES_PER_STATEMENT]
        statement = _claim_statement(len(some), len(barred), session.get_bind().dialect.name)
        values: dict[str, Any] = {f"route_{i}": pile.route_id for i, pile in enumerate(some)}
        values |= {f"barred_{i}": category for i, category in enumerate(barred)}
        values |= {
            "lane": lane,
            "now": now,
            "me": reviewer.id,
            "number": new_claim_number(),
            "until": now + lease_seconds,
            "seniority": reviewer.seniority,
            "candidates": CANDIDATES,
        }
        row = session.connection().execute(statement, values).first()
        if row is not None:
            return row, row.priority
    return None


@lru_cache(maxsize=256)
def _claim_statement(piles: int, barred: int, dialect: str) -> TextClause:
    unwanted = ""
    if barred:
        names = ", ".join(f":barred_{i}" for i in range(barred))
        unwanted = f"AND (category IS NULL OR category NOT IN ({names})) "
    # Only names and numbers of bind parameters are put together here, never a value.
    mine = (
        f"AND min_seniority <= :seniority {unwanted}AND NOT EXISTS (SELECT 1 FROM "  # noqa: S608
        "job_exclusions x WHERE x.job_id = jobs.id AND x.reviewer_id = :me) "
    )
    probes: list[str] = []
    for index in range(piles):
        for order in ("weight DESC", "due_at"):
            probes.append(
                "SELECT * FROM (SELECT id FROM jobs "  # noqa: S608
                f"WHERE state = 'open' AND route_id = :route_{index} AND lane = :lane {mine}"
                f"ORDER BY {order} LIMIT :candidates) AS probe_{len(probes)}"
            )
    lock = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    chosen = (
        f"SELECT id FROM jobs WHERE id IN ({' UNION '.join(probes)}) AND state = 'open' "  # noqa: S608
        f"ORDER BY {PRIORITY_SQL} DESC, id LIMIT 1 {lock}"
    )
    return text(
        "UPDATE jobs SET state = 'claimed', holder = :me, claimed_at = :now, lease_until = :until, "  # noqa: S608
        f"claim_number = :number WHERE id = ({chosen}) AND state = 'open' "
        f"RETURNING id, {PRIORITY_SQL} AS priority"
    ).bindparams(bindparam("now"))


def held_job(session: Session, claimed: ClaimedJob, now: float, *, draft: Any = None) -> Job:
    """The job, locked, if the reviewer still holds it.

    Raises:
        LeaseLost: the lease ran out, or somebody else has it; nothing was changed.
    """
    query = select(Job).where(col(Job.id) == claimed.job_id).with_for_update()
    job: Job | None = session.execute(
        query.execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if (
        job is not None
        and job.state == JobState.CLAIMED
        and job.holder == claimed.reviewer_id
        and job.claim_number == claimed.claim_number
        and job.lease_until is not None
        and job.lease_until >= now
    ):
        return job
    raise LeaseLost(_why_lost(job, claimed, now), draft=draft)


def _why_lost(job: Job | None, claimed: ClaimedJob, now: float) -> str:
    name = f"job {claimed.job_id} (item {claimed.item_id})"
    if job is None:
        return f"there is no {name}"
    if job.state == JobState.DONE:
        return f"{name} was decided or closed meanwhile; nothing was changed"
    if job.claim_number != claimed.claim_number and job.state == JobState.CLAIMED:
        return f"{name} is held by somebody else since your lease ended; nothing was changed"
    minutes = max(0.0, now - claimed.lease_until) / 60
    return (
        f"your lease on {name} ended {minutes:.0f} min ago and it went back into the queue; "
        "take it again to decide"
    )


def shown_purpose(job: Job) -> str:
    """What the reviewer is told the job is for. Second looks, golden items and audits all read as
    an ordinary review, so that they cannot be recognised."""
    if job.kind == JobKind.APPEAL:
        return "appeal"
    return "adjudication" if job.round == 3 else "review"
