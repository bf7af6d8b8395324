"""Rows of the records, turned into the columns that rules are evaluated on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.items import Order
from moderation.policy import Facts
from moderation.policy.columns import Labels, Strikes
from moderation.policy.effects import ACTION_WORDS
from moderation.policy.facts import AGES, SOURCES, SURFACES, order_columns
from moderation.taxonomy import CATEGORY_IDS

_SURFACE = {name: code for code, name in enumerate(SURFACES)}
_AGE = {name: code for code, name in enumerate(AGES)}
_SOURCE = {name: code for code, name in enumerate(SOURCES)}
_ACTION = {name: code for code, name in enumerate(ACTION_WORDS)}
_CATEGORY = {name: code for code, name in enumerate(CATEGORY_IDS)}


@dataclass(frozen=True, eq=False)
class History:
    """What was screened, and what people decided about it.

    Attributes:
        facts: n items.
        received_at: `(n,)` float64, seconds since 1970.
        decided: `(n,)` int8, index into `ACTION_WORDS` of the human decision in force; -1 where
            no person decided.
        decided_category: `(n,)` int8, the category a person named; -1 where none.
        regional: viewer region → (rows, actions) of decisions that are for this region alone; a
            decision without regions is for all of them, and is in `decided`.
    """

    facts: Facts
    received_at: npt.NDArray[np.float64]
    decided: npt.NDArray[np.int8]
    decided_category: npt.NDArray[np.int8]
    regional: Mapping[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.int8]]] = field(
        default_factory=dict
    )

    def decided_in(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` int8, what a person decided for viewers of one region: the decision for it, or
        else the one for everywhere; -1 where there is neither."""
        if region not in self.regional:
            return self.decided
        found = self.decided.copy()
        rows, actions = self.regional[region]
        found[rows] = actions
        return found

    def __len__(self) -> int:
        return len(self.facts)


class FactColumns:
    """Grows by batches of rows; sparse things are kept as (row, value) until the end."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._ids: list[str] = []
        self._surfaces: list[int] = []
        self._languages: list[str] = []
        self._regions: list[str | None] = []
        self._authors: list[str] = []
        self._received: list[float] = []
        self._packed: list[bytes] = []
        self._mixed: list[bool] = []
        self._sparse: dict[str, list[tuple[int, Any]]] = {}
        self._tags: dict[tuple[str, str], list[int]] = {}
        self._orders: dict[int, tuple[Order, ...]] = {}

    def add(self, rows: Iterable[Any]) -> None:
        """Adds rows: key, id, surface, language, author region, author, received at, snapshot,
        scores, signals, problems, languages; JSON as text."""
        for key, item_id, surface, language, region, author, at, snapshot, scores, *rest in rows:
            if self._keys and self._keys[-1] == key:
                self._packed[-1] = scores
                continue
            row = len(self._keys)
            self._keys.append(key)
            self._ids.append(item_id)
            self._surfaces.append(_SURFACE.get(surface, -1))
            self._languages.append(language)
            self._regions.append(region)
            self._authors.append(author)
            self._received.append(at)
            self._packed.append(scores)
            signals, problems, languages = rest
            self._mixed.append(languages is not None and "," in languages)
            if snapshot:
                self._add_snapshot(row, json.loads(snapshot))
            if signals:
                self._add_signals(row, json.loads(signals))
            for problem in json.loads(problems) if problems else ():
                self._tag("problems", problem["code"], row)

    def _set(self, column: str, row: int, value: Any) -> None:
        if value is not None:
            self._sparse.setdefault(column, []).append((row, value))

    def _tag(self, column: str, tag: str, row: int) -> None:
        self._tags.setdefault((column, tag), []).append(row)

    def _add_snapshot(self, row: int, item: Mapping[str, Any]) -> None:
        author = item.get("author")
        if author:
            self._set("author_age", row, _AGE.get(author.get("age")))
            self._set("guardian_linked", row, author.get("guardian_linked"))
            self._set("account_age_days", row, author.get("account_age_days"))
        audience = item.get("audience")
        if audience:
            self._set("views", row, audience.get("expected_views"))
            self._set("room_size", row, audience.get("room_size"))
            self._set("views_per_hour", row, audience.get("views_per_hour"))
        if "recipient_age" in item:
            self._set("recipient_age", row, _AGE.get(item["recipient_age"]))
        self._set("declared_synthetic", row, item.get("declared_synthetic"))
        if item.get("hash_match"):
            self._tag("hash_match", item["hash_match"], row)
        for column in ("context_tags", "image_tags"):
            for tag in item.get(column, ()):
                self._tag(column, tag, row)
        report, order = item.get("report"), item.get("order")
        orders = [each for each in (order, *item.get("further_orders", ())) if each]
        if report:
            self._set("report_kind", row, report["kind"])
            self._set("report_source", row, _SOURCE[report.get("source", "user")])
            self._set("report_complete", row, report.get("complete", False))
        if orders:
            self._orders[row] = tuple(Order.model_validate(each) for each in orders)

    def _add_signals(self, row: int, signals: Sequence[Mapping[str, Any]]) -> None:
        strongest: dict[str, tuple[float, str]] = {}
        for signal in signals:
            if signal.get("aspect") and signal.get("category"):
                best = strongest.get(signal["category"], (-1.0, ""))
                strongest[signal["category"]] = max(best, (signal["probability"], signal["aspect"]))
            if signal.get("category") is None:
                self._set(f"observations.{signal['name']}", row, signal["probability"])
            for evidence in signal.get("evidence", ()):
                if evidence.get("kind") == "bank_match":
                    self._set(f"keyword_hits.{evidence['bank']}", row, 1)
                    if evidence["distance"] == 0:
                        self._tag("hash_match", evidence["bank"], row)
        for category, (_, aspect) in strongest.items():
            self._tag("aspects", f"{category}:{aspect}", row)

    def history(
        self, decisions: Sequence[Any], strikes: Iterable[tuple[str, int, str, float]] = ()
    ) -> History:
        """The columns, finished.

        Args:
            decisions: (item key, action, category, context tags, regions, decided at) of the
                decisions in force, oldest first.
            strikes: (author, item key, name, decided at) of all authors. An item knows those that
                its author had when it was received, as the rules did then.
        """
        n = len(self._keys)
        scores = np.frombuffer(b"".join(self._packed), dtype="<f4").reshape(n, len(CATEGORY_IDS))
        decided = np.full(n, -1, dtype=np.int8)
        category = np.full(n, -1, dtype=np.int8)
        row_of = {key: row for row, key in enumerate(self._keys)} if decisions else {}
        regional: dict[str, dict[int, int]] = {}
        for key, action, named, tags, regions, at in decisions:
            row = row_of.get(key)
            if row is None:
                continue
            for region in json.loads(regions) if regions else ():
                regional.setdefault(region, {})[row] = _ACTION.get(action, -1)
            if not regions or regions == "[]":
                decided[row] = _ACTION.get(action, -1)
            category[row] = _CATEGORY.get(named, -1)
            if named and action != "allow" and at <= self._received[row]:
                self._tag("reviewer_labels", f"{named}_confirmed", row)
            for tag in json.loads(tags) if tags else ():
                self._tag("context_tags", tag, row)
        tags_by_column: dict[str, dict[str, npt.NDArray[np.bool_]]] = {}
        for (column, tag), rows in self._tags.items():
            mask = np.zeros(n, dtype=bool)
            mask[rows] = True
            tags_by_column.setdefault(column, {})[tag] = mask
        facts = Facts.from_columns(
            scores.astype(np.float32),
            ids=self._ids,
            surface=np.array(self._surfaces, dtype=np.int8),
            language=self._languages,
            mixed_language=np.array(self._mixed, dtype=bool),
            author_region=self._regions,
            strikes=self._strikes(strikes),
            **dict(self._dense(n)),
            **tags_by_column,
        )
        by_region = {
            region: (
                np.array(list(own), dtype=np.intp),
                np.array(list(own.values()), dtype=np.int8),
            )
            for region, own in regional.items()
        }
        return History(facts, np.array(self._received), decided, category, by_region)

    def _strikes(self, strikes: Iterable[tuple[str, int, str, float]]) -> Strikes:
        of_author: dict[str, list[tuple[str, float]]] = {}
        for author, _, name, at in strikes:
            of_author.setdefault(author, []).append((name, at))
        rows = [row for row, author in enumerate(self._authors) if author in of_author]
        found = [
            (row, name, (self._received[row] - at) / 86_400)
            for row in rows
            for name, at in of_author[self._authors[row]]
            if at <= self._received[row]
        ]
        return Strikes(
            np.array([row for row, _, _ in found], dtype=np.int64),
            Labels.of([name for _, name, _ in found]),
            np.array([age for _, _, age in found], dtype=np.float32),
        )

    def _dense(self, n: int) -> Iterator[tuple[str, Any]]:
        grouped: dict[str, dict[str, npt.NDArray[Any]]] = {"observations": {}, "keyword_hits": {}}
        # The age of an author whom the platform says nothing about is "unknown", as for an Item.
        yield "author_age", self._filled("author_age", n, np.int8, _AGE["unknown"])
        yield "guardian_linked", self._filled("guardian_linked", n, np.int8, 0)
        for column in ("recipient_age", "declared_synthetic", "report_source"):
            yield column, self._filled(column, n, np.int8, -1)
        yield "report_complete", self._filled("report_complete", n, np.int8, -1)
        for column in ("account_age_days", "views", "room_size", "views_per_hour"):
            yield column, self._filled(column, n, np.float32, np.nan)
        if self._orders:
            yield "orders", order_columns([self._orders.get(row, ()) for row in range(n)])
        names: list[str | None] = [None] * n
        for row, value in self._sparse.get("report_kind", ()):
            names[row] = value
        yield "report_kind", names
        for column in self._sparse:
            group, _, name = column.partition(".")
            if name:
                dtype = np.float32 if group == "observations" else np.int32
                grouped[group][name] = self._filled(column, n, dtype, 0)
        yield from grouped.items()

    def _filled(self, column: str, n: int, dtype: Any, default: Any) -> npt.NDArray[Any]:
        filled = np.full(n, default, dtype=dtype)
        entries = self._sparse.get(column)
        if entries:
            rows, values = zip(*entries, strict=True)
            filled[list(rows)] = values
        return filled
