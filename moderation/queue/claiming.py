"""Claiming: one job to one reviewer, for a while.

A claim looks at the heaviest and the most urgent candidates of each pile that the reviewer may draw
from (two index probes per pile), computes their priority at this moment, and takes the highest that
nobody else holds. On PostgreSQL claimers skip rows that others have locked; on SQLite one
transaction writes at a time.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import TextClause, select, text, update
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
CANDIDATES = 8

#: Of all candidates, so many of the highest are looked at again to be locked (PostgreSQL). A job
#: that is both heavy and urgent comes twice, so that at least half as many are different.
_LOOKED_AT = 6 * CANDIDATES


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


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that was open a moment ago and is now this reviewer's."""

    job: Any  #: the columns of the job, to read
    item_id: str
    surface: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reviewer is handed besides the piles they draw from; None stands for everything."""

    barred: Sequence[str] = ()  #: categories
    surfaces: Sequence[str] | None = None
    regions: Sequence[str] | None = None  #: jobs for one of these viewers, or for all


def take(
    session: Session,
    own: Sequence[Pile],
    unread: Sequence[Pile],
    reviewer: Reviewer,
    filters: Filters,
    now: float,
    lease_seconds: float,
) -> Taken | None:
    """Take the most urgent job: lane by lane, and in each lane from `own` before `unread`."""
    if not own and not unread:
        return None
    dialect = session.get_bind().dialect.name
    lists: dict[str, list[Any]] = {
        "own": [pile.route_id for pile in own],
        "unread": [pile.route_id for pile in unread],
        "barred": list(filters.barred),
        "surfaces": list(filters.surfaces or ()),
        "regions": list(filters.regions or ()),
    }
    values: dict[str, Any] = {
        **({k: json.dumps(v) for k, v in lists.items()} if dialect == "sqlite" else lists),
        "now": now,
        "me": reviewer.id,
        "number": new_claim_number(),
        "until": now + lease_seconds,
        "seniority": reviewer.seniority,
    }
    statement = _claim_statement(
        dialect,
        bool(own),
        bool(unread),
        bool(filters.barred),
        filters.surfaces is not None,
        filters.regions is not None,
    )
    row = session.connection().execute(statement, values).mappings().first()
    if row is None:
        return None
    columns = {name: row[name] for name in _JOB_COLUMNS}
    if isinstance(columns["parts"], str):
        columns["parts"] = json.loads(columns["parts"])
    return Taken(SimpleNamespace(**columns), row["item_id"], row["surface"])


_JOB_COLUMNS = tuple(column.key for column in Job.__table__.columns)  # type: ignore[attr-defined]


@lru_cache(maxsize=64)
def _claim_statement(
    dialect: str,
    own: bool,
    unread: bool,
    barred: bool,
    surfaces: bool,
    regions: bool,
) -> TextClause:
    """One statement, whatever the number of piles: it stays prepared.

    COALESCE stops at the first lane in which something waits, so the others cost nothing.
    """
    words = _WORDS[dialect]
    mine = _mine(words, barred, surfaces, regions)
    sets = [name for name, used in (("own", own), ("unread", unread)) if used]
    choices = [_choice(words, mine, name, lane) for lane in (0, 1, 2) for name in sets]
    chosen = f"COALESCE({', '.join(choices)})" if len(choices) > 1 else choices[0]
    returned = ", ".join(_JOB_COLUMNS)
    # Only names, constants and bind parameters are put together here, never a value.
    return text(
        "UPDATE jobs SET state = 'claimed', holder = :me, claimed_at = :now, lease_until = :until, "  # noqa: S608
        f"claim_number = :number WHERE id = {chosen} AND state = 'open' "
        f"RETURNING {returned}, (SELECT i.id FROM items i WHERE i.key = jobs.item_key) AS item_id, "
        "(SELECT i.surface FROM items i WHERE i.key = jobs.item_key) AS surface"
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """Where the two databases speak differently. Lists are JSON on SQLite, arrays on PostgreSQL."""

    piles: str  #: rows `pile.value` of a list of route ids
    best: str  #: (piles, heaviest, most_urgent): what makes `id` one of the candidates
    barred: str
    surfaces: str
    regions: str
    lock: str


_WORDS = {
    "sqlite": _Words(
        piles="json_each(:{}) AS pile",
        best="IN (SELECT c.id FROM {piles} JOIN jobs AS c ON c.id IN (SELECT id {heaviest}) "
        "UNION SELECT c.id FROM {piles} JOIN jobs AS c ON c.id IN (SELECT id {most_urgent}))",
        barred="category NOT IN (SELECT value FROM json_each(:barred))",
        surfaces="json_extract(parts, '$.surface') IN (SELECT value FROM json_each(:surfaces))",
        regions="(NOT EXISTS (SELECT 1 FROM json_each(parts, '$.regions')) OR EXISTS ("
        "SELECT 1 FROM json_each(parts, '$.regions') AS r "
        "WHERE r.value IN (SELECT value FROM json_each(:regions))))",
        lock="",
    ),
    "postgresql": _Words(
        piles="unnest(CAST(:{} AS int[])) AS pile(value)",
        # Ranked where they are found, so that only the best are looked up again to be locked. An
        # array, not IN: the planner would take the candidates for thousands, and read them all.
        best="= ANY(ARRAY(SELECT c.id FROM {piles} CROSS JOIN LATERAL ("  # noqa: S608
        f"(SELECT id, {PRIORITY_SQL} AS p {{heaviest}}) UNION ALL "
        f"(SELECT id, {PRIORITY_SQL} AS p {{most_urgent}})) AS c "
        f"ORDER BY c.p DESC LIMIT {_LOOKED_AT}))",
        barred="category <> ALL(CAST(:barred AS text[]))",
        surfaces="parts ->> 'surface' = ANY(CAST(:surfaces AS text[]))",
        regions="(COALESCE(json_array_length(parts -> 'regions'), 0) = 0 OR EXISTS ("
        "SELECT 1 FROM json_array_elements_text(parts -> 'regions') AS r(region) "
        "WHERE r.region = ANY(CAST(:regions AS text[]))))",
        lock="FOR UPDATE SKIP LOCKED",
    ),
}


def _mine(words: _Words, barred: bool, surfaces: bool, regions: bool) -> str:
    """Which jobs of a pile this reviewer may have."""
    conditions = ["min_seniority <= :seniority"]
    if barred:
        conditions.append(f"(category IS NULL OR {words.barred})")
    if surfaces:
        conditions.append(words.surfaces)
    if regions:
        conditions.append(words.regions)
    excluded = "SELECT 1 FROM job_exclusions x WHERE x.job_id = jobs.id AND x.reviewer_id = :me"
    conditions.append(f"NOT EXISTS ({excluded})")
    return " AND ".join(conditions)


def _choice(words: _Words, mine: str, piles: str, lane: int) -> str:
    """The best job of one lane in these piles."""
    waiting = (
        f"FROM jobs WHERE state = 'open' AND route_id = pile.value AND lane = {lane} AND {mine}"
    )
    best = words.best.format(
        piles=words.piles.format(piles),
        heaviest=f"{waiting} ORDER BY weight DESC LIMIT {CANDIDATES}",
        most_urgent=f"{waiting} ORDER BY due_at LIMIT {CANDIDATES}",
    )
    return (
        f"(SELECT id FROM jobs WHERE id {best} "  # noqa: S608
        f"AND state = 'open' ORDER BY {PRIORITY_SQL} DESC, id LIMIT 1 {words.lock})"
    )


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


def shown_purpose(job: Any) -> str:
    """What the reviewer is told the job is for. Second looks, golden items and audits all read as
    an ordinary review, so that they cannot be recognised."""
    if job.kind == JobKind.APPEAL:
        return "appeal"
    return "adjudication" if job.round == 3 else "review"
