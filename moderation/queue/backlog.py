"""What waits, counted for people who plan the work: by queue, language, category and lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select, text
from sqlmodel import col

from moderation.queue.filters import Filters, conditions
from moderation.records.database import Database
from moderation.records.queue_tables import Job, JobState, Route


@dataclass(frozen=True, slots=True)
class BacklogRow:
    """Jobs that wait and are alike in queue, language, category, severity and lane."""

    queue: str
    language: str
    category: str | None
    severity: int  #: 0 is P0
    lane: int
    open: int  #: waiting for somebody to take them
    claimed: int  #: in somebody's hands
    copies: int  #: near-copies that are decided together with one of them
    overdue: int
    due_within_hour: int  #: and not overdue
    due_within_day: int  #: and not within the hour
    oldest_opened_at: float  #: seconds since 1970
    next_due_at: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """All that waits, at one moment."""

    at: float
    rows: tuple[BacklogRow, ...]

    @property
    def waiting(self) -> int:
        """Jobs that are open or in somebody's hands."""
        return sum(row.open + row.claimed for row in self.rows)

    def of_queue(self, queue: str) -> Backlog:
        """Only that queue."""
        return Backlog(self.at, tuple(row for row in self.rows if row.queue == queue))


def backlog(
    database: Database,
    *,
    surfaces: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
) -> Backlog:
    """Count what waits now; one grouped query, no row of content is read.

    Args:
        surfaces, regions: only what a claim with the same ones could give; None counts all.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    state = col(Job.state)
    filters = Filters(surfaces=surfaces, regions=regions)
    is_grouped = state == JobState.GROUPED

    def due(start: float, end: float) -> Any:
        wanted = (col(Job.due_at) >= start) & (col(Job.due_at) < end)
        return func.sum(case((~is_grouped & wanted, 1), else_=0))

    with database.read() as session:
        now = database.now(session)
        query = (
            select(
                col(Route.queue),
                col(Route.language),
                col(Job.category),
                col(Job.severity),
                col(Job.lane),
                func.sum(case((state == JobState.OPEN, 1), else_=0)),
                func.sum(case((state == JobState.CLAIMED, 1), else_=0)),
                func.sum(case((is_grouped, 1), else_=0)),
                func.sum(case((~is_grouped & (col(Job.due_at) < now), 1), else_=0)),
                due(now, now + 3600),
                due(now + 3600, now + 86_400),
                func.min(col(Job.opened_at)),
                func.min(col(Job.due_at)),
            )
            .join(Route, col(Route.id) == col(Job.route_id))
            .where(state.in_([JobState.OPEN.value, JobState.CLAIMED.value, JobState.GROUPED.value]))
            .group_by(
                col(Route.queue),
                col(Route.language),
                col(Job.category),
                col(Job.severity),
                col(Job.lane),
            )
            .order_by(col(Job.lane), col(Job.severity), col(Route.queue), col(Route.language))
        )
        dialect = session.connection().dialect.name
        for condition in conditions(dialect, filters.used):
            query = query.where(text(condition))
        values = filters.values(dialect) if filters.used else {}
        rows = tuple(BacklogRow(*row) for row in session.execute(query, values))
    return Backlog(now, rows)
