"""Which piles a reviewer draws from: queue by queue, language by language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.people import primary_language
from moderation.records.people_tables import Reviewer, Role
from moderation.records.queue_tables import Route

#: Only people with the role `child_safety` are handed these; nobody else ever sees them here.
GUARDED_CATEGORIES: tuple[str, ...] = ("csae", "grooming")

#: A reader who has not claimed for this long is not there to take a job, in seconds.
PRESENT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Pile:
    """A route, with what has to be said when a reviewer cannot read its language."""

    route_id: int
    queue: str
    language: str
    note: str | None = None


def piles_for(
    session: Session,
    reviewer: Reviewer,
    now: float,
    *,
    queues: Iterable[str] | None = None,
    languages: Iterable[str] | None = None,
) -> tuple[list[Pile], list[Pile]]:
    """The piles in languages that the reviewer reads, and those that nobody else is there to read.

    Items without recognisable text (`und`) are for everybody.
    """
    wanted_queues = set(queues) if queues is not None else None
    allowed_queues = set(reviewer.queues)
    asked = {primary_language(tag) for tag in languages} if languages is not None else None
    reads = {primary_language(tag) for tag in reviewer.languages}
    own: list[Pile] = []
    foreign: list[Pile] = []
    for pile in piles(session):
        if wanted_queues is not None and pile.queue not in wanted_queues:
            continue
        if allowed_queues and pile.queue not in allowed_queues:
            continue
        if asked is not None and pile.language not in asked and pile.language != "und":
            continue
        (own if pile.language in reads | {"und"} else foreign).append(pile)
    return own, _unread(session, foreign, now)


def _unread(session: Session, foreign: Sequence[Pile], now: float) -> list[Pile]:
    if not foreign:
        return []
    enabled = session.execute(
        select(col(Reviewer.languages), col(Reviewer.last_active_at)).where(
            col(Reviewer.disabled_at).is_(None)
        )
    ).all()
    readers: set[str] = set()
    present: set[str] = set()
    for spoken, last_active in enabled:
        known = {primary_language(tag) for tag in spoken}
        readers |= known
        if last_active is not None and now - last_active < PRESENT_SECONDS:
            present |= known
    found = []
    for pile in foreign:
        if pile.language in present:
            continue
        who = "is here now" if pile.language in readers else "on the team"
        note = f"in a language you do not read ({pile.language}): nobody who reads it {who}"
        if pile.language not in readers:
            note = f"in a language you do not read ({pile.language}): nobody {who} reads it"
        found.append(Pile(pile.route_id, pile.queue, pile.language, note))
    return found


def piles(session: Session) -> list[Pile]:
    """All piles that ever held a job."""
    query = select(col(Route.id), col(Route.queue), col(Route.language)).order_by(col(Route.id))
    return [
        Pile(route_id or 0, queue, language) for route_id, queue, language in session.execute(query)
    ]


def barred_categories(reviewer: Reviewer) -> list[str]:
    """Categories that this reviewer is not handed: opted out, or guarded."""
    guarded = () if Role.CHILD_SAFETY in reviewer.roles else GUARDED_CATEGORIES
    return sorted({*reviewer.opt_outs, *guarded})
