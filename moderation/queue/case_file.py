"""Everything that a reviewer needs to see to decide a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.items import Item
from moderation.queue import rounds
from moderation.queue.claiming import ClaimedJob
from moderation.queue.deciding import is_superseded
from moderation.records.item_store import read_assessment, read_item, read_verdicts
from moderation.records.item_tables import ItemMedia, StoredItem, StoredReport, StoredVerdict
from moderation.records.media import MediaStore
from moderation.records.queue_tables import Appeal, Decision, DecisionKind, Job, JobEvent
from moderation.signals import Assessment


@dataclass(frozen=True, slots=True)
class EarlierDecision:
    """A decision that stands on another item of the same author."""

    item_id: str
    action: str
    category: str | None
    decided_at: float


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A job in hand, with all that belongs to it."""

    job: ClaimedJob
    item: Item  #: images have a `path` in the media store; `item.thread` is what came before
    assessment: Assessment
    verdicts: Mapping[str, StoredVerdict]  #: region → verdict; `.verdict` is the whole of it
    media: Mapping[str, Path]  #: part (`image:0`) → file
    reports: tuple[StoredReport, ...]
    author_history: tuple[EarlierDecision, ...]  #: newest first
    comments: tuple[JobEvent, ...]  #: comments and notes of those who gave it back
    looks: tuple[Decision, ...]  #: earlier looks; empty while the review is blind
    appeal: Appeal | None


def open_case(session: Session, media: MediaStore, job: Job, claimed: ClaimedJob) -> CaseFile:
    """Read everything about a job."""
    links = session.execute(
        select(ItemMedia).where(col(ItemMedia.item_key) == job.item_key)
    ).scalars()
    files = {}
    for link in links:
        if link.sha256 is not None:
            place = media.folder / link.sha256[:2] / link.sha256[2:]
            if place.is_file():
                files[link.part] = place
    stored = session.get(StoredItem, job.item_key)
    reports = session.execute(
        select(StoredReport)
        .where(col(StoredReport.item_key) == job.item_key)
        .order_by(col(StoredReport.id))
    ).scalars()
    appeal = session.execute(
        select(Appeal).where(col(Appeal.job_id) == job.id)
    ).scalar_one_or_none()
    return CaseFile(
        job=claimed,
        item=read_item(session, media, job.item_key),
        assessment=read_assessment(session, job.item_key),
        verdicts=read_verdicts(session, job.item_key),
        media=files,
        reports=tuple(reports),
        author_history=_author_history(session, stored) if stored else (),
        comments=_comments(session, job),
        looks=_visible_looks(session, job, appeal),
        appeal=appeal,
    )


def _author_history(
    session: Session, item: StoredItem, limit: int = 20
) -> tuple[EarlierDecision, ...]:
    if not item.author_id:
        return ()
    rows = session.execute(
        select(Decision, col(StoredItem.id))
        .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
        .where(
            col(StoredItem.author_id) == item.author_id,
            col(StoredItem.key) != item.key,
            col(Decision.final).is_(True),
            col(Decision.kind).not_in([DecisionKind.UNDO.value, DecisionKind.AUTOMATIC.value]),
            ~is_superseded(Decision),
        )
        .order_by(col(Decision.id).desc())
        .limit(limit)
    ).all()
    return tuple(
        EarlierDecision(item_id, decision.action, decision.category, decision.decided_at)
        for decision, item_id in rows
    )


def _comments(session: Session, job: Job) -> tuple[JobEvent, ...]:
    kinds = ["commented", "released", "skipped", "escalated", "moved", "paused"]
    events = session.execute(
        select(JobEvent)
        .where(col(JobEvent.job_id) == job.id, col(JobEvent.kind).in_(kinds))
        .order_by(col(JobEvent.id))
    ).scalars()
    return tuple(e for e in events if any(e.detail.get(key) for key in ("text", "note", "reason")))


def _visible_looks(session: Session, job: Job, appeal: Appeal | None) -> tuple[Decision, ...]:
    if appeal is not None:
        decided = session.get(Decision, appeal.decision_id)
        return (decided,) if decided else ()
    # A second look is blind; an adjudicator sees both.
    return tuple(rounds.looks(session, job.id or 0)) if job.round == 3 else ()
