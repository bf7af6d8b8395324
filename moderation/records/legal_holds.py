"""Legal holds: what must be kept until a person lifts the hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records import audit
from moderation.records.conversation_tables import StoredConversation
from moderation.records.database import Database
from moderation.records.errors import ContentHeld, NotFound
from moderation.records.item_tables import LegalHold, StoredItem


def place_hold(
    database: Database,
    *,
    reason: str,
    by: str,
    item_id: str | None = None,
    author_id: str | None = None,
) -> LegalHold:
    """Keep the content of an item, or of all items of an author, until the hold is lifted.

    Raises:
        ContentHeld: both or neither are named, or no reason is given.
        NotFound: no item and no conversation of that id is stored. An author may be held before
            anything of theirs is.
    """
    if (item_id is None) == (author_id is None):
        raise ContentHeld("name either an item or an author to hold")
    if not reason.strip():
        raise ContentHeld("say why it has to be kept")
    with database.write() as session:
        if item_id is not None and not _is_stored(session, item_id):
            raise NotFound(f"no item or conversation {item_id!r} is stored; nothing would be kept")
        now = database.now(session)
        hold = LegalHold(
            item_id=item_id, author_id=author_id, reason=reason, placed_by=by, placed_at=now
        )
        session.add(hold)
        session.flush()
        audit.append(session, at=now, actor=by, action="hold_placed", subject=f"hold:{hold.id}")
        return hold


def _is_stored(session: Session, item_id: str) -> bool:
    if session.get(StoredConversation, item_id) is not None:
        return True
    query = select(col(StoredItem.key)).where(col(StoredItem.id) == item_id).limit(1)
    return session.execute(query).first() is not None


def lift_hold(database: Database, hold_id: int, *, by: str) -> None:
    """Lift a hold; content may be deleted again.

    Raises:
        NotFound: no such hold, or it was lifted.
    """
    with database.write() as session:
        now = database.now(session)
        hold = session.get(LegalHold, hold_id)
        if hold is None or hold.lifted_at is not None:
            raise NotFound(f"no hold {hold_id} stands")
        hold.lifted_at = now
        hold.lifted_by = by
        session.add(hold)
        session.flush()
        audit.append(session, at=now, actor=by, action="hold_lifted", subject=f"hold:{hold_id}")


def standing_holds(session: Session) -> tuple[set[str], set[str]]:
    """Ids of the items and of the authors that are held."""
    holds = session.execute(
        select(col(LegalHold.item_id), col(LegalHold.author_id)).where(
            col(LegalHold.lifted_at).is_(None)
        )
    ).all()
    items = {item_id for item_id, _ in holds if item_id is not None}
    authors = {author_id for _, author_id in holds if author_id is not None}
    return items, authors


def held_keys(session: Session, rows: Sequence[StoredItem]) -> set[int]:
    """Of these items, the keys of those that are held, by themselves or by their author."""
    items, authors = standing_holds(session)
    return {row.key or 0 for row in rows if row.id in items or row.author_id in authors}
