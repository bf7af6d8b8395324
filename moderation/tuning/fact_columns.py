"""Rows of the records, turned into the columns that rules are evaluated on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from moderation.items import Order
from moderation.policy import Facts
from moderation.policy.columns import Labels, Strikes
from moderation.policy.effects import ACTION_WORDS
from moderation.policy.facts import SURFACES, order_columns
from moderation.taxonomy import CATEGORY_IDS
from moderation.tuning.snapshot_facts import TYPES as _TYPES
from moderation.tuning.snapshot_facts import UNKNOWN as _UNKNOWN
from moderation.tuning.snapshot_facts import SnapshotFacts

_Scalar = TypeVar("_Scalar", bound=np.generic)

_SURFACE = {name: code for code, name in enumerate(SURFACES)}
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
    """Grows by batches of rows, a column at a time. Snapshots that say the same within a batch are
    read once; sparse things are kept as (row, value) until the end."""

    def __init__(self) -> None:
        self._n = 0
        self._held: list[Any] = []
        self._keys: list[int] = []
        self._ids: list[str] = []
        self._surfaces: list[npt.NDArray[np.int8]] = []
        self._received: list[npt.NDArray[np.float64]] = []
        self._scores: list[npt.NDArray[np.float32]] = []
        self._mixed: list[npt.NDArray[np.bool_]] = []
        self._languages, self._regions, self._authors = _Names(), _Names(), _Names()
        self._kinds: dict[str, int] = {}
        self._sparse: dict[str, list[tuple[int, Any]]] = {}
        self._parts: dict[str, list[tuple[int, npt.NDArray[Any]]]] = {}
        self._tags: dict[tuple[str, str], list[int]] = {}
        self._orders: dict[int, tuple[Order, ...]] = {}

    def add(self, rows: Iterable[Any]) -> None:
        """Adds rows in the order of their keys: key, id, surface, language, author region, author,
        received at, snapshot, scores, signals, problems, languages; JSON as text. Of several rows
        with one key the last counts."""
        waiting = [*self._held, *rows]
        self._held = waiting[-1:]
        self._append([row for row, after in pairwise(waiting) if row[0] != after[0]])

    def _append(self, rows: Sequence[Any]) -> None:
        if not rows:
            return
        start, columns = self._n, list(zip(*rows, strict=True))
        keys, ids, surfaces, languages, regions, authors, received, snapshots, scores = columns[:9]
        self._n += len(rows)
        self._keys += keys
        self._ids += ids
        self._surfaces.append(np.array([_SURFACE.get(s, -1) for s in surfaces], dtype=np.int8))
        self._languages.add(languages)
        self._regions.add(regions)
        self._authors.add(authors)
        self._received.append(np.array(received, dtype=np.float64))
        packed = np.frombuffer(b"".join(scores), dtype="<f4")
        self._scores.append(packed.reshape(len(rows), len(CATEGORY_IDS)))
        self._mixed.append(np.array([bool(s) and "," in s for s in columns[11]], dtype=bool))
        self._add_snapshots(start, snapshots)
        for row, (signals, problems) in enumerate(zip(*columns[9:11], strict=True), start):
            if signals:
                self._add_signals(row, _parsed(signals))
            for problem in _parsed(problems) if problems else ():
                self._tag("problems", problem["code"], row)

    def _set(self, column: str, row: int, value: Any) -> None:
        self._sparse.setdefault(column, []).append((row, value))

    def _tag(self, column: str, tag: str, row: int) -> None:
        self._tags.setdefault((column, tag), []).append(row)

    def _add_snapshots(self, start: int, snapshots: Sequence[str | None]) -> None:
        index: dict[str | None, int] = {}
        which = np.array([index.setdefault(text, len(index)) for text in snapshots], dtype=np.intp)
        told = SnapshotFacts(self._kinds)
        for number, text in enumerate(index):
            if text:
                told.add(number, _parsed(text))
        for column, (numbers, values) in told.columns.items():
            table = np.full(len(index), _UNKNOWN[column], dtype=_TYPES[column])
            table[numbers] = values
            self._parts.setdefault(column, []).append((start, table[which]))
        for tag, numbers in told.tags.items():
            has = np.zeros(len(index), dtype=bool)
            has[numbers] = True
            rows = np.flatnonzero(has[which]) + start
            self._tags.setdefault(tag, []).extend(rows.tolist())
        if told.orders:
            has = np.zeros(len(index), dtype=bool)
            has[list(told.orders)] = True
            for row in np.flatnonzero(has[which]).tolist():
                self._orders[start + row] = told.orders[int(which[row])]

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
        held, self._held = self._held, []
        self._append(held)
        n = self._n
        received = _joined(self._received, np.float64)
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
            if named and action != "allow" and at <= received[row]:
                self._tag("reviewer_labels", f"{named}_confirmed", row)
            for tag in json.loads(tags) if tags else ():
                self._tag("context_tags", tag, row)
        tags_by_column: dict[str, dict[str, npt.NDArray[np.bool_]]] = {}
        for (column, tag), rows in self._tags.items():
            mask = np.zeros(n, dtype=bool)
            mask[rows] = True
            tags_by_column.setdefault(column, {})[tag] = mask
        facts = Facts.from_columns(
            _joined(self._scores, np.float32, (0, len(CATEGORY_IDS))),
            ids=self._ids,
            surface=_joined(self._surfaces, np.int8),
            language=self._languages.labels(),
            mixed_language=_joined(self._mixed, np.bool_),
            author_region=self._regions.labels(),
            strikes=self._strikes(strikes, received),
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
        return History(facts, received, decided, category, by_region)

    def _strikes(
        self, strikes: Iterable[tuple[str, int, str, float]], received: npt.NDArray[np.float64]
    ) -> Strikes:
        of_author: dict[str, list[tuple[str, float]]] = {}
        for author, _, name, at in strikes:
            of_author.setdefault(author, []).append((name, at))
        authors = self._authors.labels()
        wanted = authors.where(of_author)
        rows = [] if wanted is None else np.flatnonzero(wanted).tolist()
        found = [
            (row, name, (received[row] - at) / 86_400)
            for row in rows
            for name, at in of_author[str(authors.name(row))]
            if at <= received[row]
        ]
        return Strikes(
            np.array([row for row, _, _ in found], dtype=np.int64),
            Labels.of([name for _, name, _ in found]),
            np.array([age for _, _, age in found], dtype=np.float32),
        )

    def _dense(self, n: int) -> Iterator[tuple[str, Any]]:
        for column, unknown in _UNKNOWN.items():
            filled = np.full(n, unknown, dtype=_TYPES[column])
            for start, part in self._parts.get(column, ()):
                filled[start : start + len(part)] = part
            yield column, Labels(filled, tuple(self._kinds)) if column == "report_kind" else filled
        if self._orders:
            yield "orders", order_columns([self._orders.get(row, ()) for row in range(n)])
        grouped: dict[str, dict[str, npt.NDArray[Any]]] = {"observations": {}, "keyword_hits": {}}
        for column, entries in self._sparse.items():
            group, _, name = column.partition(".")
            rows, values = zip(*entries, strict=True)
            sparse = np.zeros(n, dtype=np.float32 if group == "observations" else np.int32)
            sparse[list(rows)] = values
            grouped[group][name] = sparse
        yield from grouped.items()


class _Names:
    """A column of names that grows."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, names: Sequence[str | None]) -> None:
        index = self._index
        codes = [index.setdefault(name, len(index)) if name else -1 for name in names]
        self._codes.append(np.array(codes, dtype=np.int32))

    def labels(self) -> Labels:
        return Labels(_joined(self._codes, np.int32), tuple(self._index))


def _joined(
    parts: list[npt.NDArray[_Scalar]], kind: type[_Scalar], nothing: tuple[int, ...] = (0,)
) -> npt.NDArray[_Scalar]:
    """The parts as one array; they are let go."""
    whole = np.concatenate(parts) if parts else np.zeros(nothing, dtype=kind)
    parts.clear()
    return whole


def _parsed(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:  # half a surrogate pair, which Python's own reader lets pass
        return json.loads(text)
