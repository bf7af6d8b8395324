"""What is said again about an item that waits already: it joins the waiting job.

A report on an item that waits joins its open job; an edited item takes its waiting job along,
unless somebody looks at the earlier version this moment: then the new one waits for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue import clusters, raising
from moderation.queue.drafts import JobDraft
from moderation.queue.entries import Entry
from moderation.queue.opening import route
from moderation.queue.priority import after_reports, opening_weight
from moderation.queue.rules import QueueRules
from moderation.records.item_store import insert_rows
from moderation.records.item_tables import StoredItem, StoredReport
from moderation.records.queue_tables import Job, JobEvent, JobKind, JobState


def waiting_jobs(session: Session, item_ids: Sequence[str]) -> dict[str, list[Job]]:
    """The jobs that wait for any version of these items, oldest first."""
    found: dict[str, list[Job]] = {}
    unique = list(dict.fromkeys(item_ids))
    for start in range(0, len(unique), 500):
        some = unique[start : start + 500]
        # Steps, each by an index; as one join the planner may walk all open jobs.
        versions = dict(
            session.execute(
                select(col(StoredItem.key), col(StoredItem.id)).where(col(StoredItem.id).in_(some))
            ).all()
        )
        waiting = (
            col(Job.item_key).in_(list(versions)),
            col(Job.kind) == JobKind.REVIEW,
            col(Job.state) != JobState.DONE,
        )
        ids = session.execute(select(col(Job.id), col(Job.leader_id)).where(*waiting)).all()
        query = (
            select(Job)
            .where(col(Job.id).in_({number for pair in ids for number in pair if number}))
            # Locked, in one order for all, leaders too: a report may be about to change them.
            .order_by(col(Job.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        for job in session.execute(query).scalars().all() if ids else ():
            if job.item_key in versions and job.state != JobState.DONE:
                found.setdefault(versions[job.item_key], []).append(job)
    return found


def its_job(jobs: Sequence[Job], item_key: int) -> Job | None:
    """The job of this very version, or else of the newest one."""
    return next((job for job in jobs if job.item_key == item_key), jobs[-1] if jobs else None)


def is_behind(job: Job, entry: Entry) -> bool:
    """Whether somebody looks at an earlier version now: what is new then waits for itself."""
    return job.item_key != entry.key and job.state == JobState.CLAIMED


def told_before(
    session: Session,
    job: Job,
    entry: Entry,
    reports: Sequence[tuple[Entry, Mapping[str, Any]]],
) -> bool:
    """Whether the same person reported it before: they are heard once."""
    who = entry.reporter_id
    if not who or entry.prepared.item.report is None:
        return False
    if any(other.job_id == job.id and row["reporter_id"] == who for other, row in reports):
        return True
    query = select(col(StoredReport.id)).where(
        col(StoredReport.item_key) == entry.key,
        col(StoredReport.job_id) == job.id,
        col(StoredReport.reporter_id) == who,
    )
    return session.execute(query.limit(1)).first() is not None


def merge(
    session: Session,
    job: Job,
    entry: Entry,
    draft: JobDraft,
    now: float,
    rules: QueueRules,
    heard_before: bool,
) -> list[raising.Rise]:
    """A report or an edit joins the waiting job: its parts can rise, its clock can shorten, and it
    can move into a more severe queue. The jobs that rose."""
    is_edit = job.item_key != entry.key
    is_report = entry.prepared.item.report is not None and not heard_before
    if is_edit:
        # The reviewer must judge what stands there now, not what stood there before.
        clusters.leave(session, job, now)
    before = raising.Place.of(session, job)
    queue = before.queue_after(draft.queue, draft.lane, draft.severity)
    values = _risen(job, draft, is_report) | {
        "min_seniority": max(job.min_seniority, rules.min_seniority(draft)),
        "route_id": route(session, queue, entry.language if is_edit else before.language),
    }
    if job.round == 1:
        values["reviews_needed"] = max(job.reviews_needed, rules.reviews_needed(draft))
    detail: dict[str, Any] = {"reports": values["parts"].get("reports", 0)}
    if is_edit:
        copyable = entry.copyable
        values |= {
            "item_key": entry.key,
            "cluster_key": copyable.key if copyable is not None else None,
        }
        detail["edited"] = True
    session.execute(update(Job).where(col(Job.id) == job.id).values(**values))
    insert_rows(
        session,
        JobEvent,
        [{"job_id": job.id, "at": now, "actor": "", "kind": "merged", "detail": detail}],
    )
    session.refresh(job)
    if is_edit and job.state == JobState.OPEN:
        _group_again(session, job, entry, now)
    by = raising.cause(entry.prepared.item, is_edit)
    return raising.rise(session, job, before, by, now)


def _risen(job: Job, draft: JobDraft, is_report: bool) -> dict[str, Any]:
    parts = dict(job.parts)
    before = int(parts.get("reports", 0))
    if is_report:
        parts["reports"] = before + 1
    for name in ("lane_reason", "listeners"):
        if name in draft.parts and (name != "lane_reason" or draft.lane < job.lane):
            parts[name] = draft.parts[name]
    for name in ("rules", "notes"):
        parts[name] = list(dict.fromkeys([*(parts.get(name) or ()), *draft.parts.get(name, ())]))
    if parts.get("regions") and draft.parts.get("regions"):
        parts["regions"] = list(dict.fromkeys([*parts["regions"], *draft.parts["regions"]]))
    parts["surface"] = draft.parts.get("surface", parts.get("surface"))
    severity = min(job.severity, draft.severity)
    probability = max(job.probability, draft.probability)
    reliability = job.reliability
    if is_report:
        probability = max(probability, after_reports(job.probability, draft.reliability))
        # The mean of all who reported it.
        reliability = (reliability * before + draft.reliability) / (before + 1)
    known_before = not job.parts.get("reach_assumed")
    views = (
        max(job.views_per_minute, draft.views_per_minute)
        if known_before
        else draft.views_per_minute
    )
    parts["reach_assumed"] = bool(parts.get("reach_assumed") and draft.parts.get("reach_assumed"))
    due_at = min(job.due_at, draft.due_at)
    minutes = max((due_at - job.opened_at) / 60, 1.0)
    return {
        "lane": min(job.lane, draft.lane),
        "severity": severity,
        "category": draft.category if draft.severity < job.severity else job.category,
        "probability": probability,
        "views_per_minute": views,
        "reliability": reliability,
        "due_at": due_at,
        "weight": opening_weight(severity, probability, views, minutes, reliability),
        "parts": parts,
    }


def _group_again(session: Session, job: Job, entry: Entry, now: float) -> None:
    copyable = entry.copyable
    if copyable is not None:
        newcomer = clusters.Newcomer(
            job.id or 0,
            job.item_key,
            job.route_id,
            job.reviews_needed,
            copyable.key,
            copyable.likeness,
        )
        clusters.group(session, [newcomer], now)
