"""What the snapshot of an item tells that rules may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from moderation.items import Order
from moderation.policy.facts import AGES, SOURCES

_AGE = {name: code for code, name in enumerate(AGES)}
_SOURCE = {name: code for code, name in enumerate(SOURCES)}

#: Column of `Facts` → its value where the snapshot says nothing. The age of an author whom the
#: platform says nothing about is "unknown", as for an Item.
UNKNOWN: Mapping[str, float] = MappingProxyType(
    {
        "author_age": _AGE["unknown"],
        "guardian_linked": 0,
        **dict.fromkeys(("recipient_age", "declared_synthetic"), -1),
        **dict.fromkeys(("report_kind", "report_source", "report_complete"), -1),
        **dict.fromkeys(("account_age_days", "views", "room_size", "views_per_hour"), np.nan),
    }
)
_FLOATS = frozenset(name for name, unknown in UNKNOWN.items() if np.isnan(unknown))

#: Column → its type.
TYPES: Mapping[str, Any] = MappingProxyType(
    {name: np.float32 if name in _FLOATS else np.int8 for name in UNKNOWN}
    | {"report_kind": np.int32}
)

#: Parts of a snapshot that no rule reads; without them, many snapshots are the same.
NOT_READ = (
    "$.id",
    "$.texts",
    "$.images",
    "$.videos",
    "$.turns",
    "$.created_at",
    "$.author.id",
)  # fmt: skip


class SnapshotFacts:
    """Facts of numbered snapshots, by column.

    Args:
        kinds: kind of report → its code; kinds that are new are added.

    Attributes:
        columns: column → (numbers of snapshots, their values).
        tags: (column, tag) → numbers of snapshots.
        orders: number of a snapshot → its orders.
    """

    def __init__(self, kinds: dict[str, int]) -> None:
        self._kinds = kinds
        self.columns: dict[str, tuple[list[int], list[float]]] = {}
        self.tags: dict[tuple[str, str], list[int]] = {}
        self.orders: dict[int, tuple[Order, ...]] = {}

    def add(self, number: int, item: Mapping[str, Any]) -> None:
        """Reads one snapshot."""
        author = item.get("author")
        if author:
            self._set("author_age", number, _AGE.get(author.get("age")))
            self._set("guardian_linked", number, author.get("guardian_linked"))
            self._set("account_age_days", number, author.get("account_age_days"))
        audience = item.get("audience")
        if audience:
            self._set("views", number, audience.get("expected_views"))
            self._set("room_size", number, audience.get("room_size"))
            self._set("views_per_hour", number, audience.get("views_per_hour"))
        if "recipient_age" in item:
            self._set("recipient_age", number, _AGE.get(item["recipient_age"]))
        self._set("declared_synthetic", number, item.get("declared_synthetic"))
        if item.get("hash_match"):
            self._tag("hash_match", item["hash_match"], number)
        for column in ("context_tags", "image_tags"):
            for tag in item.get(column, ()):
                self._tag(column, tag, number)
        report, order = item.get("report"), item.get("order")
        if report:
            self._set(
                "report_kind", number, self._kinds.setdefault(report["kind"], len(self._kinds))
            )
            self._set("report_source", number, _SOURCE[report.get("source", "user")])
            self._set("report_complete", number, report.get("complete", False))
        orders = [each for each in (order, *item.get("further_orders", ())) if each]
        if orders:
            self.orders[number] = tuple(Order.model_validate(each) for each in orders)

    def _set(self, column: str, number: int, value: float | None) -> None:
        if value is not None:
            numbers, values = self.columns.setdefault(column, ([], []))
            numbers.append(number)
            values.append(value)

    def _tag(self, column: str, tag: str, number: int) -> None:
        self.tags.setdefault((column, tag), []).append(number)
