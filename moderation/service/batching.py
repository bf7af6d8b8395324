"""Gathers concurrent requests into one batch for the models, on one worker thread.

Two requests on two cores that each run a model get in each other's way; one model call over both
does not. A lone request waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from moderation.errors import ModerationError
from moderation.items import Item
from moderation.screening import Screener, Screening

_log = logging.getLogger(__name__)


class Overloaded(ModerationError):
    """More items wait for the models than the service promises to hold."""


@dataclass(slots=True)
class _Waiting:
    items: Sequence[Item]
    done: asyncio.Future[list[Screening]]


class ScreeningBatcher:
    """Screens items for many concurrent callers.

    Args:
        screener: is called from one thread only.
        largest_batch: most items in one call of the models.
        longest_queue: most items that may wait; beyond it callers are told to come back.
    """

    def __init__(
        self, screener: Screener, *, largest_batch: int = 32, longest_queue: int = 1024
    ) -> None:
        self.screener = screener
        self._largest_batch = largest_batch
        self._longest_queue = longest_queue
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._waiting_items = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="screening")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to take batches; call from the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stops taking batches; a batch under way is finished."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._thread.shutdown)

    async def screen(self, items: Sequence[Item]) -> list[Screening]:
        """One screening per item, in order.

        Raises:
            Overloaded: too many items wait already.
        """
        if self._waiting_items + len(items) > self._longest_queue:
            raise Overloaded(
                f"{self._waiting_items} items wait for the models; try again in a second"
            )
        waiting = _Waiting(items, asyncio.get_running_loop().create_future())
        self._waiting_items += len(items)
        try:
            self._queue.put_nowait(waiting)
            return await waiting.done
        finally:
            self._waiting_items -= len(items)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        carried: _Waiting | None = None
        while True:
            batch = [carried or await self._queue.get()]
            carried = None
            size = len(batch[0].items)
            while not self._queue.empty():
                following = self._queue.get_nowait()
                if size + len(following.items) > self._largest_batch:
                    carried = following
                    break
                batch.append(following)
                size += len(following.items)
            batch = [waiting for waiting in batch if not waiting.done.cancelled()]
            if batch:
                await self._screen(loop, batch)

    async def _screen(self, loop: asyncio.AbstractEventLoop, batch: Sequence[_Waiting]) -> None:
        items = [item for waiting in batch for item in waiting.items]
        try:
            screenings = await loop.run_in_executor(self._thread, self.screener.screen, items)
        except Exception as error:  # noqa: BLE001 - handed on to the callers who wait for it
            if len(batch) > 1:
                # One caller's item must not fail the others': each is tried alone.
                for waiting in batch:
                    await self._screen(loop, [waiting])
                return
            if not batch[0].done.done():
                batch[0].done.set_exception(error)
            return
        position = 0
        for waiting in batch:
            own = screenings[position : position + len(waiting.items)]
            position += len(waiting.items)
            if not waiting.done.done():
                waiting.done.set_result(own)
