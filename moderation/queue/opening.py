"""Opening jobs: into the pile of their queue and language, under the leader of their cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session, col

from moderation.queue import clusters
from moderation.queue.clusters import Newcomer
from moderation.queue.drafts import JobDraft
from moderation.queue.near_copies import Likeness
from moderation.queue.rules import QueueRules
from moderation.records.item_store import insert_ignoring, insert_rows
from moderation.records.queue_tables import Job, JobEvent, JobKind, Route


@dataclass(frozen=True, slots=True)
class Copyable:
    """By what an item is recognised as a near-copy of another."""

    key: str  #: equal for items that are equal but for case, punctuation, numbers …
    likeness: Likeness | None


def open_jobs(
    session: Session,
    drafts: Sequence[tuple[int, str, Copyable | None, JobDraft]],
    now: float,
    rules: QueueRules,
) -> list[int]:
    """Insert jobs for (item key, language, what makes it a copy, draft); their ids, in order."""
    rows = []
    for item_key, language, copyable, draft in drafts:
        route_id = route(session, draft.queue, language)
        rows.append(
            draft.row(now)
            | {
                "item_key": item_key,
                "route_id": route_id,
                "cluster_key": copyable.key
                if copyable is not None and draft.kind == JobKind.REVIEW
                else None,
                "reviews_needed": rules.reviews_needed(draft),
                "min_seniority": rules.min_seniority(draft),
            }
        )
    ids = _inserted(session, rows)
    insert_rows(
        session,
        JobEvent,
        [
            {"job_id": job_id, "at": now, "actor": "", "kind": "opened", "detail": {}}
            for job_id in ids
        ],
    )
    newcomers = [
        Newcomer(
            job_id,
            row["item_key"],
            row["route_id"],
            row["reviews_needed"],
            copyable.key,
            copyable.likeness,
        )
        for job_id, row, (_, _, copyable, _) in zip(ids, rows, drafts, strict=True)
        if copyable is not None and row["cluster_key"] is not None
    ]
    clusters.group(session, newcomers, now)
    return ids


def _inserted(session: Session, rows: list[dict[str, Any]]) -> list[int]:
    """The ids of new jobs, in the order of their rows."""
    if len({row["item_key"] for row in rows}) < len(rows):
        ordered = insert(Job).returning(col(Job.id), sort_by_parameter_order=True)
        return [job_id or 0 for job_id in session.connection().execute(ordered, rows).scalars()]
    # SQLite would insert row by row to keep the order; items tell the jobs apart as well.
    statement = insert(Job).returning(col(Job.item_key), col(Job.id))
    inserted = session.connection().execute(statement, rows)
    found = {item_key: job_id or 0 for item_key, job_id in inserted}
    return [found[row["item_key"]] for row in rows]


def route(session: Session, queue: str, language: str) -> int:
    """The id of the pile of a queue and language; made when it is first needed."""
    cache: dict[tuple[str, str], int] = session.info.setdefault("routes", {})
    if (queue, language) not in cache:
        query = select(col(Route.id)).where(
            col(Route.queue) == queue, col(Route.language) == language
        )
        found = session.execute(query).scalar()
        if found is None:
            insert_ignoring(
                session, Route, [{"queue": queue, "language": language}], ["queue", "language"]
            )
            found = session.execute(query).scalar_one()
        cache[queue, language] = found
    return cache[queue, language]
