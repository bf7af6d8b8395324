"""Kinds of columns that facts are made of: names as codes, and strikes of authors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of names: `codes` `(n,)` int32 into `names`, -1 for none."""

    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Labels:
        """From one name or None per item."""
        index: dict[str, int] = {}
        codes = [-1 if not value else index.setdefault(value, len(index)) for value in values]
        return cls(np.array(codes, dtype=np.int32), tuple(index))

    def where(self, wanted: Iterable[str]) -> Bools | None:
        """Which rows have one of these names; None for no row."""
        chosen = set(wanted)
        codes = [code for code, name in enumerate(self.names) if name in chosen]
        return self.where_codes(codes)

    def where_codes(self, codes: Sequence[int]) -> Bools | None:
        """Which rows have one of these codes; None for no row."""
        if not codes:
            return None
        if len(codes) == 1:
            return np.asarray(self.codes == codes[0])
        table = np.zeros(len(self.names) + 1, dtype=bool)
        table[codes] = True
        return np.asarray(table[self.codes])  # -1 reads the last entry, which stays False

    def name(self, row: int) -> str | None:
        """The name in one row."""
        code = int(self.codes[row])
        return None if code < 0 else self.names[code]

    def rows(self, rows: slice) -> Labels:
        """Some rows."""
        return Labels(self.codes[rows], self.names)


@dataclass(frozen=True, slots=True)
class Strike:
    """One strike of an author: a category id or another kind, and how long ago."""

    name: str
    age_days: float


#: The name under which a strike says that the author was warned; see `taxonomy.CONDUCT_TAGS`.
WARNED = "author_warned"


@dataclass(frozen=True, slots=True)
class Strikes:
    """Strikes of the authors of all items: three columns of one length, sorted by row."""

    row: npt.NDArray[np.int64]
    name: Labels
    age_days: Floats

    @classmethod
    def of(cls, strikes: Sequence[Sequence[Strike]]) -> Strikes:
        """From the strikes of each item's author."""
        flat = [(row, strike) for row, own in enumerate(strikes) for strike in own]
        return cls(
            np.array([row for row, _ in flat], dtype=np.int64),
            Labels.of([strike.name for _, strike in flat]),
            np.array([strike.age_days for _, strike in flat], dtype=np.float32),
        )

    def count(self, name: str, window_days: float, n: int) -> npt.NDArray[np.int64]:
        """`(n,)` strikes of that name within the window."""
        named = self.name.where([name])
        if named is None:
            return np.zeros(n, dtype=np.int64)
        return np.bincount(self.row[named & (self.age_days <= window_days)], minlength=n)

    def rows(self, rows: slice) -> Strikes:
        """The strikes of some rows, renumbered."""
        first, last = np.searchsorted(self.row, [rows.start, rows.stop])
        part = slice(int(first), int(last))
        return Strikes(self.row[part] - rows.start, self.name.rows(part), self.age_days[part])


@dataclass(frozen=True, slots=True)
class Orders:
    """One order for each item that has one; an item with several has them in several of these.

    Attributes:
        kind, territory: `(n,)` names.
        verified: `(n,)` int8: 1 verified, 0 not, -1 where there is no order.
        worldwide: `(n,)` whether it claims more than its territory.
        must_carry: `(n,)` whether it demands that the item stays visible.
    """

    kind: Labels
    territory: Labels
    verified: Codes
    worldwide: Bools
    must_carry: Bools

    def rows(self, rows: slice) -> Orders:
        """The orders of some rows."""
        return Orders(
            self.kind.rows(rows),
            self.territory.rows(rows),
            self.verified[rows],
            self.worldwide[rows],
            self.must_carry[rows],
        )
