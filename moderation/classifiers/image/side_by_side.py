"""The same work on several pictures at once, one thread of plain processor time each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Picture = TypeVar("_Picture")
_Found = TypeVar("_Found")


def side_by_side(
    work: Callable[[_Picture], _Found], pictures: Sequence[_Picture], threads: int = 0
) -> list[_Found]:
    """``work`` of each picture, in order.

    Args:
        work: safe in threads; worth it where most of it happens outside Python.
        threads: how many at most; 0 means one per available core.
    """
    most = min(threads or len(os.sched_getaffinity(0)), len(pictures))
    if most < 2:
        return [work(picture) for picture in pictures]
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(work, pictures))
