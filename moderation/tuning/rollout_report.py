"""What a shadow or a canary said against the live version, counted from what was stored beside the
verdicts that acted. No model and no rule runs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import text

from moderation.policy.rollout import DIRECTIONS
from moderation.records import Database, PolicyRollout


@dataclass(frozen=True, eq=False)
class RolloutReport:
    """The comparison of a version on trial with the live one.

    Attributes:
        rollout: which one.
        items: how many items it saw.
        changed_items: for how many of them it says something else, in any region.
        acted_on: on how many of them it acted; 0 for a shadow.
        totals: one row per region: `region`, `items`, `changed` and one column per direction.
        changes: one row per region, category and direction: `items`.
        examples: some changed items, a few of each kind: `item_id`, `region`, `language`,
            `surface`, `category`, `direction`, `live`, `candidate`.
    """

    rollout: PolicyRollout
    items: int
    changed_items: int
    acted_on: int
    totals: pd.DataFrame
    changes: pd.DataFrame
    examples: pd.DataFrame


def compare_rollout(
    database: Database, rollout: PolicyRollout, *, examples: int = 5
) -> RolloutReport:
    """Counts what was stored while a version was tried.

    Args:
        examples: most examples of each category and direction.
    """
    bound = {"rollout": rollout.id, "most": examples}
    with database.read() as session:
        connection = session.connection()
        items, changed, acted = connection.execute(text(_ITEMS), bound).one()
        counted = connection.execute(text(_COUNTS), bound).all()
        told = connection.execute(text(_EXAMPLES), bound).all()
    counts = pd.DataFrame(
        [tuple(row) for row in counted], columns=["region", "category", "direction", "items"]
    )
    changes = counts[counts["direction"] != ""]
    return RolloutReport(
        rollout,
        int(items),
        int(changed or 0),
        int(acted or 0),
        _totals(counts),
        changes.sort_values(["items", "region"], ascending=[False, True], ignore_index=True),
        pd.DataFrame([tuple(row) for row in told], columns=list(_EXAMPLE_COLUMNS)),
    )


def _totals(counts: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for region, own in counts.groupby("region", sort=True):
        by_direction = own.groupby("direction")["items"].sum()
        row: dict[str, Any] = {"region": region, "items": int(own["items"].sum())}
        row["changed"] = row["items"] - int(by_direction.get("", 0))
        rows.append(row | {name: int(by_direction.get(name, 0)) for name in DIRECTIONS})
    columns: Sequence[str] = ("region", "items", "changed", *DIRECTIONS)
    return pd.DataFrame(rows, columns=list(columns))


# Content may be judged more than once while a trial runs; per region the last time counts.
_NEWEST = (
    "SELECT MAX(id) FROM shadow_verdicts WHERE rollout_id = :rollout GROUP BY item_key, region"
)

_ITEMS = f"""
SELECT COUNT(*), SUM(changed), SUM(acted) FROM (
  SELECT item_key, MAX(CASE WHEN direction <> '' THEN 1 ELSE 0 END) AS changed,
         MAX(CASE WHEN candidate_acted THEN 1 ELSE 0 END) AS acted
  FROM shadow_verdicts WHERE id IN ({_NEWEST}) GROUP BY item_key
) AS seen
"""  # noqa: S608 - names are ours

_COUNTS = f"""
SELECT region, category, direction, COUNT(*)
FROM shadow_verdicts WHERE id IN ({_NEWEST})
GROUP BY region, category, direction
"""  # noqa: S608 - names are ours

_EXAMPLE_COLUMNS = (
    "item_id", "region", "language", "surface", "category", "direction", "live", "candidate",
)  # fmt: skip

# The first region of each item that changes, and the newest items of each kind of change.
_EXAMPLES = f"""
SELECT i.id, s.region, i.language, i.surface, s.category, s.direction,
       CASE WHEN s.candidate_acted THEN s.action ELSE s.acting_action END,
       CASE WHEN s.candidate_acted THEN s.acting_action ELSE s.action END
FROM (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY s.category, s.direction ORDER BY s.id DESC) AS place
  FROM shadow_verdicts s
  WHERE s.id IN (
    SELECT MIN(id) FROM shadow_verdicts
    WHERE id IN ({_NEWEST}) AND direction <> '' GROUP BY item_key
  )
) s JOIN items i ON i.key = s.item_key
WHERE s.place <= :most
ORDER BY s.direction, s.category, s.id DESC
"""  # noqa: S608 - names are ours
