"""How a policy version moves from state to state, inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from moderation.records import audit
from moderation.records.errors import NotFound, PolicyRefused
from moderation.records.people_tables import PolicyEvent, PolicyState, PolicyVersion
from moderation.records.rollout_tables import PolicyRollout

_NEXT: Mapping[str, frozenset[str]] = {
    PolicyState.DRAFT: frozenset({PolicyState.PROPOSED}),
    PolicyState.PROPOSED: frozenset({PolicyState.APPROVED, PolicyState.REJECTED}),
    PolicyState.APPROVED: frozenset({PolicyState.LIVE, PolicyState.REJECTED}),
    PolicyState.LIVE: frozenset({PolicyState.SUPERSEDED, PolicyState.ENDED}),
    PolicyState.SUPERSEDED: frozenset({PolicyState.LIVE}),  # a roll-back
    PolicyState.ENDED: frozenset({PolicyState.LIVE}),  # a roll-back
    PolicyState.REJECTED: frozenset({PolicyState.PROPOSED}),
}

#: The files are large, and few ask for them.
WITHOUT_FILES = defer(cast("Any", PolicyVersion.archive))

#: States after which a version is no longer tried: it is in force, or turned down.
_ENDS_ROLLOUT = frozenset({PolicyState.LIVE, PolicyState.REJECTED})


def version_of(session: Session, policy_hash: str) -> PolicyVersion:
    """The version of a hash or of its beginning, locked.

    Raises:
        NotFound: there is none, or the beginning fits several.
    """
    found = session.get(PolicyVersion, policy_hash, with_for_update=True)
    if found is None and len(policy_hash) >= 8:
        query = select(PolicyVersion).where(
            col(PolicyVersion.hash).startswith(policy_hash, autoescape=True)
        )
        matches = session.execute(query).scalars().all()
        found = matches[0] if len(matches) == 1 else None
    if found is None:
        raise NotFound(f"no policy version {policy_hash!r}; `moderation policy history` shows all")
    return found


def live_version(session: Session) -> PolicyVersion | None:
    """The version in force."""
    query = select(PolicyVersion).where(col(PolicyVersion.state) == PolicyState.LIVE)
    return session.execute(query.options(WITHOUT_FILES)).scalar_one_or_none()


def before_live(session: Session) -> list[str]:
    """The versions that were in force before the present one, the latest first. What was rolled
    back is not among them, so that rolling back twice goes back by two."""
    stack: list[str] = []
    query = select(col(PolicyEvent.policy_hash), col(PolicyEvent.state)).order_by(
        col(PolicyEvent.id)
    )
    for policy_hash, state in session.execute(query):
        if state == PolicyState.LIVE:
            if policy_hash in stack:
                del stack[stack.index(policy_hash) :]
            stack.append(policy_hash)
        elif state == PolicyState.ENDED and policy_hash in stack:
            stack.remove(policy_hash)
    live = live_version(session)
    if live is not None and live.hash in stack:
        stack = stack[: stack.index(live.hash)]
    return stack[::-1]


def go_live(
    session: Session, now: float, version: PolicyVersion, by: str, note: str
) -> PolicyVersion:
    """Put a version into force; the one before is superseded."""
    before = live_version(session)
    if before is not None:
        move(session, now, before, PolicyState.SUPERSEDED, by, f"by {version.hash[:19]}")
    return move(session, now, version, PolicyState.LIVE, by, note)


def move(
    session: Session, now: float, version: PolicyVersion, state: PolicyState, by: str, note: str
) -> PolicyVersion:
    """Move a version to a state, with an event and an entry in the audit log.

    Raises:
        PolicyRefused: there is no way from where it stands to that state.
    """
    if state not in _NEXT[version.state]:
        raise PolicyRefused(
            f"policy {version.hash[:19]} is {version.state}; it cannot become {state}"
        )
    version.state = state.value
    session.add(version)
    tell(session, now, version.hash, state.value, by, note)
    if state in _ENDS_ROLLOUT:
        end_open_rollout(session, now, by, f"the version is {state}", of=version.hash)
    return version


def tell(
    session: Session,
    now: float,
    policy_hash: str,
    state: str,
    by: str,
    note: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an event to the history of a version, and an entry to the audit log."""
    session.add(PolicyEvent(policy_hash=policy_hash, state=state, actor=by, note=note, at=now))
    session.flush()
    audit.append(
        session,
        at=now,
        actor=by,
        action=f"policy_{state}",
        subject=f"policy:{policy_hash}",
        detail=detail,
    )


def open_rollout(session: Session) -> PolicyRollout | None:
    """The rollout under way."""
    query = select(PolicyRollout).where(col(PolicyRollout.ended_at).is_(None))
    return session.execute(query).scalar_one_or_none()


def end_open_rollout(
    session: Session, now: float, by: str, note: str, *, of: str | None = None
) -> PolicyRollout | None:
    """End the rollout under way (of one version); None where there is none."""
    found = open_rollout(session)
    if found is None or (of is not None and found.policy_hash != of):
        return None
    found.ended_at, found.ended_by, found.slot = now, by, None
    session.add(found)
    tell(session, now, found.policy_hash, f"{found.kind}_ended", by, note)
    return found
