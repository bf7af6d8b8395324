"""Choosing the next job for a person, and describing it to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmodel import Session

from moderation.queue import claiming, clusters, deciding, rounds
from moderation.queue.claimant import Claimant
from moderation.queue.claiming import ClaimedJob, Taken
from moderation.queue.errors import LeaseLost
from moderation.queue.exposure import Standing
from moderation.queue.filters import Filters
from moderation.queue.priority import explain
from moderation.queue.priority import priority as priority_of
from moderation.queue.rotation import categories_of, rotation_words
from moderation.queue.routing import Pile, Routing, Wish, barred_categories, narrowed
from moderation.queue.rules import QueueRules
from moderation.records.item_tables import StoredItem
from moderation.records.people_tables import Reviewer
from moderation.records.queue_tables import Job, JobState, Route


def take_next(
    session: Session,
    claimant: Claimant,
    diary: Standing,
    routing: Routing,
    wish: Wish,
    rules: QueueRules,
) -> ClaimedJob | None:
    """The most urgent job for a person, now theirs; None if nothing waits for them.

    Lane by lane; in each, languages that they read come before those that nobody else is there
    to read, and kinds of material that they have not seen enough of before those that they have.
    """
    person, now = claimant.person, claimant.now
    own, unread = routing.piles_for(session, person, now, wish, claimant.newest_route)
    filters = Filters(
        barred_categories(person),
        narrowed(wish.surfaces, person.surfaces),
        narrowed(wish.regions, person.regions),
    )
    rested = categories_of(diary.rested)
    lease = rules.lease_seconds
    taken = claiming.take(session, own, unread, person, filters, now, lease, rested)
    if taken is None:
        return None
    pile = next(p for p in (*unread, *own) if p.route_id == taken.job.route_id)
    turn = rotation_words(taken.job.category, taken.job.lane, diary.rested)
    notes = [note for note in (pile.note, turn) if note]
    return _described(session, taken, pile, now, notes, diary.prompts)


def hand_over(
    session: Session, job: Job, person: Reviewer, now: float, rules: QueueRules
) -> ClaimedJob:
    """Give this very job to this person."""
    job.state = JobState.CLAIMED.value
    job.holder = person.id
    job.claim_number = claiming.new_claim_number()
    job.claimed_at = now
    job.lease_until = now + rules.lease_seconds
    session.add(job)
    session.flush()
    return note_claim(session, job, now, None, ())


def note_claim(
    session: Session, job: Job, now: float, note: str | None, prompts: Sequence[str]
) -> ClaimedJob:
    """Write the claim into the job's history, and describe the job."""
    detail = {"claim": job.claim_number}
    deciding.event(session, job.id or 0, now, job.holder or "", "claimed", detail)
    return describe(session, job, now, note, prompts)


def describe(
    session: Session, job: Job, now: float, note: str | None, prompts: Sequence[str]
) -> ClaimedJob:
    """A job in hand, in the words that its holder is shown."""
    item = session.get(StoredItem, job.item_key)
    route = session.get(Route, job.route_id)
    assert item is not None
    assert route is not None
    pile = Pile(job.route_id, route.queue, route.language)
    notes = [note] if note else []
    return _described(session, Taken(job, item.id, item.surface), pile, now, notes, prompts)


def renewed(session: Session, job: Job, claimed: ClaimedJob, now: float) -> ClaimedJob:
    """A job whose lease was renewed: what became more urgent meanwhile shows, and its near-copies
    stay those that the holder was shown."""
    lease_until = job.lease_until or now
    route = session.get_one(Route, job.route_id)
    if (route.queue, job.lane, job.severity) == (claimed.queue, claimed.lane, claimed.severity):
        return replace(claimed, lease_until=lease_until)
    fresh = describe(session, job, now, None, ())
    return replace(fresh, members=claimed.members, prompts=claimed.prompts)


def _described(
    session: Session,
    taken: Taken,
    pile: Pile,
    now: float,
    notes: Sequence[str],
    prompts: Sequence[str],
) -> ClaimedJob:
    job = taken.job
    members = clusters.members(session, job) if job.parts.get("copies") else []
    why = [*explain(job, now), *notes]
    if members:
        why.append(f"{len(members)} near-copies wait with it and are decided together")
    return ClaimedJob(
        job_id=job.id or 0,
        claim_number=job.claim_number,
        reviewer_id=job.holder or "",
        item_key=job.item_key,
        item_id=taken.item_id,
        queue=pile.queue,
        language=pile.language,
        surface=taken.surface,
        lane=job.lane,
        severity=job.severity,
        category=job.category,
        probability=job.probability,
        priority=priority_of(job, now),
        why=tuple(why),
        purpose=claiming.shown_purpose(job),
        claimed_at=job.claimed_at or now,
        lease_until=job.lease_until or now,
        due_at=job.due_at,
        members=tuple(members),
        prompts=tuple(prompts),
    )


def refuse_unfit(session: Session, person: Reviewer, job: Job) -> None:
    """Raises LeaseLost for a job that this person must not have."""
    if job.category in barred_categories(person) or job.min_seniority > person.seniority:
        raise LeaseLost(f"job {job.id} is not for you; claim another one")
    if rounds.is_excluded(session, job.id or 0, person.id):
        raise LeaseLost(f"you skipped or decided job {job.id} before; it waits for somebody else")
