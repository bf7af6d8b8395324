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

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue.clusters import ClusterMember
from moderation.queue.errors import LeaseLost
from moderation.queue.filters import Filters, category_not_in, conditions, list_values
from moderation.queue.priority import PRIORITY_COLUMNS, PRIORITY_SQL
from moderation.queue.routing import Pile
from moderation.records.database import driver_sql, packed, unpacked
from moderation.records.item_store import insert_rows
from moderation.records.people_tables import Reviewer
from moderation.records.queue_tables import IS_CLAIMED, Job, JobEvent, JobKind, JobState

#: Candidates per pile and index. Every claimer sees the same ones, so more than the number of
#: transactions that are open at the same moment; priority at claim time picks among them.
CANDIDATES = 8

#: Of all candidates, so many of the highest may be tried to be locked (PostgreSQL). A job that is
#: both heavy and urgent comes twice, so that at least half as many are different.
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
        select(col(Job.id), col(Job.holder), col(Job.claim_number), col(Job.kind))
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
        .where(col(Job.id).in_([job_id for job_id, _, _, _ in found]))
        .values(state=JobState.OPEN.value, holder=None, lease_until=None, claimed_at=None)
        .execution_options(synchronize_session=False)
    )
    golden = [job_id for job_id, _, _, kind in found if kind == JobKind.GOLDEN]
    if golden:
        # Each was made for one reviewer; nobody else gets it.
        session.execute(
            update(Job)
            .where(col(Job.id).in_(golden))
            .values(state=JobState.DONE.value, closed_at=now)
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
            for job_id, holder, number, _ in found
        ],
    )
    return len(found)


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that was open a moment ago and is now this reviewer's."""

    job: Any  #: the columns of the job that a claim is told from, to read
    item_id: str
    surface: str


def take(
    session: Session,
    own: Sequence[Pile],
    unread: Sequence[Pile],
    reviewer: Reviewer,
    filters: Filters,
    now: float,
    lease_seconds: float,
    rested: Sequence[str] = (),
) -> Taken | None:
    """Take the most urgent job, and write so into its history: lane by lane, and in each lane from
    `own` before `unread`.

    Args:
        rested: categories that come last within lanes 1 and 2.
    """
    if not own and not unread:
        return None
    connection = session.connection()
    dialect = connection.dialect.name
    claim = {
        "holder": reviewer.id,
        "claim_number": new_claim_number(),
        "claimed_at": now,
        "lease_until": now + lease_seconds,
    }
    values: dict[str, Any] = {
        **list_values(
            dialect,
            own=[pile.route_id for pile in own],
            unread=[pile.route_id for pile in unread],
            rested=rested,
        ),
        **filters.values(dialect),
        **claim,
        "now": now,
        "seniority": reviewer.seniority,
    }
    sets = tuple(name for name, piles in (("own", own), ("unread", unread)) if piles)
    statement = claim_statement(dialect, sets, filters.used, bool(rested))
    row = connection.exec_driver_sql(statement, values).first()
    if row is None:
        return None
    if dialect == "sqlite":
        connection.exec_driver_sql(_SQLITE_EVENT, {"id": row[0], **values})
    *columns, item_id, surface = unpacked(dialect, row)
    job = SimpleNamespace(**dict(zip(_JOB_COLUMNS, columns, strict=True)), **claim)
    if isinstance(job.parts, str):
        job.parts = json.loads(job.parts)
    return Taken(job, item_id, surface)


#: What a claimed job is described from, besides the claim itself.
_JOB_COLUMNS = (
    *("id", "item_key", "route_id", "kind", "round", "lane", "severity", "category"),
    *("probability", "views_per_minute", "reliability", "parts", "opened_at", "due_at"),
)

_SET_CLAIMED = (
    "UPDATE jobs SET state = 'claimed', holder = :holder, claim_number = :claim_number, "
    "claimed_at = :claimed_at, lease_until = :lease_until"
)

_SQLITE_EVENT = (
    "INSERT INTO job_events (job_id, at, actor, kind, detail) "
    "VALUES (:id, :now, :holder, 'claimed', json_object('claim', :claim_number))"
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a claim looks, one after the other."""

    lane: int
    piles: str  #: parameter with their ids
    fresh: bool  #: leaves out the kinds of material that are rested


@lru_cache(maxsize=128)
def claim_statement(
    dialect: str, sets: tuple[str, ...], used: tuple[str, ...], rotating: bool
) -> str:
    """One statement, whatever the number of piles: it stays prepared. On PostgreSQL it is commonly
    below the 4,096 characters to which its driver remembers how to read one.

    Args:
        sets: which of `own` and `unread` have piles.
        used: which filters say anything.
        rotating: some kinds of material come last within their lane.
    """
    turns = [
        _Turn(lane, name, fresh)
        for lane in (0, 1, 2)
        for name in sets
        for fresh in ((True, False) if rotating and lane > 0 else (False,))
    ]
    excluded = "SELECT 1 FROM job_exclusions x WHERE x.job_id = jobs.id AND x.reviewer_id = :holder"
    mine = " AND ".join(
        (
            "min_seniority <= :seniority",
            *conditions(dialect, used),
            f"NOT EXISTS ({excluded})",
        )
    )
    write = _sqlite_claim if dialect == "sqlite" else _postgresql_claim
    return driver_sql(dialect, write(turns, mine))


# Below, only names, constants and bind parameters are put together, never a value.


def _sqlite_claim(turns: Sequence[_Turn], mine: str) -> str:
    # COALESCE stops at the first turn in which something waits, so the others cost nothing.
    return (
        f"{_SET_CLAIMED} WHERE id = COALESCE("  # noqa: S608
        f"{', '.join(_sqlite_choice(turn, mine) for turn in turns)}) AND state = 'open' "
        f"RETURNING {', '.join(_JOB_COLUMNS)}, "
        "(SELECT i.id FROM items i WHERE i.key = jobs.item_key), "
        "(SELECT i.surface FROM items i WHERE i.key = jobs.item_key)"
    )


def _sqlite_choice(turn: _Turn, mine: str) -> str:
    if turn.fresh:
        mine = f"{mine} AND {category_not_in('sqlite', 'rested')}"
    heaviest, most_urgent = _probes("pile.value", str(turn.lane), mine)
    piles = f"json_each(:{turn.piles}) AS pile"
    return (
        f"(SELECT id FROM jobs WHERE id IN ("  # noqa: S608
        f"SELECT c.id FROM {piles} JOIN jobs AS c ON c.id IN (SELECT id {heaviest}) UNION "
        f"SELECT c.id FROM {piles} JOIN jobs AS c ON c.id IN (SELECT id {most_urgent})) "
        f"AND state = 'open' ORDER BY {PRIORITY_SQL} DESC, id LIMIT 1)"
    )


def _postgresql_claim(turns: Sequence[_Turn], mine: str) -> str:
    lanes = ",".join(str(turn.lane) for turn in turns)
    piles = ",".join(turn.piles for turn in turns)
    fresh = ",".join(str(turn.fresh) for turn in turns)
    if any(turn.fresh for turn in turns):
        mine = f"{mine} AND (NOT turn.fresh OR {category_not_in('postgresql', 'rested')})"
    heaviest, most_urgent = _probes("pile.route", "turn.lane", mine)
    ranked = ", ".join(("id", *PRIORITY_COLUMNS))
    told = [*(f"claimed.{name}" for name in _JOB_COLUMNS), "i.id", "i.surface"]
    # Numbered arrays, because the planner knows their order: a turn is looked at only when the one
    # before gave nothing, and candidates are locked one after the other, the best first.
    return (
        f"WITH claimed AS ({_SET_CLAIMED} WHERE state = 'open' AND id = ("  # noqa: S608
        f"SELECT best.id FROM unnest(CAST('{{{lanes}}}' AS int[]), CAST('{{{piles}}}' AS text[]), "
        f"CAST('{{{fresh}}}' AS bool[])) WITH ORDINALITY AS turn(lane, piles, fresh, number) "
        "CROSS JOIN LATERAL (SELECT jobs.id FROM unnest(ARRAY("
        "SELECT c.id FROM unnest(CASE turn.piles WHEN 'own' THEN CAST(:own AS int[]) "
        "ELSE CAST(:unread AS int[]) END) AS pile(route) CROSS JOIN LATERAL ("
        f"(SELECT {ranked} {heaviest}) UNION ALL (SELECT {ranked} {most_urgent})) AS c "
        f"ORDER BY {PRIORITY_SQL} DESC, c.id LIMIT {_LOOKED_AT}"
        ")) WITH ORDINALITY AS candidate(id, rank) JOIN jobs ON jobs.id = candidate.id "
        "WHERE jobs.state = 'open' ORDER BY candidate.rank LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED"
        ") AS best ORDER BY turn.number LIMIT 1"
        f") RETURNING {', '.join(_JOB_COLUMNS)}), "
        "noted AS (INSERT INTO job_events (job_id, at, actor, kind, detail) "
        "SELECT id, CAST(:now AS float8), CAST(:holder AS text), 'claimed', "
        "json_build_object('claim', CAST(:claim_number AS int)) FROM claimed) "
        f"SELECT {packed('postgresql', told)} FROM claimed JOIN items i ON i.key = claimed.item_key"
    )


def _probes(route: str, lane: str, mine: str) -> tuple[str, str]:
    """The heaviest and the most urgent jobs of a pile and lane that this reviewer may have."""
    waiting = f"FROM jobs WHERE state = 'open' AND route_id = {route} AND lane = {lane} AND {mine}"
    return (
        f"{waiting} ORDER BY weight DESC LIMIT {CANDIDATES}",
        f"{waiting} ORDER BY due_at LIMIT {CANDIDATES}",
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
    """What the reviewer is told the job is for. Second looks and golden items read as an ordinary
    review, so that they cannot be recognised. Audits do so here; their queue and `why` tell."""
    if job.kind == JobKind.APPEAL:
        return "appeal"
    return "adjudication" if job.round == 3 else "review"
