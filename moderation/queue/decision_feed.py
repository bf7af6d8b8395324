"""What people decided, and what they answered appeals against, for the platform that has to act on
it: in the order of storing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import col

from moderation.queue.automatic import stored_at
from moderation.records.database import Database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Appeal, Decision, DecisionKind

#: Transactions that began together may be stored in any order; none takes longer than this, in
#: seconds. What is younger is given again.
SETTLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some decisions, and where to go on."""

    decisions: list[dict[str, Any]]
    next_after: int  #: give it to the next call; decisions of the last moments come again then


def decisions_after(database: Database, after: int = 0, *, limit: int = 500) -> FeedPage:
    """Decisions that took effect or were taken back, oldest first. Who decided is not told.

    Each has `id`, `item_id`, `content_hash`, `kind`, `action`, `category`, `regions` (empty:
    everywhere), `supersedes`, `restored` (what an answered appeal gives back), `policy`,
    `decided_at` (seconds since 1970). One of kind `undo` takes the one back that it supersedes; one
    of kind `automatic` is what policy had decided alone, told when somebody appealed against it.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    query = (
        select(Decision, col(StoredItem.id), col(StoredItem.content_hash), col(Appeal.restored))
        .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
        .outerjoin(Appeal, col(Appeal.answer_id) == col(Decision.id))
        .where(
            col(Decision.id) > after,
            or_(col(Decision.final).is_(True), col(Decision.kind) == DecisionKind.UNDO.value),
        )
        .order_by(col(Decision.id))
        .limit(limit)
    )
    with database.read() as session:
        rows = session.execute(query).all()
        settled = database.now(session) - SETTLED_SECONDS
    told = [
        {
            "id": decision.id,
            "item_id": item_id,
            "content_hash": content_hash,
            "kind": decision.kind,
            "action": decision.action,
            "category": decision.category,
            "regions": list(decision.regions),
            "supersedes": decision.supersedes,
            "restored": list(restored or ()),
            "policy": decision.policy_hash,
            "decided_at": decision.decided_at,
        }
        for decision, item_id, content_hash, restored in rows
    ]
    next_after = after
    for decision, *_ in rows:
        if stored_at(decision) > settled and len(told) < limit:
            break
        next_after = decision.id or after
    return FeedPage(told, next_after)
