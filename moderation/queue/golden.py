"""Golden items: the right answer is known; the reviewer is not told which ones they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.queue.claimant import Claimant
from moderation.queue.claiming import new_claim_number
from moderation.queue.deciding import check_action
from moderation.queue.errors import DecisionRefused
from moderation.queue.routing import Wish, barred_categories, narrowed
from moderation.queue.rules import QueueRules
from moderation.queue.sampling import is_sampled
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.item_tables import StoredItem
from moderation.records.people import primary_language
from moderation.records.people_tables import Reviewer
from moderation.records.queue_tables import (
    Decision,
    DecisionKind,
    GoldenItem,
    Job,
    JobEvent,
    JobKind,
    JobState,
    Route,
)


def add_golden(
    database: Database,
    item_key: int,
    action: str,
    *,
    by: str,
    category: str | None = None,
    alternatives: Sequence[str] = (),
    rationale: str = "",
) -> GoldenItem:
    """Make a decided item golden, with the answer that was agreed.

    Raises:
        NotFound: no such item.
        DecisionRefused: it was never reviewed, is P0 (nobody is shown such material for a test),
            or is golden already.
    """
    for word in (action, *alternatives):
        check_action(word, category)
    with database.write() as session:
        now = database.now(session)
        if session.get(StoredItem, item_key) is None:
            raise NotFound(f"no item with key {item_key}")
        job = _original(session, item_key)
        if job is None:
            raise DecisionRefused(f"item {item_key} was never reviewed; its answer is not agreed")
        if job.severity == 0:
            raise DecisionRefused("P0 material is never used as a golden item")
        if session.execute(select(GoldenItem).where(col(GoldenItem.item_key) == item_key)).first():
            raise DecisionRefused(f"item {item_key} is a golden item already")
        golden = GoldenItem(
            item_key=item_key,
            action=action,
            alternatives=list(alternatives),
            category=category,
            rationale=rationale,
            added_by=by,
            added_at=now,
        )
        session.add(golden)
        session.flush()
        audit.append(session, at=now, actor=by, action="golden_added", subject=f"item:{item_key}")
        return golden


def withdraw_golden(database: Database, golden_id: int, *, because: str, by: str) -> None:
    """Use it no more, for instance because its answer was overturned on appeal."""
    with database.write() as session:
        now = database.now(session)
        golden = session.get(GoldenItem, golden_id)
        if golden is None:
            raise NotFound(f"no golden item {golden_id}")
        golden.withdrawn_at = now
        golden.withdrawn_because = because
        session.add(golden)
        session.flush()
        audit.append(
            session, at=now, actor=by, action="golden_withdrawn", subject=f"item:{golden.item_key}"
        )


def golden_to_renew(
    database: Database, rules: QueueRules | None = None, *, within_days: float = 30.0
) -> list[GoldenItem]:
    """Golden items that are used no more, or soon will not be, because of their age: look whether
    their answer still holds, then withdraw them and add newer ones. Oldest first."""
    rules = rules or QueueRules()
    with database.read() as session:
        until = database.now(session) - (rules.golden_days - within_days) * 86_400
        query = (
            select(GoldenItem)
            .where(col(GoldenItem.withdrawn_at).is_(None), col(GoldenItem.added_at) < until)
            .order_by(col(GoldenItem.added_at))
        )
        return list(session.execute(query).scalars())


def withdraw_overturned(session: Session, item_key: int, now: float) -> None:
    """An answer that fell on appeal measures nobody any more."""
    session.execute(
        update(GoldenItem)
        .where(col(GoldenItem.item_key) == item_key, col(GoldenItem.withdrawn_at).is_(None))
        .values(withdrawn_at=now, withdrawn_because="its decision was overturned on appeal")
        .execution_options(synchronize_session=False)
    )


def is_due(claimant: Claimant, rules: QueueRules) -> bool:
    """Whether this claim is one of the share that gets a golden item, if there is one.

    Claims after the same decision fall or do not fall into the share together.
    """
    lot = f"{claimant.person.id}:{claimant.newest_decision}"
    return rules.golden_share > 0 and is_sampled(lot, rules.golden_share, "golden")


def maybe_plant(session: Session, claimant: Claimant, rules: QueueRules, wish: Wish) -> Job | None:
    """A golden item for this claim, if one is due: already claimed by the reviewer."""
    if not is_due(claimant, rules):
        return None
    reviewer, now = claimant.person, claimant.now
    found = _unseen(session, reviewer, wish, now - rules.golden_days * 86_400)
    if found is None:
        return None
    golden, original = found
    # A copy of the job that first brought the item here, so that it reads like any other.
    clock = original.due_at - original.opened_at
    job = Job(
        item_key=golden.item_key,
        route_id=original.route_id,
        kind=JobKind.GOLDEN.value,
        state=JobState.CLAIMED.value,
        lane=2,
        severity=original.severity,
        category=original.category,
        probability=original.probability,
        views_per_minute=original.views_per_minute,
        reliability=original.reliability,
        weight=original.weight,
        parts={k: v for k, v in original.parts.items() if k != "copies"},
        opened_at=now - clock * 0.3,
        due_at=now + clock * 0.7,
        holder=reviewer.id,
        claim_number=new_claim_number(),
        claimed_at=now,
        lease_until=now + rules.lease_seconds,
    )
    session.add(job)
    session.flush()
    return job


def _unseen(
    session: Session, reviewer: Reviewer, wish: Wish, since: float
) -> tuple[GoldenItem, Job] | None:
    wanted = narrowed(wish.queues, reviewer.queues)
    surfaces = narrowed(wish.surfaces, reviewer.surfaces)
    seen = set(
        session.execute(
            select(col(Decision.item_key)).where(col(Decision.reviewer_id) == reviewer.id)
        ).scalars()
    )
    seen |= set(
        session.execute(
            select(col(Job.item_key))
            .join(JobEvent, col(JobEvent.job_id) == col(Job.id))
            .where(col(Job.kind) == JobKind.GOLDEN, col(JobEvent.actor) == reviewer.id)
        ).scalars()
    )
    reads = {primary_language(tag) for tag in reviewer.languages} | {"und"}
    barred = barred_categories(reviewer)
    rows = session.execute(
        select(GoldenItem)
        .join(StoredItem, col(StoredItem.key) == col(GoldenItem.item_key))
        .where(
            col(GoldenItem.withdrawn_at).is_(None),
            col(GoldenItem.added_at) >= since,
            # There is nothing left to look at where the content was deleted.
            col(StoredItem.content_deleted_at).is_(None),
        )
        .order_by(col(GoldenItem.added_at).desc())
    ).scalars()
    for golden in rows:
        if golden.item_key in seen:
            continue
        original = _original(session, golden.item_key)
        pile = session.get(Route, original.route_id) if original else None
        if original is None or pile is None or pile.language not in reads:
            continue
        if original.category in barred or original.min_seniority > reviewer.seniority:
            continue
        if surfaces is not None and original.parts.get("surface") not in surfaces:
            continue
        if wanted is None or pile.queue in wanted:
            return golden, original
    return None


def _original(session: Session, item_key: int) -> Job | None:
    query = (
        select(Job)
        .where(col(Job.item_key) == item_key, col(Job.kind) == JobKind.REVIEW)
        .order_by(col(Job.id))
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def golden_results(database: Database, reviewer_id: str) -> tuple[int, int]:
    """How many golden items a reviewer met, and on how many they gave an accepted answer."""
    with database.read() as session:
        rows = session.execute(
            select(Decision, GoldenItem)
            .join(GoldenItem, col(GoldenItem.item_key) == col(Decision.item_key))
            .where(
                col(Decision.reviewer_id) == reviewer_id,
                col(Decision.kind) == DecisionKind.GOLDEN,
                col(GoldenItem.withdrawn_at).is_(None),
            )
        ).all()
    right = sum(
        decision.action == golden.action or decision.action in golden.alternatives
        for decision, golden in rows
    )
    return len(rows), right
