"""Near-copies are decided once.

Jobs of the same pile whose items are near-copies (`near_copies.py`) form a cluster: the first is
its leader and waits for a reviewer, the others ride on it. The reviewer sees how many there are and
which stand out; one decision holds for all that they were shown, and can be undone as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from moderation.queue.near_copies import Likeness
from moderation.queue.priority import opening_weight
from moderation.records.item_store import insert_rows
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import (
    IS_NOT_DONE,
    ClusterBand,
    Job,
    JobEvent,
    JobKind,
    JobState,
)

#: Jobs that share one band of one text are looked at up to this many: a form letter has thousands.
_MOST_CANDIDATES = 200

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


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A job that was opened this moment."""

    job_id: int
    item_key: int
    route_id: int
    reviews_needed: int
    cluster_key: str
    likeness: Likeness | None


def group(session: Session, newcomers: Sequence[Newcomer], now: float) -> None:
    """Put new jobs under the waiting leader of their cluster, if there is one; a newcomer without
    one can lead others from now on."""
    bands = {n.job_id: n.likeness.bands() if n.likeness else [] for n in newcomers}
    leaders = _Leaders(session, newcomers, bands)
    events, rows = [], []
    for newcomer in newcomers:
        leader_id = leaders.of(newcomer)
        if leader_id is None:
            leaders.add(newcomer)
            rows += [(newcomer.job_id, band, value) for band, value in set(bands[newcomer.job_id])]
            continue
        _join(session, newcomer.job_id, leader_id)
        detail = {"leader": leader_id}
        events.append(
            {
                "job_id": newcomer.job_id,
                "at": now,
                "actor": "",
                "kind": "grouped",
                "detail": detail,
            }
        )
    _store_bands(session, rows)
    insert_rows(session, JobEvent, events)


def forget(session: Session, job_ids: Sequence[int]) -> None:
    """Jobs that are done lead nobody any more."""
    session.execute(
        delete(ClusterBand)
        .where(col(ClusterBand.job_id).in_(job_ids))
        .execution_options(synchronize_session=False)
    )


def remember(session: Session, job: Job) -> None:
    """A job that waits (again) is found by near-copies that come from now on."""
    item = session.get(StoredItem, job.item_key)
    if item is None or job.cluster_key is None or job.round != 1 or job.kind != JobKind.REVIEW:
        return
    likeness = Likeness.of(item.snapshot, item.near_keys)
    if likeness is not None:
        _store_bands(session, [(job.id or 0, *pair) for pair in set(likeness.bands())])


def _store_bands(session: Session, rows: Sequence[tuple[int, int, int]]) -> None:
    if not rows:
        return
    # Past SQLAlchemy's dictionaries: four rows and more for every job that is opened.
    marks = "?, ?, ?" if session.get_bind().dialect.name == "sqlite" else "%s, %s, %s"
    # One band of two pictures may have one value each; the first is enough to find the item.
    session.connection().exec_driver_sql(
        f"INSERT INTO cluster_bands (job_id, band, value) VALUES ({marks}) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        list(rows),
    )


def _join(session: Session, job_id: int, leader_id: int) -> None:
    leader, job = session.get(Job, leader_id), session.get(Job, job_id)
    assert leader is not None
    assert job is not None
    job.state = JobState.GROUPED.value
    job.leader_id = leader_id
    session.add(job)
    _strengthen(session, leader, job)


class _Leaders:
    """The waiting jobs that newcomers may ride on: with the same key, or near enough."""

    def __init__(
        self,
        session: Session,
        newcomers: Sequence[Newcomer],
        bands: Mapping[int, Sequence[tuple[int, int]]],
    ) -> None:
        self._bands = bands
        self._exact: dict[tuple[str, int, int], int] = {}
        self._near: dict[tuple[int, int], list[int]] = {}
        self._known: dict[int, tuple[int, int, Likeness]] = {}
        own = {newcomer.job_id for newcomer in newcomers}
        for job_id, key, route_id, needed in _waiting(session, newcomers):
            if job_id not in own:
                self._exact.setdefault((key, route_id, needed), job_id)
        values = {pair for n in newcomers if not self._has_twin(n) for pair in bands[n.job_id]}
        found = _sharing(session, values)
        self._known |= _likenesses(session, {job_id for job_id, _, _ in found} - own)
        for job_id, band, value in found:
            if job_id in self._known:
                self._near.setdefault((band, value), []).append(job_id)

    def _has_twin(self, newcomer: Newcomer) -> bool:
        return (newcomer.cluster_key, newcomer.route_id, newcomer.reviews_needed) in self._exact

    def of(self, newcomer: Newcomer) -> int | None:
        """The leader's job id; None if nobody leads this one yet."""
        same = (newcomer.cluster_key, newcomer.route_id, newcomer.reviews_needed)
        if same in self._exact:
            return self._exact[same]
        if newcomer.likeness is None:
            return None
        tried = set()
        for pair in self._bands[newcomer.job_id]:
            for job_id in self._near.get(pair, ()):
                if job_id in tried:
                    continue
                tried.add(job_id)
                route_id, needed, likeness = self._known[job_id]
                fits = (route_id, needed) == same[1:] and likeness.is_near(newcomer.likeness)
                if fits:
                    return job_id
        return None

    def add(self, newcomer: Newcomer) -> None:
        """Let this one lead those that come after it."""
        same = (newcomer.cluster_key, newcomer.route_id, newcomer.reviews_needed)
        self._exact[same] = newcomer.job_id
        if newcomer.likeness is not None:
            self._known[newcomer.job_id] = (*same[1:], newcomer.likeness)
            for pair in self._bands[newcomer.job_id]:
                self._near.setdefault(pair, []).append(newcomer.job_id)


_CAN_LEAD = (
    col(Job.state).in_([JobState.OPEN.value, JobState.CLAIMED.value]),
    col(Job.leader_id).is_(None),
    col(Job.kind) == JobKind.REVIEW,
    col(Job.round) == 1,
)


def _waiting(session: Session, newcomers: Sequence[Newcomer]) -> list[tuple[int, str, int, int]]:
    """(job id, cluster key, route, reviews needed) of waiting jobs with the newcomers' keys."""
    found: list[tuple[int, str, int, int]] = []
    ordered = sorted({newcomer.cluster_key for newcomer in newcomers})
    for start in range(0, len(ordered), 500):
        query = (
            select(col(Job.id), col(Job.cluster_key), col(Job.route_id), col(Job.reviews_needed))
            .where(col(Job.cluster_key).in_(ordered[start : start + 500]), IS_NOT_DONE, *_CAN_LEAD)
            .order_by(col(Job.id))
            # A leader that is being decided this moment must not gain a member unseen.
            .with_for_update()
        )
        found += [tuple(row) for row in session.execute(query)]
    return found


def _sharing(session: Session, values: Collection[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(job id, band, value) of jobs that share a band with a newcomer."""
    by_band: dict[int, list[int]] = {}
    for band, value in sorted(values):
        by_band.setdefault(band, []).append(value)
    found: list[tuple[int, int, int]] = []
    for band, own in by_band.items():
        for start in range(0, len(own), 500):
            query = select(
                col(ClusterBand.job_id), col(ClusterBand.band), col(ClusterBand.value)
            ).where(
                col(ClusterBand.band) == band, col(ClusterBand.value).in_(own[start : start + 500])
            )
            found += [tuple(row) for row in session.execute(query.limit(_MOST_CANDIDATES))]
    return found


def _likenesses(session: Session, job_ids: Collection[int]) -> dict[int, tuple[int, int, Likeness]]:
    """Job id → (route, reviews needed, likeness) of those that can lead; they are locked."""
    found: dict[int, tuple[int, int, Likeness]] = {}
    ordered = sorted(job_ids)
    for start in range(0, len(ordered), 500):
        query = (
            select(
                col(Job.id),
                col(Job.route_id),
                col(Job.reviews_needed),
                col(StoredItem.snapshot),
                col(StoredItem.near_keys),
            )
            .join(StoredItem, col(StoredItem.key) == col(Job.item_key))
            .where(col(Job.id).in_(ordered[start : start + 500]), *_CAN_LEAD)
            .order_by(col(Job.id))
            .with_for_update(of=Job)
        )
        for job_id, route_id, needed, snapshot, near_keys in session.execute(query):
            likeness = Likeness.of(snapshot, near_keys)
            if likeness is not None:
                found[job_id] = (route_id, needed, likeness)
    return found


def _strengthen(session: Session, leader: Job, member: Job) -> None:
    """A leader speaks for all: together they reach more people, and the shortest clock counts."""
    leader.views_per_minute += member.views_per_minute
    leader.parts = {**leader.parts, "copies": int(leader.parts.get("copies", 0)) + 1}
    _lift(session, leader, member)


def _lift(session: Session, leader: Job, member: Job) -> None:
    parts = dict(leader.parts)
    if member.lane < leader.lane and member.parts.get("lane_reason"):
        parts["lane_reason"] = member.parts["lane_reason"]
    if member.severity < leader.severity:
        # Who may see the worst of them may see them all.
        leader.category = member.category
    leader.parts = parts
    leader.probability = max(leader.probability, member.probability)
    leader.severity = min(leader.severity, member.severity)
    leader.min_seniority = max(leader.min_seniority, member.min_seniority)
    leader.lane = min(leader.lane, member.lane)
    leader.due_at = min(leader.due_at, member.due_at)
    minutes = max((leader.due_at - leader.opened_at) / 60, 1.0)
    leader.weight = opening_weight(
        leader.severity, leader.probability, leader.views_per_minute, minutes, leader.reliability
    )
    session.add(leader)
    session.flush()


def lift_leader(session: Session, member: Job) -> None:
    """What became more urgent about a member brings the job forward on which it rides."""
    leader = session.get(Job, member.leader_id)
    if leader is not None and leader.state != JobState.DONE:
        _lift(session, leader, member)


def leave(session: Session, job: Job, now: float) -> None:
    """Its content was changed: it rides on nobody and leads nobody any more."""
    if job.state == JobState.GROUPED:
        detach(session, [job.id or 0], now, "")
        session.refresh(job)
    forget(session, [job.id or 0])
    if job.parts.get("copies"):
        promote(session, job.id or 0, now)
        job.parts = {key: value for key, value in job.parts.items() if key != "copies"}
        session.add(job)
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
    likeness = Likeness.of(home.snapshot, home.near_keys) if home is not None else None
    found = [
        ClusterMember(
            int(job.id or 0),
            job.item_key,
            item.id,
            item.author_id,
            item.surface,
            job.probability,
            _outlier(leader, home, likeness, job, item),
        )
        for job, item in rows
    ]
    return sorted(found, key=lambda member: (member.outlier is None, member.job_id))


def _outlier(
    leader: Any, home: StoredItem | None, likeness: Likeness | None, job: Job, item: StoredItem
) -> str | None:
    if abs(job.probability - leader.probability) > OUTLIER_DISTANCE:
        return "the models judge it differently"
    if job.category != leader.category:
        return "another category"
    if home is not None and item.surface != home.surface:
        return f"on another surface ({item.surface})"
    own = Likeness.of(item.snapshot, item.near_keys)
    if likeness is not None and own is not None and (said := likeness.difference(own)):
        return said
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
    remember(session, first)
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
