"""Whoever claims, and what a claim has to know besides: read in one statement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlmodel import Session

from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.people_tables import Reviewer

_LISTS = ("languages", "roles", "queues", "opt_outs", "surfaces", "regions")
_PLAIN = ("id", "display_name", "seniority", "joined_at", "last_active_at", "disabled_at")


@dataclass(frozen=True, slots=True)
class Claimant:
    """A reviewer at the moment of a claim."""

    person: Reviewer  #: a copy that claims share: never change it
    now: float  #: seconds since 1970
    newest_route: int | None
    leases_ended: bool  #: some job has to go back into the queue first


def read_claimant(
    session: Session, database: Database, reviewer_id: str, lease_seconds: float
) -> Claimant:
    """The reviewer, the time, and whether leases have ended.

    Raises:
        NotFound: nobody has that name, or their account is disabled.
    """
    values = {
        "me": reviewer_id,
        "now": database.own_clock(),
        "ahead": 2 * lease_seconds,
    }
    statement = _statement(session.get_bind().dialect.name)
    row = session.connection().execute(statement, values).mappings().first()
    if row is None:
        raise NotFound(f"no reviewer {reviewer_id!r}; `moderation reviewers list` shows all")
    if row["disabled_at"] is not None:
        raise NotFound(f"reviewer {reviewer_id} is disabled")
    plain = tuple(row[name] for name in _PLAIN)
    # As text on both databases, so that equal rows give the person that is known already.
    lists = tuple(
        value if isinstance(value, str) else json.dumps(value)
        for value in (row[name] for name in _LISTS)
    )
    person = _person(plain, lists)
    return Claimant(person, float(row["now"]), row["newest_route"], bool(row["leases_ended"]))


@lru_cache(maxsize=512)
def _person(plain: tuple[Any, ...], lists: tuple[str, ...]) -> Reviewer:
    columns: dict[str, Any] = dict(zip(_PLAIN, plain, strict=True))
    columns |= {name: json.loads(value) for name, value in zip(_LISTS, lists, strict=True)}
    return Reviewer(**columns)


@lru_cache(maxsize=2)
def _statement(dialect: str) -> TextClause:
    now = ":now"
    if dialect == "postgresql":
        now = "COALESCE(CAST(:now AS float8), extract(epoch FROM clock_timestamp())::float8)"
    names = ", ".join(f"r.{name}" for name in (*_PLAIN, *_LISTS))
    # Only names of columns are put together here, never a value.
    return text(
        f"SELECT {names}, t.now, (SELECT max(id) FROM routes) AS newest_route, "  # noqa: S608
        "EXISTS (SELECT 1 FROM jobs WHERE state = 'claimed' "
        "AND (lease_until < t.now OR lease_until > t.now + :ahead)) AS leases_ended "
        f"FROM reviewers r CROSS JOIN (SELECT {now} AS now) t WHERE r.id = :me"
    )
