"""Whoever claims, and what a claim has to know besides: read in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlmodel import Session

from moderation.queue.exposure import DiaryEntry, diary_sql, read_diary
from moderation.queue.rules import QueueRules
from moderation.records.database import Database, driver_sql, packed, unpacked
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
    newest_decision: int | None  #: of this reviewer
    leases_ended: bool  #: some job has to go back into the queue first
    clocks_ended: bool  #: something overdue was not noted yet
    appeals_urgent: bool  #: an appeal has to move ahead
    diary: Sequence[DiaryEntry]  #: what they saw in the last day, oldest first


def read_claimant(
    session: Session, database: Database, reviewer_id: str, rules: QueueRules
) -> Claimant:
    """The reviewer, the time, what they saw today, and what the queue has to do first.

    Raises:
        NotFound: nobody has that name, or their account is disabled.
    """
    values = {
        "me": reviewer_id,
        "now": database.own_clock(),
        "ahead": 2 * rules.lease_seconds,
        "urgent": rules.appeal_urgent_hours * 3600,
    }
    connection = session.connection()
    dialect = connection.dialect.name
    row = connection.exec_driver_sql(_statement(dialect), values).first()
    if row is None:
        raise NotFound(f"no reviewer {reviewer_id!r}; `moderation reviewers list` shows all")
    now, newest_route, newest_decision, leases_ended, clocks_ended, urgent, diary, *columns = (
        unpacked(dialect, row)
    )
    plain, lists = columns[: len(_PLAIN)], columns[len(_PLAIN) :]
    person = _person(tuple(plain), tuple(lists))
    if person.disabled_at is not None:
        raise NotFound(f"reviewer {reviewer_id} is disabled")
    return Claimant(
        person,
        float(now),
        newest_route,
        newest_decision,
        bool(leases_ended),
        bool(clocks_ended),
        bool(urgent),
        read_diary(diary),
    )


@lru_cache(maxsize=512)
def _person(plain: tuple[Any, ...], lists: tuple[str, ...]) -> Reviewer:
    columns: dict[str, Any] = dict(zip(_PLAIN, plain, strict=True))
    columns |= {name: json.loads(value) for name, value in zip(_LISTS, lists, strict=True)}
    return Reviewer(**columns)


@lru_cache(maxsize=2)
def _statement(dialect: str) -> str:
    now = ":now"
    if dialect == "postgresql":
        now = (
            "COALESCE(CAST(:now AS float8), CAST(extract(epoch FROM clock_timestamp()) AS float8))"
        )
    # Lists as text on both databases, so that equal rows give the person that is known already.
    names = [f"r.{name}" for name in _PLAIN] + [f"CAST(r.{n} AS text)" for n in _LISTS]
    ended = "SELECT lease_until FROM jobs WHERE state = 'claimed' AND lease_until IS NOT NULL"
    # Only names of columns are put together here, never a value.
    told = (
        "t.now",
        "(SELECT max(id) FROM routes)",
        "(SELECT id FROM decisions WHERE reviewer_id = r.id ORDER BY decided_at DESC LIMIT 1)",
        # The ends of indexes: looked up, however much waits or is held.
        (
            f"COALESCE(({ended} ORDER BY lease_until LIMIT 1) < t.now, FALSE) "
            f"OR COALESCE(({ended} ORDER BY lease_until DESC LIMIT 1) > t.now + :ahead, FALSE)"
        ),
        (
            "COALESCE((SELECT due_at FROM jobs WHERE breached_at IS NULL "
            "AND state IN ('open', 'claimed') ORDER BY due_at LIMIT 1) < t.now, FALSE)"
        ),
        (
            "COALESCE((SELECT due_at FROM jobs WHERE kind = 'appeal' AND state = 'open' "
            "AND lane = 2 ORDER BY due_at LIMIT 1) < t.now + :urgent, FALSE)"
        ),
        f"({diary_sql(dialect)} WHERE reviewer_id = r.id AND at > t.now - 86400)",
        *names,
    )
    return driver_sql(
        dialect,
        f"SELECT {packed(dialect, told)} "  # noqa: S608
        f"FROM reviewers r CROSS JOIN (SELECT {now} AS now) t WHERE r.id = :me",
    )
