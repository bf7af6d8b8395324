"""What a reviewer may do with a job in hand: decide, undo, correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, select, update
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
    Reporter,
    StoredAssessment,
    StoredItem,
    StoredReport,
)
from moderation.records.queue_tables import (
    Appeal,
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


def judge_reporters(session: Session, decisions: Sequence[Decision], sign: int = 1) -> None:
    """Count a report as upheld where the item was restricted, as rejected where it was allowed."""
    _judge(session, {decision.job_id: decision.action for decision in decisions}, sign)


def _judge(session: Session, actions: Mapping[int, str], sign: int = 1) -> None:
    upheld = {job_id: action != "allow" for job_id, action in actions.items()}
    query = (
        select(col(StoredReport.job_id), col(StoredReport.reporter_id))
        .where(col(StoredReport.job_id).in_(list(upheld)), col(StoredReport.reporter_id) != "")
        .distinct()
        # In one order for all, so that two deciders never wait for each other.
        .order_by(col(StoredReport.reporter_id))
    )
    for job_id, reporter_id in session.execute(query).all():
        reporter = session.get(Reporter, reporter_id, with_for_update=True)
        reporter = reporter or Reporter(id=reporter_id)
        if upheld[job_id]:
            reporter.upheld = max(0, reporter.upheld + sign)
        else:
            reporter.rejected = max(0, reporter.rejected + sign)
        session.add(reporter)
    session.flush()


def _judge_reporters_again(session: Session, undone: Decision, before: Decision) -> None:
    """The decision that an undone one had replaced is in force again."""
    if (before.action == "allow") == (undone.action == "allow"):
        return
    _judge(session, {before.job_id: undone.action}, sign=-1)
    judge_reporters(session, [before])


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


def judge_reporters_anew(session: Session, before: Decision, after: Decision) -> None:
    """Those whose report was judged by a decision are judged by the one that replaces it."""
    if (before.action == "allow") == (after.action == "allow"):
        return
    judge_reporters(session, [before], sign=-1)
    _judge(session, {before.job_id: after.action})


def undo(session: Session, decision: Decision, now: float, window: float) -> list[Decision]:
    """Take a decision (and those that followed it in its cluster) back; the undone decisions.

    Raises:
        DecisionRefused: too late, superseded, or somebody has built on it.
    """
    if decision.kind == DecisionKind.UNDO:
        raise DecisionRefused("an undo cannot be undone; decide the job again")
    if decision.kind == DecisionKind.CORRECTION:
        raise DecisionRefused("a correction is not taken back; correct it once more")
    if now - decision.decided_at > window:
        raise DecisionRefused(
            f"decision {decision.id} is older than {window / 60:.0f} min; "
            "correct it with a new decision instead"
        )
    if decision.group_id is not None:
        raise DecisionRefused(
            f"decision {decision.id} followed decision {decision.group_id} of its cluster; "
            "undo that one"
        )
    if successor(session, decision.id or 0) is not None:
        raise DecisionRefused(f"decision {decision.id} was superseded already")
    job = session.execute(
        select(Job).where(col(Job.id) == decision.job_id).with_for_update()
    ).scalar_one()
    later = session.execute(
        select(col(Decision.id)).where(
            col(Decision.job_id) == job.id, col(Decision.id) > decision.id
        )
    ).first()
    if later is not None or (job.state != JobState.DONE and job.round == decision.round):
        raise DecisionRefused(f"job {job.id} has moved on since decision {decision.id}")
    if job.state == JobState.CLAIMED:
        raise DecisionRefused(f"job {job.id} is being looked at a second time; it cannot be undone")
    _refuse_built_upon(session, decision, job)
    followers = _standing_followers(session, decision)
    undone = [decision, *followers]
    for old in undone:
        session.add(
            Decision(
                job_id=old.job_id,
                item_key=old.item_key,
                reviewer_id=decision.reviewer_id,
                kind=DecisionKind.UNDO.value,
                round=old.round,
                final=False,
                action=old.action,
                category=old.category,
                supersedes=old.id,
                policy_hash=old.policy_hash,
                decided_at=now,
            )
        )
    _reopen_members(session, job, followers)
    session.execute(
        delete(JobExclusion).where(
            col(JobExclusion.job_id) == job.id,
            col(JobExclusion.reviewer_id) == decision.reviewer_id,
            col(JobExclusion.reason) == "decided",
        )
    )
    if decision.kind in {DecisionKind.REVIEW, DecisionKind.ADJUDICATION} and decision.final:
        judge_reporters(session, undone, sign=-1)
    if decision.supersedes is not None:
        before = session.get(Decision, decision.supersedes)
        if before is not None:
            _judge_reporters_again(session, decision, before)
    job.round = decision.round
    session.add(job)
    session.flush()
    clusters.remember(session, job)
    return undone


def _refuse_built_upon(session: Session, decision: Decision, job: Job) -> None:
    appealed = session.execute(
        select(col(Appeal.id)).where(col(Appeal.decision_id) == decision.id).limit(1)
    ).scalar()
    if appealed is not None:
        raise DecisionRefused(
            f"decision {decision.id} was appealed (appeal {appealed}); somebody else answers"
        )
    newer = _waiting_again(session, [job.item_key]) - {job.id or 0} if _is_review(job) else set()
    if newer:
        raise DecisionRefused(
            f"the item of decision {decision.id} came in again since, and waits as job "
            f"{min(newer)}; decide that one, or correct this decision"
        )


def _is_review(job: Job) -> bool:
    return job.kind == JobKind.REVIEW


def _waiting_again(session: Session, item_keys: Sequence[int]) -> set[int]:
    """The review jobs that wait for these items."""
    query = select(col(Job.id)).where(
        col(Job.item_key).in_(item_keys),
        col(Job.kind) == JobKind.REVIEW,
        col(Job.state) != JobState.DONE,
    )
    return {number or 0 for number in session.execute(query).scalars()}


def _standing_followers(session: Session, first: Decision) -> list[Decision]:
    """The decisions on a cluster's members that nobody corrected or appealed since."""
    query = (
        select(Decision)
        .where(
            col(Decision.group_id) == first.id,
            ~is_superseded(Decision),
            col(Decision.id).not_in(select(col(Appeal.decision_id))),
        )
        .order_by(col(Decision.id))
    )
    return list(session.execute(query).scalars())


def _reopen_members(session: Session, leader: Job, followers: Sequence[Decision]) -> None:
    # What came in again since waits already; two jobs for one item would be decided twice.
    ids = [d.job_id for d in followers if not _waiting_again(session, [d.item_key])]
    for start in range(0, len(ids), 500):
        session.execute(
            update(Job)
            .where(col(Job.id).in_(ids[start : start + 500]))
            .values(state=JobState.GROUPED.value, leader_id=leader.id, closed_at=None)
        )


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
