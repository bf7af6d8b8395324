"""Which piles a reviewer draws from: queue by queue, language by language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

#: Who reads what is looked up at most this often, in seconds: presence is told in half hours.
_READERS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Pile:
    """A route, with what has to be said when a reviewer cannot read its language."""

    route_id: int
    queue: str
    language: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer asks for in one claim; None asks for everything that they work on."""

    queues: frozenset[str] | None = None
    languages: frozenset[str] | None = None
    surfaces: frozenset[str] | None = None
    regions: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        queues: Iterable[str] | None,
        languages: Iterable[str] | None,
        surfaces: Iterable[str] | None,
        regions: Iterable[str] | None,
    ) -> Wish:
        """From the arguments of `Queue.claim`."""
        return cls(
            None if queues is None else frozenset(queues),
            None if languages is None else frozenset(primary_language(tag) for tag in languages),
            None if surfaces is None else frozenset(surfaces),
            None if regions is None else frozenset(region.upper() for region in regions),
        )


class Routing:
    """The piles, and who is there to read which language, remembered between claims."""

    def __init__(self) -> None:
        self._piles: dict[int, Pile] = {}
        self._readers: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self._asked_at = float("-inf")

    def piles(self, session: Session, newest: int | None) -> Mapping[int, Pile]:
        """All piles that ever held a job, by id; read again only when there is a newer one."""
        if newest is not None and newest not in self._piles:
            query = select(col(Route.id), col(Route.queue), col(Route.language))
            self._piles = {
                route_id or 0: Pile(route_id or 0, queue, language)
                for route_id, queue, language in session.execute(query)
            }
        return self._piles

    def piles_for(
        self,
        session: Session,
        reviewer: Reviewer,
        now: float,
        wish: Wish,
        newest: int | None,
    ) -> tuple[list[Pile], list[Pile]]:
        """The piles in languages that the reviewer reads, and those that nobody else is there to
        read.

        Items without recognisable text (`und`) are for everybody.
        """
        allowed_queues = set(reviewer.queues)
        reads = {primary_language(tag) for tag in reviewer.languages} | {"und"}
        own: list[Pile] = []
        foreign: list[Pile] = []
        for pile in self.piles(session, newest).values():
            if wish.queues is not None and pile.queue not in wish.queues:
                continue
            if allowed_queues and pile.queue not in allowed_queues:
                continue
            if wish.languages is not None and pile.language not in wish.languages | {"und"}:
                continue
            (own if pile.language in reads else foreign).append(pile)
        return own, self._unread(session, foreign, now)

    def _unread(self, session: Session, foreign: Sequence[Pile], now: float) -> list[Pile]:
        if not foreign:
            return []
        readers, present = self._who_reads(session, now)
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

    def _who_reads(self, session: Session, now: float) -> tuple[frozenset[str], frozenset[str]]:
        """Languages that anybody reads, and those that somebody reads who is there."""
        if abs(now - self._asked_at) < _READERS_EVERY:
            return self._readers
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
        self._readers = (frozenset(readers), frozenset(present))
        self._asked_at = now
        return self._readers


def barred_categories(reviewer: Reviewer) -> list[str]:
    """Categories that this reviewer is not handed: opted out, or guarded."""
    guarded = () if Role.CHILD_SAFETY in reviewer.roles else GUARDED_CATEGORIES
    return sorted({*reviewer.opt_outs, *guarded})


def narrowed(wish: frozenset[str] | None, allowed: Iterable[str]) -> list[str] | None:
    """What was asked for within what a reviewer works on; None where neither says anything."""
    own = frozenset(allowed)
    if wish is None:
        return sorted(own) or None
    return sorted(wish & own) if own else sorted(wish)
