"""Opening jobs: into the pile of their queue and language, under the leader of their cluster."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlmodel import Session, col

from moderation.queue import clusters
from moderation.queue.drafts import JobDraft
from moderation.queue.rules import QueueRules
from moderation.records.item_store import insert_ignoring, insert_rows
from moderation.records.queue_tables import Job, JobEvent, JobKind, Route


def open_jobs(
    session: Session,
    drafts: Sequence[tuple[int, str, str | None, JobDraft]],
    now: float,
    rules: QueueRules,
) -> list[int]:
    """Insert jobs for (item key, language, cluster key, draft); their ids, in order."""
    rows = []
    for item_key, language, cluster_key, draft in drafts:
        route_id = route(session, draft.queue, language)
        rows.append(
            draft.row(now)
            | {
                "item_key": item_key,
                "route_id": route_id,
                "cluster_key": cluster_key if draft.kind == JobKind.REVIEW else None,
                "reviews_needed": rules.reviews_needed(draft),
                "min_seniority": rules.min_seniority(draft),
            }
        )
    statement = insert(Job).returning(col(Job.id), sort_by_parameter_order=True)
    ids = [job_id or 0 for job_id in session.connection().execute(statement, rows).scalars()]
    insert_rows(
        session,
        JobEvent,
        [
            {"job_id": job_id, "at": now, "actor": "", "kind": "opened", "detail": {}}
            for job_id in ids
        ],
    )
    clusters.group(session, ids, now)
    return ids


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
