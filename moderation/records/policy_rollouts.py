"""Shadow and canary: which version is tried beside the live one, and who said so.

A shadow's verdicts are stored and never acted on, so a proposal is enough. A canary acts, so it
needs an approval by a second person, as going live does.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from moderation.records.database import Database
from moderation.records.errors import PolicyRefused
from moderation.records.people_tables import PolicyState
from moderation.records.policy_moves import end_open_rollout, open_rollout, tell, version_of
from moderation.records.rollout_tables import PolicyRollout

_MAY_ACT = frozenset({PolicyState.APPROVED, PolicyState.SUPERSEDED, PolicyState.ENDED})
_MAY_SHADOW = _MAY_ACT | {PolicyState.PROPOSED}


def start_rollout(
    database: Database, policy_hash: str, *, percent: float, by: str, note: str = ""
) -> PolicyRollout:
    """Run a version beside the live one.

    Args:
        percent: 0 for a shadow; for a canary the share of items on which it acts, up to 100.
            Another share of the same version replaces the one before.

    Raises:
        NotFound: no such version.
        PolicyRefused: its state does not allow it, or another version is tried already.
    """
    if not 0 <= percent <= 100:
        raise PolicyRefused(f"a canary takes 0 to 100 percent of the items, not {percent:g}")
    with database.write() as session:
        now = database.now(session)
        version = version_of(session, policy_hash)
        allowed = _MAY_ACT if percent else _MAY_SHADOW
        if version.state not in allowed:
            needed = "an approved version" if percent else "a proposed or approved version"
            raise PolicyRefused(f"policy {version.hash[:19]} is {version.state}; try {needed}")
        running = open_rollout(session)
        if running is not None and running.policy_hash != version.hash:
            raise PolicyRefused(
                f"{running.policy_hash[:19]} is the {running.kind} already; end it first"
            )
        end_open_rollout(session, now, by, "replaced")
        rollout = PolicyRollout(
            policy_hash=version.hash, percent=percent, started_by=by, started_at=now
        )
        session.add(rollout)
        session.flush()
        told = f"{percent:g} percent" + (note and f": {note}") if percent else note
        tell(session, now, version.hash, rollout.kind, by, told, {"percent": percent})
        return rollout


def stop_rollout(database: Database, *, by: str, note: str = "") -> PolicyRollout:
    """End the shadow or canary; the live version acts on everything.

    Raises:
        PolicyRefused: none is under way.
    """
    with database.write() as session:
        ended = end_open_rollout(session, database.now(session), by, note)
        if ended is None:
            raise PolicyRefused("no version is tried as shadow or canary; there is nothing to end")
        return ended


def current_rollout(database: Database) -> PolicyRollout | None:
    """The shadow or canary under way."""
    with database.read() as session:
        return open_rollout(session)


def policy_rollouts(database: Database) -> list[PolicyRollout]:
    """All shadows and canaries, newest first."""
    with database.read() as session:
        query = select(PolicyRollout).order_by(col(PolicyRollout.id).desc())
        return list(session.execute(query).scalars())
