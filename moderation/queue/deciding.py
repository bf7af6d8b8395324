"""What a reviewer may do with a job in hand: decide, and what a decision stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from moderation.policy import WARNED
from moderation.queue import clusters
from moderation.queue.claiming import ClaimedJob
from moderation.queue.errors import DecisionRefused
from moderation.records import audit
from moderation.records.item_store import insert_rows, read_verdicts
from moderation.records.item_tables import (
    ItemMedia,
    StoredAssessment,
    StoredItem,
)
from moderation.records.queue_tables import (
    Decision,
    DecisionKind,
    Job,
    JobEvent,
    JobExclusion,
    JobKind,
    JobState,
)
from moderation.taxonomy import category as known_category

#: What a reviewer can decide, mildest first: the words of `Verdict.action`.
ACTIONS: tuple[str, ...] = (
    "allow",
    "label",
    "interstitial",
    "age_gate",
    "limit",
    "hold",
    "unavailable",
)

_STRICTNESS = {action: rank for rank, action in enumerate(ACTIONS)}


def check_action(action: str, category: str | None) -> None:
    """Raises DecisionRefused for a word that is no action; UnknownCategory for no category."""
    if action not in _STRICTNESS:
        raise DecisionRefused(f"{action!r} is no action; decide one of {', '.join(ACTIONS)}")
    if category is not None:
        known_category(category)


def strictest(actions: Sequence[str]) -> str | None:
    """The most restrictive of several actions."""
    return max(actions, key=lambda action: _STRICTNESS.get(action, 0), default=None)


def snapshot(
    session: Session, job: Job, claimed: ClaimedJob, view: Mapping[str, Any]
) -> tuple[dict[str, Any], str, str | None]:
    """What the reviewer saw, the policy version, and what the machine had said.

    Content is named by hash, not copied: it stays in the item's own version until it is deleted.
    """
    item = session.get(StoredItem, job.item_key)
    media = session.execute(
        select(col(ItemMedia.part), col(ItemMedia.sha256)).where(
            col(ItemMedia.item_key) == job.item_key
        )
    ).all()
    assessment_id = session.execute(
        select(col(StoredAssessment.id))
        .where(col(StoredAssessment.item_key) == job.item_key)
        .order_by(col(StoredAssessment.id).desc())
        .limit(1)
    ).scalar()
    verdicts = read_verdicts(session, job.item_key)
    told = {
        "item_id": claimed.item_id,
        "content_hash": item.content_hash if item else None,
        "media": dict(media),
        "assessment_id": assessment_id,
        "verdicts": {region: verdict.action for region, verdict in verdicts.items()},
        "why": list(claimed.why),
        "priority": claimed.priority,
        "members": [member.job_id for member in claimed.members],
        "view": dict(view),
    }
    policy_hash = next((verdict.policy_hash for verdict in verdicts.values()), "")
    return told, policy_hash, strictest([verdict.action for verdict in verdicts.values()])


def store_decision(session: Session, job: Job, values: Mapping[str, Any]) -> Decision:
    """Append one decision for a job."""
    decision = Decision(job_id=job.id or 0, item_key=job.item_key, **values)
    session.add(decision)
    session.flush()
    return decision


def close(session: Session, job: Job, now: float) -> None:
    """The job is done."""
    job.state = JobState.DONE.value
    job.closed_at = now
    job.holder = None
    job.lease_until = None
    session.add(job)
    session.flush()
    clusters.forget(session, [job.id or 0])


def event(
    session: Session,
    job_id: int,
    now: float,
    actor: str,
    kind: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append to the history of a job."""
    insert_rows(
        session,
        JobEvent,
        [{"job_id": job_id, "at": now, "actor": actor, "kind": kind, "detail": detail or {}}],
    )


def exclude(session: Session, job_id: int, reviewer_id: str, reason: str) -> None:
    """This reviewer is not handed this job again."""
    if session.get(JobExclusion, (job_id, reviewer_id)) is None:
        session.add(JobExclusion(job_id=job_id, reviewer_id=reviewer_id, reason=reason))
        session.flush()


def decide_members(
    session: Session,
    leader: Job,
    first: Decision,
    shown: Sequence[int],
    apart: Sequence[int],
    now: float,
) -> list[Decision]:
    """The decision on a cluster's leader, for every member that the reviewer was shown."""
    clusters.detach(
        session, [job_id for job_id in shown if job_id in apart], now, first.reviewer_id
    )
    together = [job_id for job_id in shown if job_id not in apart]
    decisions = []
    for start in range(0, len(together), 500):
        query = select(Job).where(
            col(Job.id).in_(together[start : start + 500]),
            col(Job.leader_id) == leader.id,
            col(Job.state) == JobState.GROUPED,
        )
        for member in session.execute(query).scalars().all():
            decision = Decision(
                job_id=member.id or 0,
                item_key=member.item_key,
                reviewer_id=first.reviewer_id,
                kind=first.kind,
                action=first.action,
                category=first.category,
                regions=first.regions,
                note=first.note,
                policy_hash=first.policy_hash,
                group_id=first.id,
                # What was done to one author was not done to the others.
                context_tags=[tag for tag in first.context_tags if tag != WARNED],
                decided_at=now,
            )
            session.add(decision)
            decisions.append(decision)
            member.state = JobState.DONE.value
            member.closed_at = now
            session.add(member)
    session.flush()
    clusters.promote(session, leader.id or 0, now)
    return decisions


def successor(session: Session, decision_id: int) -> Decision | None:
    """The decision that supersedes this one, if any."""
    query = select(Decision).where(
        col(Decision.supersedes) == decision_id, ~is_taken_back(Decision)
    )
    return session.execute(query.limit(1)).scalar_one_or_none()


def is_taken_back(decision: Any) -> Any:
    """A condition: the decision was undone, and supersedes nothing any more."""
    undo: Any = aliased(Decision)
    return exists().where(undo.supersedes == decision.id, undo.kind == DecisionKind.UNDO.value)


def is_superseded(decision: Any) -> Any:
    """A condition: another decision stands in its place, or it was undone."""
    later: Any = aliased(Decision)
    return exists().where(later.supersedes == decision.id, ~is_taken_back(later))


def is_review(job: Job) -> bool:
    """Whether a verdict, a report or an order asked for it."""
    return job.kind == JobKind.REVIEW


def note_decision(
    session: Session, decision: Decision, now: float, action: str, copies: int
) -> None:
    """The audit entry of a decision."""
    detail: dict[str, Any] = {
        "item": decision.item_key,
        "job": decision.job_id,
        "kind": decision.kind,
        "action": decision.action,
        "category": decision.category,
        "policy": decision.policy_hash,
    }
    if decision.supersedes is not None:
        detail["supersedes"] = decision.supersedes
    if copies:
        detail["copies"] = copies
    audit.append(
        session,
        at=now,
        actor=decision.reviewer_id,
        action=action,
        subject=f"decision:{decision.id}",
        detail=detail,
    )


def purpose_of(job: Job) -> DecisionKind:
    """Which kind of decision a job asks for."""
    if job.kind == JobKind.GOLDEN:
        return DecisionKind.GOLDEN
    if job.kind == JobKind.APPEAL:
        return DecisionKind.APPEAL
    if job.kind == JobKind.AUDIT:
        return DecisionKind.AUDIT
    return DecisionKind.ADJUDICATION if job.round == 3 else DecisionKind.REVIEW


def in_force(job: Job, action: str, automatic: str | None) -> bool:
    """Whether a last look takes effect: a golden item never, an audit only where it differs."""
    if job.kind == JobKind.GOLDEN:
        return False
    return job.kind != JobKind.AUDIT or action != automatic
