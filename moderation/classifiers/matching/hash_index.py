"""All hashes of a bank within so many bits of a query, exactly, among a million in milliseconds.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): a hash of 256 bits is sixteen keys of 16 bits.
When two hashes differ in at most r = 16 a + b bits, one of the first b + 1 keys differs in at most
a bits, or one of the others in at most a - 1; only the entries under such keys are compared.
Nothing is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from moderation.errors import ModerationError

_KEY_BITS = 16

#: With fewer entries than this, comparing with all of them is faster.
_SCAN_BELOW = 4096

#: When the keys would lead to more than this share of all entries, scanning is faster.
_SCAN_ABOVE_SHARE = 0.2

#: Queries that are looked up together; more would only cost memory.
_TOGETHER = 16

#: Queries are compared with so many entries at a time when all are compared.
_SCAN_ROWS = 65_536

Hashes = npt.NDArray[np.uint8]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
_Numbers = npt.NDArray[np.int64]


class HashIndex:
    """An immutable set of hashes, searched by Hamming distance. Safe to use from threads.

    Args:
        hashes: `(n, bytes)` uint8; the number of bytes is even, at most 64.
    """

    def __init__(self, hashes: Hashes) -> None:
        if hashes.ndim != 2 or hashes.dtype != np.uint8 or hashes.shape[1] % 2:
            raise ModerationError(
                f"hashes must be uint8 of shape (n, even), not {hashes.dtype} {hashes.shape}"
            )
        self._hashes = np.ascontiguousarray(hashes)
        self._words = _as_words(self._hashes)
        self._tables = hashes.shape[1] // 2
        #: Rows by key, table after table, and where each key begins.
        self._rows: npt.NDArray[np.int32] | None = None
        if len(hashes) >= _SCAN_BELOW:
            self._rows = np.empty(self._tables * len(hashes), np.int32)
            self._starts = np.empty((self._tables, (1 << _KEY_BITS) + 1), np.int64)
            for table, keys in enumerate(self._hashes.view(np.uint16).T):
                begin = table * len(hashes)
                self._rows[begin : begin + len(hashes)] = np.argsort(keys, kind="stable")
                counts = np.bincount(keys, minlength=1 << _KEY_BITS)
                self._starts[table] = begin + np.concatenate(([0], np.cumsum(counts)))

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def bits(self) -> int:
        """Length of one hash."""
        return 8 * int(self._hashes.shape[1])

    def search(self, query: bytes, radius: int) -> Found:
        """Positions and distances of all entries within `radius` bits, nearest first.

        Raises:
            ModerationError: the query has another length than the entries.
        """
        return self.search_all([query], radius)[0]

    def search_all(self, queries: Sequence[bytes], radius: int) -> list[Found]:
        """`search` for each of several queries; faster than one after another.

        Raises:
            ModerationError: a query has another length than the entries.
        """
        for query in queries:
            if 8 * len(query) != self.bits:
                raise ModerationError(
                    f"a hash of {8 * len(query)} bits cannot be compared with hashes of {self.bits}"
                )
        found: list[Found] = []
        for start in range(0, len(queries), _TOGETHER):
            own = b"".join(queries[start : start + _TOGETHER])
            found += self._search(np.frombuffer(own, np.uint8).reshape(-1, self.bits // 8), radius)
        return found

    def _search(self, queries: Hashes, radius: int) -> list[Found]:
        probes = self._probes(queries, radius)
        if probes is None:
            return [self._scan(query, radius) for query in queries]
        rows, owners = probes
        words = self._words.take(rows, axis=0)
        words ^= _as_words(queries).take(owners, axis=0)
        distances = _bits_set(words)
        near = np.flatnonzero(distances <= radius)
        rows, owners, distances = rows[near], owners[near], distances[near]
        return [
            _nearest_first(rows[own].astype(np.int64), distances[own])
            for own in (owners == number for number in range(len(queries)))
        ]

    def _scan(self, query: Hashes, radius: int) -> Found:
        """Compare with every entry."""
        words = _as_words(query[None])
        pieces = [
            _bits_set(self._words[start : start + _SCAN_ROWS] ^ words)
            for start in range(0, len(self), _SCAN_ROWS)
        ]
        distances = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
        near = np.flatnonzero(distances <= radius)
        return _nearest_first(near, distances[near])

    def _probes(
        self, queries: Hashes, radius: int
    ) -> tuple[npt.NDArray[np.int32], _Numbers] | None:
        """Rows worth comparing, some more than once, and the number of the query of each; None
        when there is no index, or when they would be most of all rows."""
        if self._rows is None:
            return None
        most, wide = divmod(radius, self._tables)
        keys = queries.view(np.uint16)
        places = [_under(keys[:, : wide + 1], 0, _masks(most))]
        if most > 0:
            places.append(_under(keys[:, wide + 1 :], wide + 1, _masks(most - 1)))
        place = np.concatenate(places, axis=1)
        starts = self._starts.ravel()
        firsts = starts.take(place)
        counts = starts.take(place + 1) - firsts
        of_query = counts.sum(axis=1)
        if of_query.max(initial=0) > _SCAN_ABOVE_SHARE * len(self):
            return None
        rows = self._rows.take(_ranges(firsts.ravel(), counts.ravel()))
        return rows, np.repeat(np.arange(len(queries)), of_query)


def _under(keys: npt.NDArray[np.uint16], table: int, masks: npt.NDArray[np.uint16]) -> _Numbers:
    """Places in the flat table of starts of all keys that differ from these by one of the masks.

    Args:
        keys: `(n_queries, n_tables)`.
        table: number of the first table.
        masks: `(n_masks,)`.

    Returns:
        `(n_queries, n_tables * n_masks)`.
    """
    changed = (keys[:, :, None] ^ masks).astype(np.int64)
    tables = np.arange(table, table + keys.shape[1])[:, None]
    places: _Numbers = (changed + tables * ((1 << _KEY_BITS) + 1)).reshape(len(keys), -1)
    return places


def _as_words(hashes: Hashes) -> npt.NDArray[np.uint64] | npt.NDArray[np.uint16]:
    wide = hashes.shape[1] % 8 == 0
    return hashes.view(np.uint64) if wide else hashes.view(np.uint16)


def _bits_set(words: npt.NDArray[np.uint64] | npt.NDArray[np.uint16]) -> _Numbers:
    """Bits set in each row. Columns are added one by one: numpy sums short rows slowly."""
    counts = np.bitwise_count(words)
    total = counts[:, 0].astype(np.int64)
    for column in range(1, counts.shape[1]):
        total += counts[:, column]
    return total


def _nearest_first(rows: _Numbers, distances: _Numbers) -> Found:
    # An entry that agrees in several keys was compared as often; that is cheaper than sorting.
    positions, first = np.unique(rows, return_index=True)
    distances = distances[first]
    nearest = np.argsort(distances, kind="stable")
    return positions[nearest], distances[nearest]


def _ranges(firsts: _Numbers, counts: _Numbers) -> _Numbers:
    """`first, first + 1, …` for each of the counts, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(firsts - ends + counts, counts) + np.arange(total)


@cache
def _masks(most: int) -> npt.NDArray[np.uint16]:
    """All 16-bit numbers with at most so many bits set."""
    numbers = [
        sum(1 << bit for bit in chosen)
        for size in range(most + 1)
        for chosen in combinations(range(_KEY_BITS), size)
    ]
    return np.array(numbers, np.uint16)
