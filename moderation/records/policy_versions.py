"""Which policy was in force when, who proposed it and who approved it.

A version is the exact set of pack files, named by the hash of their content. It moves from draft to
proposed, approved, live and superseded; each move is an event with a name. Nobody approves their
own proposal.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.database import Database
from moderation.records.errors import PolicyRefused
from moderation.records.people_tables import PolicyEvent, PolicyState, PolicyVersion
from moderation.records.policy_moves import (
    WITHOUT_FILES,
    before_live,
    go_live,
    live_version,
    move,
    version_of,
)

#: Largest set of pack files, unpacked, in bytes.
_MAX_FILES = 20_000_000


def draft_policy(
    database: Database, policy_hash: str, files: Mapping[str, bytes], *, by: str, note: str = ""
) -> PolicyVersion:
    """Keep a set of pack files (name → content). The same hash twice is one version."""
    with database.write() as session:
        return _draft(session, database.now(session), policy_hash, files, by, note)


def _draft(
    session: Session, now: float, policy_hash: str, files: Mapping[str, bytes], by: str, note: str
) -> PolicyVersion:
    found = session.get(PolicyVersion, policy_hash)
    if found is not None:
        return found
    if not files:
        raise PolicyRefused("a policy version without pack files cannot be kept")
    version = PolicyVersion(
        hash=policy_hash, archive=_zipped(files), note=note, created_by=by, created_at=now
    )
    session.add(version)
    session.flush()
    session.add(
        PolicyEvent(
            policy_hash=policy_hash, state=PolicyState.DRAFT.value, actor=by, note=note, at=now
        )
    )
    session.flush()
    return version


def propose_policy(
    database: Database, policy_hash: str, files: Mapping[str, bytes], *, by: str, note: str = ""
) -> PolicyVersion:
    """Propose a set of pack files for approval.

    Raises:
        PolicyRefused: it is approved, live or superseded already.
    """
    with database.write() as session:
        now = database.now(session)
        version = _draft(session, now, policy_hash, files, by, note)
        return move(session, now, version, PolicyState.PROPOSED, by, note)


def approve_policy(
    database: Database, policy_hash: str, *, by: str, note: str = ""
) -> PolicyVersion:
    """Approve a proposal of somebody else.

    Raises:
        NotFound: no such version.
        PolicyRefused: it is not proposed, or `by` proposed it.
    """
    with database.write() as session:
        now = database.now(session)
        version = version_of(session, policy_hash)
        if by in _proposers(session, version.hash):
            raise PolicyRefused(
                f"{by} proposed policy {policy_hash[:19]} and cannot approve it; ask somebody else"
            )
        return move(session, now, version, PolicyState.APPROVED, by, note)


def reject_policy(database: Database, policy_hash: str, *, by: str, note: str) -> PolicyVersion:
    """Turn a proposal down, or withdraw an approval, with a reason."""
    if not note.strip():
        raise PolicyRefused("say why the proposal is turned down")
    with database.write() as session:
        now = database.now(session)
        return move(session, now, version_of(session, policy_hash), PolicyState.REJECTED, by, note)


def make_policy_live(
    database: Database, policy_hash: str, *, by: str, note: str = ""
) -> PolicyVersion:
    """Put an approved version into force; the one before is superseded."""
    with database.write() as session:
        now = database.now(session)
        version = version_of(session, policy_hash)
        if version.state != PolicyState.APPROVED:
            raise PolicyRefused(
                f"policy {policy_hash[:19]} is {version.state}; only an approved version goes live"
            )
        if version.ends_at is not None and version.ends_at <= now:
            version.ends_at = None  # somebody wants it although its end has passed
        return go_live(session, now, version, by, note)


def roll_back_policy(
    database: Database, *, by: str, note: str, to: str | None = None
) -> PolicyVersion:
    """Put an earlier live version into force again; by default the one before the present one.
    Rolling back twice goes back by two.

    Raises:
        PolicyRefused: there is none, or `to` was never live.
    """
    if not note.strip():
        raise PolicyRefused("say why the policy is rolled back")
    with database.write() as session:
        now = database.now(session)
        earlier = before_live(session)
        if to is None and not earlier:
            raise PolicyRefused("no earlier policy was in force; there is nothing to roll back to")
        version = version_of(session, to or earlier[0])
        if version.state not in {PolicyState.SUPERSEDED, PolicyState.ENDED}:
            raise PolicyRefused(
                f"policy {version.hash[:19]} is {version.state}; it was not in force before"
            )
        if version.ends_at is not None and version.ends_at <= now:
            version.ends_at = None  # somebody wants it although its end has passed
        return go_live(session, now, version, by, note)


def live_policy(database: Database) -> PolicyVersion | None:
    """The version in force, or None where none was ever made live."""
    with database.read() as session:
        return live_version(session)


def policy_versions(database: Database) -> list[PolicyVersion]:
    """All versions, newest first; `policy_files` reads the files of one."""
    with database.read() as session:
        query = select(PolicyVersion).order_by(col(PolicyVersion.created_at).desc())
        return list(session.execute(query.options(WITHOUT_FILES)).scalars())


def policy_history(database: Database, policy_hash: str | None = None) -> list[PolicyEvent]:
    """Who moved which version to which state, oldest first."""
    with database.read() as session:
        query = select(PolicyEvent).order_by(col(PolicyEvent.id))
        if policy_hash is not None:
            query = query.where(col(PolicyEvent.policy_hash) == policy_hash)
        return list(session.execute(query).scalars())


def policy_files(database: Database, policy_hash: str) -> dict[str, bytes]:
    """The pack files of a version: name → content.

    Raises:
        NotFound: no such version.
    """
    with database.read() as session:
        archive = version_of(session, policy_hash).archive
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        if sum(entry.file_size for entry in opened.infolist()) > _MAX_FILES:
            raise PolicyRefused(f"the files of policy {policy_hash[:19]} are larger than 20 MB")
        return {name: opened.read(name) for name in sorted(opened.namelist())}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    if sum(len(content) for content in files.values()) > _MAX_FILES:
        raise PolicyRefused("the pack files are larger than 20 MB together")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            # A fixed date: the same files give the same archive.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return buffer.getvalue()


def _proposers(session: Session, policy_hash: str) -> set[str]:
    query = select(col(PolicyEvent.actor)).where(
        col(PolicyEvent.policy_hash) == policy_hash,
        col(PolicyEvent.state).in_([PolicyState.DRAFT.value, PolicyState.PROPOSED.value]),
    )
    return set(session.execute(query).scalars())
