"""Near-copies are decided once.

Jobs of the same pile whose items are near-copies form a cluster: the first is its leader and waits
for a reviewer, the others ride on it. The reviewer sees how many there are and which stand out; one
decision holds for all that they were shown, and can be undone as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue.priority import opening_weight
from moderation.records.item_store import insert_rows
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import IS_NOT_DONE, Job, JobEvent, JobKind, JobState

#: A member whose probability differs by more than this from its leader's stands out.
OUTLIER_DISTANCE = 0.25


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """A near-copy that rides on the leader's job."""

    job_id: int
    item_key: int
    item_id: str
    author_id: str
    surface: str
    probability: float
    outlier: str | None  #: why it stands out: look at it before deciding for all


def group(session: Session, job_ids: Sequence[int], now: float) -> None:
    """Put new jobs under the waiting leader of their cluster, if there is one."""
    jobs = _with_cluster(session, job_ids)
    if not jobs:
        return
    leaders = _leaders(session, {job.cluster_key for job in jobs if job.cluster_key})
    events = []
    for job in jobs:
        leader = leaders.get((job.cluster_key or "", job.route_id, job.reviews_needed))
        if leader is None or leader.id == job.id:
            leaders.setdefault((job.cluster_key or "", job.route_id, job.reviews_needed), job)
            continue
        session.execute(
            update(Job)
            .where(col(Job.id) == job.id)
            .values(state=JobState.GROUPED.value, leader_id=leader.id)
        )
        _strengthen(session, leader, job)
        events.append(
            {
                "job_id": job.id,
                "at": now,
                "actor": "",
                "kind": "grouped",
                "detail": {"leader": leader.id},
            }
        )
    insert_rows(session, JobEvent, events)


def _with_cluster(session: Session, job_ids: Sequence[int]) -> list[Job]:
    found: list[Job] = []
    for start in range(0, len(job_ids), 500):
        query = (
            select(Job)
            .where(col(Job.id).in_(job_ids[start : start + 500]), col(Job.cluster_key).is_not(None))
            .order_by(col(Job.id))
        )
        found += session.execute(query).scalars()
    return found


def _leaders(session: Session, keys: set[str]) -> dict[tuple[str, int, int], Job]:
    leaders: dict[tuple[str, int, int], Job] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), 500):
        query = (
            select(Job)
            .where(
                col(Job.cluster_key).in_(ordered[start : start + 500]),
                IS_NOT_DONE,
                col(Job.state).in_([JobState.OPEN.value, JobState.CLAIMED.value]),
                col(Job.leader_id).is_(None),
                col(Job.kind) == JobKind.REVIEW,
                col(Job.round) == 1,
            )
            .order_by(col(Job.id))
            # A leader that is being decided this moment must not gain a member unseen.
            .with_for_update()
        )
        for job in session.execute(query).scalars():
            leaders.setdefault((job.cluster_key or "", job.route_id, job.reviews_needed), job)
    return leaders


def _strengthen(session: Session, leader: Job, member: Job) -> None:
    """A leader speaks for all: together they reach more people, and the shortest clock counts."""
    leader.views_per_minute += member.views_per_minute
    leader.probability = max(leader.probability, member.probability)
    leader.severity = min(leader.severity, member.severity)
    leader.lane = min(leader.lane, member.lane)
    leader.due_at = min(leader.due_at, member.due_at)
    minutes = max((leader.due_at - leader.opened_at) / 60, 1.0)
    leader.weight = opening_weight(
        leader.severity, leader.probability, leader.views_per_minute, minutes, leader.reliability
    )
    parts = dict(leader.parts)
    parts["copies"] = int(parts.get("copies", 0)) + 1
    leader.parts = parts
    session.add(leader)
    session.flush()


def members(session: Session, leader: Any) -> list[ClusterMember]:
    """The near-copies that ride on a job, those that stand out first."""
    rows = session.execute(
        select(Job, StoredItem)
        .join(StoredItem, col(StoredItem.key) == col(Job.item_key))
        .where(col(Job.leader_id) == leader.id, col(Job.state) == JobState.GROUPED)
        .order_by(col(Job.id))
    ).all()
    home = session.get(StoredItem, leader.item_key)
    found = [
        ClusterMember(
            int(job.id or 0),
            job.item_key,
            item.id,
            item.author_id,
            item.surface,
            job.probability,
            _outlier(leader, home, job, item),
        )
        for job, item in rows
    ]
    return sorted(found, key=lambda member: (member.outlier is None, member.job_id))


def _outlier(leader: Any, home: StoredItem | None, job: Job, item: StoredItem) -> str | None:
    if abs(job.probability - leader.probability) > OUTLIER_DISTANCE:
        return "the models judge it differently"
    if job.category != leader.category:
        return "another category"
    if home is not None and item.surface != home.surface:
        return f"on another surface ({item.surface})"
    if job.parts.get("reports"):
        return "it was reported by itself"
    return None


def detach(session: Session, job_ids: Sequence[int], now: float, actor: str) -> None:
    """Let members wait for themselves, for instance because the decision does not fit them."""
    if not job_ids:
        return
    session.execute(
        update(Job)
        .where(col(Job.id).in_(job_ids), col(Job.state) == JobState.GROUPED)
        .values(state=JobState.OPEN.value, leader_id=None, cluster_key=None)
    )
    insert_rows(
        session,
        JobEvent,
        [
            {"job_id": job_id, "at": now, "actor": actor, "kind": "ungrouped", "detail": {}}
            for job_id in job_ids
        ],
    )


def promote(session: Session, leader_id: int, now: float) -> None:
    """Members that arrived while the leader was being decided get a leader of their own."""
    rest = (
        session.execute(
            select(Job)
            .where(col(Job.leader_id) == leader_id, col(Job.state) == JobState.GROUPED)
            .order_by(col(Job.id))
        )
        .scalars()
        .all()
    )
    if not rest:
        return
    first, others = rest[0], rest[1:]
    first.state = JobState.OPEN.value
    first.leader_id = None
    session.add(first)
    session.flush()
    for job in others:
        job.leader_id = first.id
        session.add(job)
        _strengthen(session, first, job)
    insert_rows(
        session,
        JobEvent,
        [
            {
                "job_id": first.id,
                "at": now,
                "actor": "",
                "kind": "leads",
                "detail": {"members": len(others)},
            }
        ],
    )
