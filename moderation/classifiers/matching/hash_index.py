"""All hashes of a bank within so many bits of a query, exactly, among a million in milliseconds.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): a hash of 256 bits is sixteen keys of 16 bits.
Two hashes that differ in at most r bits agree in one of the keys up to r // 16 bits, so only the
entries under a few hundred keys need to be compared. Nothing is missed.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from moderation.errors import ModerationError

_KEY_BITS = 16

#: With fewer entries than this, comparing with all of them is faster.
_SCAN_BELOW = 4096

#: When the keys would lead to more than this share of all entries, scanning is faster.
_SCAN_ABOVE_SHARE = 0.3

Hashes = npt.NDArray[np.uint8]


class HashIndex:
    """An immutable set of hashes, searched by Hamming distance. Safe to use from threads.

    Args:
        hashes: `(n, bytes)` uint8; the number of bytes is even.
    """

    def __init__(self, hashes: Hashes) -> None:
        if hashes.ndim != 2 or hashes.dtype != np.uint8 or hashes.shape[1] % 2:
            raise ModerationError(
                f"hashes must be uint8 of shape (n, even), not {hashes.dtype} {hashes.shape}"
            )
        self._hashes = np.ascontiguousarray(hashes)
        self._words = _as_words(self._hashes)
        self._orders: list[npt.NDArray[np.int32]] = []
        self._starts: list[npt.NDArray[np.int64]] = []
        if len(hashes) >= _SCAN_BELOW:
            for keys in self._hashes.view(np.uint16).T:
                self._orders.append(np.argsort(keys, kind="stable").astype(np.int32))
                counts = np.bincount(keys, minlength=1 << _KEY_BITS)
                self._starts.append(np.concatenate(([0], np.cumsum(counts))))

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def bits(self) -> int:
        """Length of one hash."""
        return 8 * int(self._hashes.shape[1])

    def search(
        self, query: bytes, radius: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Positions and distances of all entries within `radius` bits, nearest first.

        Raises:
            ModerationError: the query has another length than the entries.
        """
        if 8 * len(query) != self.bits:
            raise ModerationError(
                f"a hash of {8 * len(query)} bits cannot be compared with hashes of {self.bits}"
            )
        flat = np.frombuffer(query, np.uint8)
        rows = self._candidates(flat, radius)
        words = self._words if rows is None else self._words[rows]
        distances = np.bitwise_count(words ^ _as_words(flat[None])).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distances <= radius)
        positions = near if rows is None else rows[near].astype(np.int64)
        # An entry that agrees in several keys was compared as often; that is cheaper than sorting.
        positions, first = np.unique(positions, return_index=True)
        distances = distances[near][first]
        nearest = np.argsort(distances, kind="stable")
        return positions[nearest], distances[nearest]

    def _candidates(self, query: Hashes, radius: int) -> npt.NDArray[np.int32] | None:
        """Rows worth comparing, some more than once; None when that would be most of them."""
        if not self._orders:
            return None
        masks = _masks(radius // len(self._orders))
        found = []
        keys = query.view(np.uint16)
        tables = list(zip(keys, self._orders, self._starts, strict=True))
        firsts = [starts[masks ^ key] for key, _, starts in tables]
        counts = [
            starts[(masks ^ key).astype(np.int64) + 1] - first
            for (key, _, starts), first in zip(tables, firsts, strict=True)
        ]
        if sum(int(count.sum()) for count in counts) > _SCAN_ABOVE_SHARE * len(self):
            return None
        for (_, order, _), first, count in zip(tables, firsts, counts, strict=True):
            found.append(order[_ranges(first, count)])
        return np.concatenate(found)


def _as_words(hashes: Hashes) -> npt.NDArray[np.uint64] | npt.NDArray[np.uint16]:
    wide = hashes.shape[1] % 8 == 0
    return hashes.view(np.uint64) if wide else hashes.view(np.uint16)


def _ranges(firsts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`first, first + 1, …` for each of the counts, one after another."""
    filled = counts > 0
    firsts, counts = firsts[filled], counts[filled]
    ends = np.cumsum(counts)
    offsets = np.repeat(firsts - ends + counts, counts)
    return offsets + np.arange(ends[-1] if len(ends) else 0)


@cache
def _masks(most: int) -> npt.NDArray[np.uint16]:
    """All 16-bit numbers with at most so many bits set."""
    numbers = [
        sum(1 << bit for bit in chosen)
        for size in range(most + 1)
        for chosen in combinations(range(_KEY_BITS), size)
    ]
    return np.array(numbers, np.uint16)
