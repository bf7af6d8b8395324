"""Failed sign-ins, counted per name, so that nobody can try passwords for long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

#: Failures in a row until a name is locked; each further one doubles the wait.
ALLOWED_FAILURES = 5

FIRST_LOCK_SECONDS = 30.0
LONGEST_LOCK_SECONDS = 3600.0

#: Names remembered; the oldest are forgotten, so that invented names cannot fill the memory.
REMEMBERED_NAMES = 10_000


class Attempts:
    """Counts failures of this process; safe to share between threads.

    A name that does not exist is counted like one that does, so that a lock tells nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def locked_for(self, name: str) -> float:
        """Seconds until this name may try again; 0 if it may now."""
        with self._turn:
            failures, until = self._failures.get(_key(name), (0, 0.0))
        return max(0.0, until - self._clock()) if failures >= ALLOWED_FAILURES else 0.0

    def failed(self, name: str) -> None:
        """Name and password did not fit."""
        with self._turn:
            failures = self._failures.pop(_key(name), (0, 0.0))[0] + 1
            wait = min(
                FIRST_LOCK_SECONDS * 2.0 ** max(0, failures - ALLOWED_FAILURES),
                LONGEST_LOCK_SECONDS,
            )
            self._failures[_key(name)] = (failures, self._clock() + wait)
            while len(self._failures) > REMEMBERED_NAMES:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """The person is in; earlier mistakes are forgotten."""
        with self._turn:
            self._failures.pop(_key(name), None)


def _key(name: str) -> str:
    return name.strip().lower()[:100]
