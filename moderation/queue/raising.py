"""What becomes more urgent while it waits moves ahead, and into the queue of those who handle it.

It only ever rises. Whoever holds it keeps it, and is shown the change with the next heartbeat; what
was paused and now belongs to lane 0 waits no longer. Each rise is told in `why`, in the history of
the job and in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from moderation.items import Item, ReportSource
from moderation.queue import clusters
from moderation.queue.opening import route
from moderation.records import audit
from moderation.records.item_store import insert_rows
from moderation.records.queue_tables import Job, JobEvent, JobState, Route

_REPORTS = {
    ReportSource.USER: "a user's report",
    ReportSource.TRUSTED_FLAGGER: "the report of a trusted flagger",
    ReportSource.VICTIM: "the report of the person it harms",
    ReportSource.RIGHTS_HOLDER: "the report of a rights holder",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job waits, and how severe it is."""

    queue: str
    language: str
    lane: int
    severity: int  #: 0 is P0

    @classmethod
    def of(cls, session: Session, job: Job) -> Place:
        """As the job stands now."""
        pile = session.get_one(Route, job.route_id)
        return cls(pile.queue, pile.language, job.lane, job.severity)

    def queue_after(self, queue: str, lane: int, severity: int) -> str:
        """The queue that it belongs to when this is said of it as well: the other one only when
        that is more severe, or is the first to say that it goes before everything else."""
        is_first = lane == 0 < self.lane and severity <= self.severity
        return queue if severity < self.severity or is_first else self.queue


@dataclass(frozen=True, slots=True)
class Rise:
    """A job that rose, for the audit log."""

    job_id: int
    item_key: int
    before: Place
    after: Place
    by: str


def cause(item: Item, is_edit: bool) -> str:
    """In words, what is said now that was not said before."""
    if item.order is not None:
        return "an order"
    if item.report is not None:
        return _REPORTS[item.report.source]
    return "an edit" if is_edit else "what models and policy say now"


def rise(session: Session, job: Job, before: Place, by: str, now: float) -> list[Rise]:
    """Write into a job and its history that it rose, if it did; the cluster that it rides on rises
    with it. All that rose."""
    rises = _noted(session, job, before, by, now)
    leader = session.get(Job, job.leader_id) if job.state == JobState.GROUPED else None
    if leader is None or leader.state == JobState.DONE:
        return rises
    said, stood = Place.of(session, job), Place.of(session, leader)
    leader.route_id = route(
        session, stood.queue_after(said.queue, said.lane, said.severity), stood.language
    )
    clusters.lift_leader(session, job)
    return [*rises, *_noted(session, leader, stood, "a near-copy of it", now)]


def _noted(session: Session, job: Job, before: Place, by: str, now: float) -> list[Rise]:
    after = Place.of(session, job)
    if after.lane >= before.lane and after.severity >= before.severity:
        return []
    job.parts = {**job.parts, "raised": [*job.parts.get("raised", ()), _words(before, after, by)]}
    events = [_event(job, now, "raised", _detail(before, after) | {"by": by})]
    if job.state == JobState.PAUSED and job.lane == 0:
        job.state = JobState.OPEN.value
        job.paused_at = None
        events.append(_event(job, now, "resumed", {}))
    session.add(job)
    session.flush()
    insert_rows(session, JobEvent, events)
    return [Rise(job.id or 0, job.item_key, before, after, by)]


def write_audit(session: Session, rises: list[Rise], now: float) -> None:
    """The audit entries, last of all: writers wait for each other there."""
    audit.append_many(
        session,
        [
            (
                now,
                "",
                "raised",
                f"job:{each.job_id}",
                {"item": each.item_key, "by": each.by, **_detail(each.before, each.after)},
            )
            for each in rises
        ],
    )


def _words(before: Place, after: Place, by: str) -> str:
    changes = []
    if after.severity < before.severity:
        changes.append(f"from P{before.severity} to P{after.severity}")
    if after.queue != before.queue:
        changes.append(f"from the queue {before.queue} to {after.queue}")
    if after.lane < before.lane:
        changes.append(f"from lane {before.lane} to {after.lane}")
    return f"raised by {by}: {', '.join(changes)}"


def _detail(before: Place, after: Place) -> dict[str, Any]:
    return {
        name: [getattr(before, name), getattr(after, name)]
        for name in ("queue", "lane", "severity")
        if getattr(before, name) != getattr(after, name)
    }


def _event(job: Job, now: float, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": job.id, "at": now, "actor": "", "kind": kind, "detail": detail}
