"""The audit log: append-only, each entry carrying the hash of the one before.

It covers decisions, reads of sensitive items, changes of reviewers and policy, and deletions.
`verify` finds an entry that was edited, dropped or reordered, and a tail that was cut off. A person
who may write to the database could recompute the whole chain; therefore note `head()` somewhere
else from time to time and give it to `verify` as an anchor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlmodel import Session, col

from moderation.records.database import Database
from moderation.records.errors import AuditBroken
from moderation.records.people_tables import AuditEntry, AuditHead

#: The hash before the first entry.
GENESIS = "0" * 64

_BATCH = 5000


@dataclass(frozen=True, slots=True)
class AuditReport:
    """A chain that was found whole."""

    entries: int
    head: str  #: hash of the newest entry; note it elsewhere


def entry_hash(
    previous: str,
    number: int,
    at: float,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
) -> str:
    """SHA-256 over the entry and the hash before it, as 64 hexadecimal digits."""
    body = json.dumps(
        [previous, number, repr(at), actor, action, subject, detail],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def append(
    session: Session,
    *,
    at: float,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add one entry, inside the transaction that does what the entry tells of.

    Writers wait for each other here (on PostgreSQL on the row of the head), so append last.
    Never put content into `detail`: ids, hashes and counts only, for entries are never deleted.
    """
    append_many(session, [(at, actor, action, subject, detail or {})])


def append_many(
    session: Session, entries: list[tuple[float, str, str, str, dict[str, Any]]]
) -> None:
    """Add several entries (at, actor, action, subject, detail), in their order."""
    if not entries:
        return
    number, previous = _locked_head(session)
    rows = []
    for at, actor, action, subject, detail in entries:
        # What is hashed must be what JSON gives back, so keys and numbers go through it once.
        plain = json.loads(json.dumps(detail, ensure_ascii=False))
        number += 1
        digest = entry_hash(previous, number, at, actor, action, subject, plain)
        rows.append(
            {
                "number": number,
                "at": at,
                "actor": actor,
                "action": action,
                "subject": subject,
                "detail": plain,
                "previous": previous,
                "hash": digest,
            }
        )
        previous = digest
    session.execute(insert(AuditEntry), rows)
    session.execute(
        update(AuditHead).where(col(AuditHead.id) == 1).values(number=number, hash=previous)
    )


def _locked_head(session: Session) -> tuple[int, str]:
    statement = select(col(AuditHead.number), col(AuditHead.hash)).where(col(AuditHead.id) == 1)
    row = session.execute(statement.with_for_update()).first()
    if row is None:
        # ON CONFLICT: two first writers of a fresh PostgreSQL database may meet here.
        session.execute(
            text(
                "INSERT INTO audit_head (id, number, hash) VALUES (1, 0, :genesis) "
                "ON CONFLICT (id) DO NOTHING"
            ),
            {"genesis": GENESIS},
        )
        row = session.execute(statement.with_for_update()).one()
    return int(row[0]), str(row[1])


def head(database: Database) -> AuditReport:
    """How long the chain says it is, and the hash of its newest entry."""
    with database.read() as session:
        row = session.execute(select(col(AuditHead.number), col(AuditHead.hash))).first()
    return AuditReport(int(row[0]), str(row[1])) if row else AuditReport(0, GENESIS)


def verify(database: Database, *, anchor: str | None = None) -> AuditReport:
    """Recompute the whole chain.

    Args:
        anchor: a hash that `head` gave earlier; it must be in the chain.

    Raises:
        AuditBroken: at the first entry that is not as it was written, naming its number.
    """
    with database.read() as session:
        found = session.execute(select(col(AuditHead.number), col(AuditHead.hash))).first()
        claimed_length, claimed_hash = (int(found[0]), str(found[1])) if found else (0, GENESIS)
        previous, expected, anchored = GENESIS, 0, anchor in {None, GENESIS}
        for entry in _entries(session):
            expected += 1
            _check(entry, expected, previous)
            previous = entry.hash
            anchored = anchored or entry.hash == anchor
    if expected != claimed_length or previous != claimed_hash:
        raise AuditBroken(
            f"the audit log ends at entry {expected}, but {claimed_length} were written: "
            "entries at its end were dropped or replaced"
        )
    if not anchored:
        raise AuditBroken(
            f"the anchor {str(anchor)[:12]}… is not in the audit log: it was rewritten since then, "
            "or the anchor belongs to another database"
        )
    return AuditReport(expected, previous)


def _check(entry: AuditEntry, expected: int, previous: str) -> None:
    if entry.number != expected:
        raise AuditBroken(
            f"audit entry {expected} is missing (the next one is number {entry.number}): "
            "it was dropped, or entries were renumbered"
        )
    if entry.previous != previous:
        raise AuditBroken(
            f"audit entry {entry.number} does not follow entry {entry.number - 1}: "
            "entries were dropped, reordered or replaced"
        )
    digest = entry_hash(
        previous, entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.detail
    )
    if digest != entry.hash:
        raise AuditBroken(
            f"audit entry {entry.number} ({entry.action} of {entry.subject}) was edited: "
            "its content does not give its hash"
        )


def _entries(session: Session) -> Iterator[AuditEntry]:
    last = None
    while True:
        query = select(AuditEntry).order_by(col(AuditEntry.number)).limit(_BATCH)
        if last is not None:
            query = query.where(col(AuditEntry.number) > last)
        batch = session.execute(query).scalars().all()
        if not batch:
            return
        yield from batch
        last = batch[-1].number
        session.expunge_all()


def history(database: Database, subject: str, *, limit: int = 200) -> list[AuditEntry]:
    """The newest entries about one subject, such as `decision:7`, oldest first."""
    with database.read() as session:
        query = (
            select(AuditEntry)
            .where(col(AuditEntry.subject) == subject)
            .order_by(col(AuditEntry.number).desc())
            .limit(limit)
        )
        return list(reversed(session.execute(query).scalars().all()))
