"""Stored items, assessments and decisions as columns: what a backtest reads. Never a model.

Reads with plain SQL and parses only what rules can look at: a million rows come in well under half
a minute.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from moderation.records import Database
from moderation.records.strikes import strike_rows
from moderation.tuning.fact_columns import FactColumns, History
from moderation.tuning.snapshot_facts import NOT_READ

#: Rows that are fetched and turned into columns together.
BATCH = 50_000


def load_facts(
    database: Database,
    *,
    since: float | None = None,
    until: float | None = None,
    item_ids: Sequence[str] | None = None,
) -> History:
    """The newest assessment of every stored item, with the human decision in force.

    Args:
        database: the records.
        since, until: only items received in [since, until), seconds since 1970.
        item_ids: only these items.
    """
    conditions = ["1 = 1"]
    bound: dict[str, float | str] = {}
    if since is not None:
        conditions.append("i.received_at >= :since")
        bound["since"] = since
    if until is not None:
        conditions.append("i.received_at < :until")
        bound["until"] = until
    for number, item_id in enumerate(item_ids or ()):
        bound[f"id{number}"] = item_id
    if item_ids is not None:
        names = ", ".join(f":id{number}" for number in range(len(item_ids))) or "NULL"
        conditions.append(f"i.id IN ({names})")
    snapshot = "CAST(i.snapshot AS TEXT)"
    if database.is_sqlite:  # PostgreSQL would have to turn JSON into another type first
        snapshot = f"json_remove(i.snapshot, {', '.join(map(repr, NOT_READ))})"
    # Names are ours, not input.
    query = text(_QUERY.format(snapshot=snapshot, conditions=" AND ".join(conditions)))
    columns = FactColumns()
    with database.read() as session:
        streamed = session.connection().execution_options(stream_results=True)
        result = streamed.execute(query, bound)
        # The driver's own rows, unless SQLAlchemy has read ahead (it does on PostgreSQL): a million
        # wrapped ones cost several seconds more.
        rows = result.cursor if database.is_sqlite else result
        while batch := rows.fetchmany(BATCH):
            columns.add(batch)
        result.close()
        decisions = session.connection().execute(text(_DECISIONS)).all()
        strikes = list(strike_rows(session.connection()))
    return columns.history(decisions, strikes)


# Of several assessments of an item the last counts; `FactColumns` leaves the others out. Signals
# are fetched only where they say something that a rule may ask for beyond the scores.
_QUERY = """
SELECT i.key, i.id, i.surface, i.language, i.author_region, i.author_id,
       i.received_at,
       {snapshot}, a.scores,
       CASE WHEN CAST(a.signals AS TEXT) LIKE '%aspect%'
              OR CAST(a.signals AS TEXT) LIKE '%bank_match%'
              OR CAST(a.signals AS TEXT) LIKE '%unread_text%'
            THEN CAST(a.signals AS TEXT) END,
       CASE WHEN CAST(a.problems AS TEXT) <> '[]' THEN CAST(a.problems AS TEXT) END,
       CAST(a.languages AS TEXT)
FROM items i JOIN assessments a ON a.item_key = i.key
WHERE {conditions}
ORDER BY i.key, a.id
"""

_DECISIONS = """
SELECT d.item_key, d.action, d.category, CAST(d.context_tags AS TEXT), CAST(d.regions AS TEXT),
       d.decided_at
FROM decisions d
WHERE d.final AND d.kind NOT IN ('undo', 'golden', 'automatic')
  AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.supersedes = d.id AND NOT EXISTS (
    SELECT 1 FROM decisions undo WHERE undo.supersedes = later.id AND undo.kind = 'undo'))
ORDER BY d.id
"""
