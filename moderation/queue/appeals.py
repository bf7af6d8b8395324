"""Appeals: somebody else looks again, and what was taken is given back."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue import deciding, golden
from moderation.queue.deciding import ACTIONS
from moderation.queue.drafts import JobDraft
from moderation.queue.errors import DecisionRefused
from moderation.queue.opening import open_jobs
from moderation.queue.rules import QueueRules
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import (
    IS_WAITING_APPEAL,
    Appeal,
    AppealState,
    Decision,
    Job,
    JobKind,
)

_DAY = 86_400.0

#: What a decision took, in the order of its harshness, and what an overturned one gives back.
_TAKEN: dict[str, tuple[str, ...]] = {
    "label": ("label",),
    "interstitial": ("visibility",),
    "age_gate": ("visibility",),
    "limit": ("reach",),
    "hold": ("visibility", "reach"),
    "unavailable": ("visibility", "reach", "strike"),
}


def open_appeal(
    database: Database,
    decision_id: int,
    *,
    opened_by: str,
    reason: str = "",
    rules: QueueRules | None = None,
) -> Appeal:
    """The author (of a restriction) or a reporter (of an allow) disagrees.

    Args:
        opened_by: `author` or `reporter`.

    Raises:
        NotFound: no such decision.
        DecisionRefused: too late, appealed already, superseded, or not theirs to appeal.
    """
    rules = rules or QueueRules()
    if opened_by not in {"author", "reporter"}:
        raise DecisionRefused("an appeal is opened by the author or by a reporter")
    with database.write() as session:
        now = database.now(session)
        decision = session.get(Decision, decision_id)
        if decision is None:
            raise NotFound(f"no decision {decision_id}")
        _refuse(session, decision, opened_by, now, rules)
        item = session.get(StoredItem, decision.item_key)
        first = session.get(Job, decision.job_id)
        assert item is not None
        if item.content_deleted_at is not None:
            raise DecisionRefused(
                f"the content of decision {decision_id} was deleted; nobody can look at it again"
            )
        assert first is not None
        draft = JobDraft(
            queue="appeals",
            lane=2,
            severity=first.severity,
            category=decision.category or first.category,
            probability=0.5,
            views_per_minute=first.views_per_minute,
            reliability=1.0,
            due_at=now + rules.appeal_hours * 3600,
            parts={"surface": item.surface, "notes": [f"appeal by the {opened_by}"]},
            kind=JobKind.APPEAL,
            min_seniority=1,
        )
        [job_id] = open_jobs(session, [(decision.item_key, item.language, None, draft)], now, rules)
        for person in _deciders(session, decision):
            deciding.exclude(session, job_id, person, "decided before")
        appeal = Appeal(
            decision_id=decision_id,
            job_id=job_id,
            opened_by=opened_by,
            reason=reason,
            opened_at=now,
        )
        session.add(appeal)
        session.flush()
        audit.append(
            session,
            at=now,
            actor=opened_by,
            action="appealed",
            subject=f"decision:{decision_id}",
            detail={"appeal": appeal.id, "job": job_id},
        )
        return appeal


def _refuse(
    session: Session, decision: Decision, opened_by: str, now: float, rules: QueueRules
) -> None:
    if now - decision.decided_at > rules.appeal_days * _DAY:
        raise DecisionRefused(
            f"decision {decision.id} is older than {rules.appeal_days} days; it cannot be appealed"
        )
    if not decision.final or deciding.successor(session, decision.id or 0) is not None:
        raise DecisionRefused(f"decision {decision.id} is not in force; appeal its successor")
    if opened_by == "author" and decision.action == "allow":
        raise DecisionRefused("nothing was taken from the author by this decision")
    if opened_by == "reporter" and decision.action != "allow":
        raise DecisionRefused("the report was upheld by this decision")
    earlier = session.execute(
        select(col(Appeal.id)).where(
            col(Appeal.decision_id) == decision.id, col(Appeal.state) != AppealState.WITHDRAWN
        )
    ).first()
    if earlier is not None:
        raise DecisionRefused(f"decision {decision.id} was appealed already (appeal {earlier[0]})")


def _deciders(session: Session, decision: Decision) -> set[str]:
    """Everybody who had a hand in it: all looks at its job and at the one that its job rode on,
    and whatever it supersedes."""
    jobs = [decision.job_id]
    leader = session.get(Decision, decision.group_id) if decision.group_id is not None else None
    if leader is not None:
        jobs.append(leader.job_id)
    people = set(
        session.execute(
            select(col(Decision.reviewer_id)).where(col(Decision.job_id).in_(jobs))
        ).scalars()
    )
    people.add(decision.reviewer_id)
    earlier = decision.supersedes
    while earlier is not None:
        before = session.get(Decision, earlier)
        if before is None:
            break
        people.add(before.reviewer_id)
        earlier = before.supersedes
    return people


def superseded_by(session: Session, job: Job) -> int | None:
    """The decision that an answer to this appeal supersedes; None for other jobs."""
    if job.kind != JobKind.APPEAL:
        return None
    return session.execute(
        select(col(Appeal.decision_id)).where(col(Appeal.job_id) == job.id)
    ).scalar()


def answer(session: Session, job: Job, decision: Decision, now: float) -> None:
    """Close the appeal that this job was for: upheld, or overturned and restored."""
    if job.kind != JobKind.APPEAL:
        return
    appeal = session.execute(select(Appeal).where(col(Appeal.job_id) == job.id)).scalar_one()
    first = session.get(Decision, appeal.decision_id)
    assert first is not None
    changed = first.action != decision.action
    appeal.state = (AppealState.OVERTURNED if changed else AppealState.UPHELD).value
    appeal.answer_id = decision.id
    appeal.closed_at = now
    appeal.restored = restored_by(first.action, decision.action)
    session.add(appeal)
    session.flush()
    if changed:
        deciding.judge_reporters_anew(session, first, decision)
        golden.withdraw_overturned(session, job.item_key, now)


def restored_by(before: str, after: str) -> list[str]:
    """What is given back when a decision is replaced: visibility, reach, strike, label."""
    if ACTIONS.index(after) >= ACTIONS.index(before):
        return []
    kept = set(_TAKEN.get(after, ()))
    return [taken for taken in _TAKEN.get(before, ()) if taken not in kept]


def reopen(session: Session, decision: Decision) -> None:
    """An undone answer leaves its appeal open."""
    session.execute(
        update(Appeal)
        .where(col(Appeal.answer_id) == decision.id)
        .values(state=AppealState.OPEN.value, answer_id=None, closed_at=None, restored=[])
    )


def move_ahead(session: Session, now: float, rules: QueueRules) -> None:
    """Appeals near their deadline go before the rest."""
    session.execute(
        update(Job)
        .where(
            IS_WAITING_APPEAL,
            col(Job.due_at) < now + rules.appeal_urgent_hours * 3600,
        )
        .values(lane=1)
        .execution_options(synchronize_session=False)
    )
