"""Takes decisions back: who may, until when, and what waits again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from moderation.queue import clusters, reporters
from moderation.queue.deciding import is_review, is_superseded, successor
from moderation.queue.errors import DecisionRefused
from moderation.records.queue_tables import (
    Appeal,
    Decision,
    DecisionKind,
    Job,
    JobExclusion,
    JobKind,
    JobState,
)


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
        reporters.judge(session, undone, sign=-1)
    if decision.supersedes is not None:
        before = session.get(Decision, decision.supersedes)
        if before is not None:
            reporters.restore_judgement(session, decision, before)
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
    newer = _waiting_again(session, [job.item_key]) - {job.id or 0} if is_review(job) else set()
    if newer:
        raise DecisionRefused(
            f"the item of decision {decision.id} came in again since, and waits as job "
            f"{min(newer)}; decide that one, or correct this decision"
        )


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
