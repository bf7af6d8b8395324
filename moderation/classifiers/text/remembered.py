"""A bounded memory of what was computed lately, safe between threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The last ``size`` entries that were stored or asked for.

    Nothing is approximate: a key must hold everything that the value depends on.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def known(self, keys: Iterable[K]) -> dict[K, V]:
        """Those of the keys that are remembered, with their values."""
        with self._lock:
            found = {key: self._entries[key] for key in keys if key in self._entries}
            for key in found:
                self._entries.move_to_end(key)
        return found

    def remember(self, entries: Mapping[K, V]) -> None:
        """Store the entries; the least recent ones beyond the size are forgotten."""
        with self._lock:
            self._entries.update(entries)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
