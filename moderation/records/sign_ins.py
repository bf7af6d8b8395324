"""Failed sign-ins, counted per name in the database, so that nobody can try passwords for long,
whichever process they ask."""

from __future__ import annotations

import hashlib

from sqlalchemy import delete, select, text
from sqlmodel import col

from moderation.records.database import Database
from moderation.records.people_tables import FailedSignIn

#: Failures in a row until a name is locked; each further one doubles the wait.
ALLOWED_FAILURES = 5

FIRST_LOCK_SECONDS = 30.0
LONGEST_LOCK_SECONDS = 3600.0

#: Failures are forgotten after a day without another one.
REMEMBERED_SECONDS = 86_400.0

#: Names remembered; the oldest are forgotten, so that invented names cannot fill the database.
REMEMBERED_NAMES = 10_000


def locked_for(database: Database, name: str) -> float:
    """Seconds until this name may try again; 0 if it may now.

    A name that does not exist is counted like one that does, so that a lock tells nothing.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    with database.read() as session:
        found = session.get(FailedSignIn, _key(name))
        now = database.now(session)
    if found is None or found.failures < ALLOWED_FAILURES:
        return 0.0
    # A clock that was set back must not lock anybody out for longer than any lock lasts.
    return min(max(0.0, found.locked_until - now), LONGEST_LOCK_SECONDS)


def note_failure(database: Database, name: str) -> None:
    """Name and password did not fit.

    Raises:
        DatabaseUnavailable: nothing was stored.
    """
    with database.write() as session:
        now = database.now(session)
        session.execute(
            delete(FailedSignIn).where(col(FailedSignIn.failed_at) < now - REMEMBERED_SECONDS)
        )
        failures = session.execute(
            text(
                "INSERT INTO failed_sign_ins (name_hash, failures, locked_until, failed_at) "
                "VALUES (:name, 1, 0, :now) ON CONFLICT (name_hash) DO UPDATE "
                "SET failures = failed_sign_ins.failures + 1, failed_at = :now RETURNING failures"
            ),
            {"name": _key(name), "now": now},
        ).scalar_one()
        wait = FIRST_LOCK_SECONDS * 2.0 ** min(max(0, failures - ALLOWED_FAILURES), 20)
        session.execute(
            text("UPDATE failed_sign_ins SET locked_until = :until WHERE name_hash = :name"),
            {"name": _key(name), "until": now + min(wait, LONGEST_LOCK_SECONDS)},
        )
        newest = (
            select(col(FailedSignIn.name_hash))
            .order_by(col(FailedSignIn.failed_at).desc(), col(FailedSignIn.name_hash))
            .offset(REMEMBERED_NAMES)
            .limit(100)
        )
        forgotten = list(session.execute(newest).scalars())
        if forgotten:
            session.execute(delete(FailedSignIn).where(col(FailedSignIn.name_hash).in_(forgotten)))


def note_success(database: Database, name: str) -> None:
    """The person is in; earlier mistakes are forgotten."""
    with database.write() as session:
        session.execute(delete(FailedSignIn).where(col(FailedSignIn.name_hash) == _key(name)))


def _key(name: str) -> str:
    # A hash, because people type passwords into the wrong field.
    plain = name.strip().lower()[:100]
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
