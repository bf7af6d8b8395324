"""Versions that start and end at a moment: stored as moments, applied by whoever looks next."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.database import Database
from moderation.records.errors import PolicyRefused
from moderation.records.people_tables import PolicyState, PolicyVersion
from moderation.records.policy_moves import (
    WITHOUT_FILES,
    before_live,
    go_live,
    live_version,
    move,
    tell,
    version_of,
)

#: Who moves a version when its moment has come.
SCHEDULE = "schedule"


def schedule_policy(
    database: Database,
    policy_hash: str,
    *,
    by: str,
    starts_at: float | None = None,
    ends_at: float | None = None,
    note: str = "",
) -> PolicyVersion:
    """Let an approved version go live at a moment, or end at one, after which the version before it
    is in force again. For a version that is live already, only the end can be set.

    Args:
        starts_at, ends_at: seconds since 1970; None is no moment, and takes an earlier one back.

    Raises:
        NotFound: no such version.
        PolicyRefused: it is neither approved nor live, or the moments are in the wrong order.
    """
    with database.write() as session:
        now = database.now(session)
        version = version_of(session, policy_hash)
        if version.state not in {PolicyState.APPROVED, PolicyState.LIVE}:
            raise PolicyRefused(
                f"policy {version.hash[:19]} is {version.state}; approve it before scheduling it"
            )
        if version.state == PolicyState.LIVE and starts_at is not None:
            raise PolicyRefused(f"policy {version.hash[:19]} is live already; only its end is open")
        if ends_at is not None and ends_at <= max(now, starts_at or now):
            raise PolicyRefused("a version must end after it starts, and not in the past")
        if version.state == PolicyState.APPROVED:
            version.starts_at = starts_at
        version.ends_at = ends_at
        session.add(version)
        moments = {"starts_at": starts_at, "ends_at": ends_at}
        told = f"starts {_moment(starts_at)}, ends {_moment(ends_at)}" + (note and f": {note}")
        tell(session, now, version.hash, "scheduled", by, told, moments)
        return version


def apply_schedule(database: Database) -> tuple[PolicyVersion, ...]:
    """Move every version whose moment has come, in the order of the moments. Cheap where none has;
    several processes may call it at once.

    Returns:
        The versions that were moved.

    Raises:
        DatabaseUnavailable: something is due and cannot be written.
    """
    with database.read() as session:
        if _due(session, database.now(session)) is None:
            return ()
    moved = []
    with database.write() as session:
        now = database.now(session)
        # PostgreSQL: one process at a time; the others find nothing due.
        session.execute(select(PolicyVersion).order_by(col(PolicyVersion.hash)).with_for_update())
        while (version := _due(session, now)) is not None:
            if version.state == PolicyState.APPROVED:
                go_live(session, now, version, SCHEDULE, f"due {_moment(version.starts_at)}")
            else:
                _end(session, now, version)
            moved.append(version)
    return tuple(moved)


def _due(session: Session, now: float) -> PolicyVersion | None:
    """The version whose moment came first."""
    starting = select(PolicyVersion).where(
        col(PolicyVersion.state) == PolicyState.APPROVED, col(PolicyVersion.starts_at) <= now
    )
    live = live_version(session)
    moments = [
        (version.starts_at or 0.0, version.created_at, version)
        for version in session.execute(starting.options(WITHOUT_FILES)).scalars()
    ]
    if live is not None and live.ends_at is not None and live.ends_at <= now:
        moments.append((live.ends_at, live.created_at, live))
    return min(moments, key=lambda moment: moment[:2])[2] if moments else None


def _end(session: Session, now: float, version: PolicyVersion) -> None:
    """The latest version before it whose own end has not come is in force again."""
    earlier = before_live(session)
    told = f"its end was {_moment(version.ends_at)}"
    move(session, now, version, PolicyState.ENDED, SCHEDULE, told)
    for policy_hash in earlier:
        before = version_of(session, policy_hash)
        if before.ends_at is None or before.ends_at > now:
            note = f"{version.hash[:19]} has ended"
            move(session, now, before, PolicyState.LIVE, SCHEDULE, note)
            return


def _moment(at: float | None) -> str:
    return "–" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
