"""A reviewer's own decisions, to look back at, find again and take back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlmodel import col

from moderation.records.database import Database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Decision, DecisionKind, Job, Route


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """One decision with what it was about. No content: that is read from the item."""

    decision: Decision
    item_id: str
    surface: str
    language: str
    queue: str
    superseded_by: str | None  #: kind of the later decision, such as `undo` or `correction`


def own_decisions(
    database: Database, reviewer_id: str, *, text: str = "", limit: int = 200
) -> list[LoggedDecision]:
    """The newest decisions of one person, newest first.

    Undo entries are not listed by themselves: the decision that they took back says so. Decisions
    that followed a cluster's leader are not listed either.

    Args:
        text: only where this occurs in item id, note, category, action or queue.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    query = (
        select(
            Decision,
            col(StoredItem.id),
            col(StoredItem.surface),
            col(StoredItem.language),
            col(Route.queue),
        )
        .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
        .join(Job, col(Job.id) == col(Decision.job_id))
        .join(Route, col(Route.id) == col(Job.route_id))
        .where(
            col(Decision.reviewer_id) == reviewer_id,
            col(Decision.kind) != DecisionKind.UNDO.value,
            col(Decision.group_id).is_(None),
        )
        .order_by(col(Decision.id).desc())
        .limit(limit)
    )
    wanted = text.strip().lower()
    if wanted:
        query = query.where(
            or_(
                *(
                    column.icontains(wanted, autoescape=True)
                    for column in (
                        col(StoredItem.id),
                        col(Decision.note),
                        col(Decision.category),
                        col(Decision.action),
                        col(Route.queue),
                    )
                )
            )
        )
    with database.read() as session:
        rows = session.execute(query).all()
        ids = [decision.id for decision, *_ in rows]
        later: dict[int, str] = {}
        for start in range(0, len(ids), 500):
            found = select(col(Decision.supersedes), col(Decision.kind)).where(
                col(Decision.supersedes).in_(ids[start : start + 500])
            )
            later |= {first: kind for first, kind in session.execute(found) if first is not None}
        return [
            LoggedDecision(decision, item_id, surface, language, queue, later.get(decision.id or 0))
            for decision, item_id, surface, language, queue in rows
        ]
