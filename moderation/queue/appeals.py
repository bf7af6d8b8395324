"""Appeals, against what a person decided or what policy decided alone: somebody (else) looks again,
and what was taken is given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue import automatic, deciding, golden, reporters
from moderation.queue.deciding import ACTIONS
from moderation.queue.drafts import JobDraft, views_per_minute
from moderation.queue.errors import DecisionRefused
from moderation.queue.opening import open_jobs
from moderation.queue.rules import QueueRules
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.item_store import read_item
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import (
    IS_WAITING_APPEAL,
    Appeal,
    AppealState,
    Decision,
    DecisionKind,
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
    with _opened(database, opened_by) as (session, now):
        decision = session.get(Decision, decision_id, with_for_update=True)
        if decision is None:
            raise NotFound(f"no decision {decision_id}")
        _refuse(session, decision, opened_by, now, rules)
        item = session.get(StoredItem, decision.item_key)
        first = session.get(Job, decision.job_id)
        assert item is not None
        assert first is not None
        _refuse_deleted(item, f"decision {decision_id}")
        job_id = _open_job(
            session,
            item,
            now,
            rules,
            opened_by,
            severity=first.severity,
            category=decision.category or first.category,
            views_per_minute=first.views_per_minute,
        )
        return _lodge(session, decision, job_id, opened_by, reason, now)


def appeal_item(
    database: Database,
    item_id: str,
    *,
    opened_by: str,
    reason: str = "",
    rules: QueueRules | None = None,
) -> Appeal:
    """The author (of a restriction) or a reporter (of an allow) disagrees with what was decided
    automatically, as DSA art. 20 lets them. What policy said last becomes a decision of kind
    `automatic`, which the answer supersedes; it counts as nobody's work.

    Args:
        item_id: the platform's own id.
        opened_by: `author` or `reporter`.

    Raises:
        NotFound: no such item, or it was never judged.
        DecisionRefused: a person decided it, or will; it was appealed already; too late; or not
            theirs to appeal.
    """
    rules = rules or QueueRules()
    with _opened(database, opened_by) as (session, now):
        found = automatic.read_automatic(session, item_id, opened_by)
        _refuse_late(found.given_at, f"the verdict about item {item_id}", now, rules)
        _refuse_action(found.action, opened_by)
        _refuse_deleted(found.item, f"item {item_id}")
        key = found.item.key or 0
        views, _ = views_per_minute(read_item(session, database.media, key))
        job_id = _open_job(
            session,
            found.item,
            now,
            rules,
            opened_by,
            severity=found.severity,
            category=found.category,
            views_per_minute=views,
        )
        decision = Decision(job_id=job_id, item_key=key, **found.row(now))
        session.add(decision)
        session.flush()
        return _lodge(session, decision, job_id, opened_by, reason, now)


@contextmanager
def _opened(database: Database, opened_by: str) -> Iterator[tuple[Session, float]]:
    """How every appeal begins: by somebody who may open one, in one transaction, now."""
    if opened_by not in {"author", "reporter"}:
        raise DecisionRefused("an appeal is opened by the author or by a reporter")
    with database.write() as session:
        yield session, database.now(session)


def _open_job(
    session: Session,
    item: StoredItem,
    now: float,
    rules: QueueRules,
    opened_by: str,
    *,
    severity: int,
    category: str | None,
    views_per_minute: float,
) -> int:
    draft = JobDraft(
        queue="appeals",
        lane=2,
        severity=severity,
        category=category,
        probability=0.5,
        views_per_minute=views_per_minute,
        reliability=1.0,
        due_at=now + rules.appeal_hours * 3600,
        parts={"surface": item.surface, "notes": [f"appeal by the {opened_by}"]},
        kind=JobKind.APPEAL,
        min_seniority=1,
    )
    [job_id] = open_jobs(session, [(item.key or 0, item.language, None, draft)], now, rules)
    return job_id


def _lodge(
    session: Session, decision: Decision, job_id: int, opened_by: str, reason: str, now: float
) -> Appeal:
    """Store the appeal; nobody who decided before is handed its job."""
    for person in _deciders(session, decision):
        deciding.exclude(session, job_id, person, "decided before")
    appeal = Appeal(
        decision_id=decision.id or 0,
        job_id=job_id,
        opened_by=opened_by,
        reason=reason,
        opened_at=now,
    )
    session.add(appeal)
    session.flush()
    detail: dict[str, object] = {"appeal": appeal.id, "job": job_id}
    if decision.kind == DecisionKind.AUTOMATIC:
        detail |= {"item": decision.item_key, "automatic": decision.action}
    audit.append(
        session,
        at=now,
        actor=opened_by,
        action="appealed",
        subject=f"decision:{decision.id}",
        detail=detail,
    )
    return appeal


def _refuse(
    session: Session, decision: Decision, opened_by: str, now: float, rules: QueueRules
) -> None:
    _refuse_late(decision.decided_at, f"decision {decision.id}", now, rules)
    if not decision.final or deciding.successor(session, decision.id or 0) is not None:
        raise DecisionRefused(f"decision {decision.id} is not in force; appeal its successor")
    _refuse_action(decision.action, opened_by)
    earlier = session.execute(
        select(col(Appeal.id)).where(
            col(Appeal.decision_id) == decision.id, col(Appeal.state) != AppealState.WITHDRAWN
        )
    ).first()
    if earlier is not None:
        raise DecisionRefused(f"decision {decision.id} was appealed already (appeal {earlier[0]})")


def _refuse_late(decided_at: float, what: str, now: float, rules: QueueRules) -> None:
    if now - decided_at > rules.appeal_days * _DAY:
        raise DecisionRefused(
            f"{what} is older than {rules.appeal_days} days; it cannot be appealed"
        )


def _refuse_action(action: str, opened_by: str) -> None:
    if opened_by == "author" and action == "allow":
        raise DecisionRefused("nothing was taken from the author by this decision")
    if opened_by == "reporter" and action != "allow":
        raise DecisionRefused("the report was upheld by this decision")


def _refuse_deleted(item: StoredItem, what: str) -> None:
    if item.content_deleted_at is not None:
        raise DecisionRefused(f"the content of {what} was deleted; nobody can look at it again")


def _deciders(session: Session, decision: Decision) -> set[str]:
    """Everybody who had a hand in it: all looks at its job and at the one that its job rode on,
    and whatever it supersedes; for an automatic one, whoever judged the item (in an audit)."""
    if decision.kind == DecisionKind.AUTOMATIC:
        judged = select(col(Decision.reviewer_id)).where(
            col(Decision.item_key) == decision.item_key, col(Decision.reviewer_id) != ""
        )
        return set(session.execute(judged).scalars())
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
        reporters.judge_by_correction(session, first, decision)
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
