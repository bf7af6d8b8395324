"""What a reviewer is handed besides the piles they draw from, as conditions on `jobs` in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody may have and wants; None stands for everything."""

    barred: Sequence[str] = ()  #: categories
    surfaces: Sequence[str] | None = None
    regions: Sequence[str] | None = None  #: jobs for one of these viewers, or for all

    @property
    def used(self) -> tuple[str, ...]:
        """Which of the three say anything."""
        told = (
            ("barred", bool(self.barred)),
            ("surfaces", self.surfaces is not None),
            ("regions", self.regions is not None),
        )
        return tuple(name for name, used in told if used)

    def values(self, dialect: str) -> dict[str, Any]:
        """The parameters of `conditions`."""
        lists = {name: getattr(self, name) for name in self.used}
        return list_values(dialect, **lists)


def list_values(dialect: str, **lists: Sequence[Any]) -> dict[str, Any]:
    """Lists as parameters: JSON on SQLite, arrays on PostgreSQL."""
    if dialect == "sqlite":
        return {name: json.dumps(list(values)) for name, values in lists.items()}
    return {name: list(values) for name, values in lists.items()}


def conditions(dialect: str, used: Sequence[str]) -> list[str]:
    """A condition on a row of `jobs` for each part of `Filters` that is used."""
    return [_CONDITIONS[dialect][name] for name in used]


def category_not_in(dialect: str, name: str) -> str:
    """That the category is none of a list, or there is none."""
    if dialect == "sqlite":
        return f"(category IS NULL OR category NOT IN (SELECT value FROM json_each(:{name})))"  # noqa: S608
    return f"(category IS NULL OR category <> ALL(CAST(:{name} AS text[])))"


_CONDITIONS: dict[str, dict[str, str]] = {
    "sqlite": {
        "barred": category_not_in("sqlite", "barred"),
        "surfaces": "json_extract(parts, '$.surface') IN (SELECT value FROM json_each(:surfaces))",
        "regions": "(NOT EXISTS (SELECT 1 FROM json_each(parts, '$.regions')) OR EXISTS ("
        "SELECT 1 FROM json_each(parts, '$.regions') AS r "
        "WHERE r.value IN (SELECT value FROM json_each(:regions))))",
    },
    "postgresql": {
        "barred": category_not_in("postgresql", "barred"),
        "surfaces": "parts ->> 'surface' = ANY(CAST(:surfaces AS text[]))",
        "regions": "(COALESCE(json_array_length(parts -> 'regions'), 0) = 0 OR EXISTS ("
        "SELECT 1 FROM json_array_elements_text(parts -> 'regions') AS r(region) "
        "WHERE r.region = ANY(CAST(:regions AS text[]))))",
    },
}
