"""Processes that decode, kept between images and replaced when one dies or hangs."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.classifiers.image import decoding_worker
from moderation.classifiers.image.refusals import REFUSAL_CODES, ImageRefused

#: A worker is replaced after so many files, so that a leak in a codec cannot grow for ever.
FILES_PER_WORKER = 2000

_START_SECONDS = 60.0

#: Bytes of pixels and header that a process may answer with; frames of the largest settings take
#: 50 million.
_LARGEST_ANSWER = 200_000_000

#: Bytes of a picture that are on their way at once; with few, two processes wake each other all
#: the time.
_BUFFER = 4_000_000
#: What a Python process needs to start and to find its packages; secrets are none of its business.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")


class _Deadline:
    """A socket on which all operations together must end by a moment."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds

    def sendall(self, data: bytes, /) -> None:
        self._arm()
        self._connection.sendall(data)

    def recv_into(self, buffer: memoryview, /) -> int:
        self._arm()
        return self._connection.recv_into(buffer)

    def _arm(self) -> None:
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)


class _Worker:
    """One process and the socket to it, used by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair()
        for side in (self._socket, theirs):
            # The system gives as much of it as it allows.
            side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.files = 0
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own script, no shell
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        try:
            self._answer(_Deadline(self._socket, _START_SECONDS))
        except OSError:
            self.end()
            raise

    def exchange(
        self, request: dict[str, Any], data: bytes, seconds: float
    ) -> tuple[dict[str, Any], memoryview]:
        """One request and its answer.

        Raises:
            TimeoutError: no complete answer within that many seconds.
            OSError: the process died.
        """
        channel = _Deadline(self._socket, seconds)
        self.files += 1
        decoding_worker.send(channel, request, data)
        return self._answer(channel)

    def _answer(self, channel: _Deadline) -> tuple[dict[str, Any], memoryview]:
        answer = decoding_worker.receive(channel, _LARGEST_ANSWER)
        if answer is None:
            raise ConnectionResetError("the process closed its socket")
        return answer

    def end(self) -> int | None:
        """Kill the process if it still runs; its exit status."""
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A process that died of the file has a moment to be reaped with its own status.
            return self.process.wait(0.05)
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(5)
        return None


def pictures_of(sizes: Sequence[Sequence[int]], payload: memoryview) -> list[npt.NDArray[np.uint8]]:
    """The pixels that a process answered with, as RGB of `(height, width, 3)`.

    Args:
        sizes: width and height of each.
        payload: of all, one after another.

    Raises:
        ImageRefused: there are none, or sizes and bytes do not fit together.
    """
    pictures = []
    offset = 0
    try:
        for width, height in sizes:
            flat = np.frombuffer(payload, np.uint8, width * height * 3, offset)
            pictures.append(flat.reshape(height, width, 3))
            offset += flat.size
    except (ValueError, TypeError, OverflowError):
        raise nonsense() from None
    if not pictures or offset != len(payload) or any(not each.size for each in pictures):
        raise nonsense()
    return pictures


def nonsense() -> ImageRefused:
    """The refusal of a file whose process answered what none of ours does."""
    return ImageRefused("worker_crashed", "the decoding process answered nonsense")


class WorkerPool:
    """So many reusable processes of one script, started when needed. Safe to use from threads.

    Args:
        script: talks on its standard input as `decoding_worker` does.
        arguments: of the script.
        size: most processes at a time.
        seconds: longest time for one file.
    """

    def __init__(
        self, script: Path, arguments: Sequence[object], *, size: int, seconds: float
    ) -> None:
        self.size = size
        # -P: the script's own folder must not shadow the modules that it imports.
        self._command = [sys.executable, "-P", str(script), *map(str, arguments)]
        self._seconds = seconds
        self._lock = threading.Lock()
        self._fill()

    def _fill(self) -> None:
        self._owner = os.getpid()
        # Last in, first out: a quiet service keeps one process warm and starts no others.
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._running: set[_Worker] = set()
        for _ in range(self.size):
            self._slots.put(None)

    @property
    def process_ids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return [worker.process.pid for worker in self._running]

    def run(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], memoryview]:
        """Send one file to a worker; its answer as the script describes it.

        Raises:
            ImageRefused: refused by the worker, took too long, or killed the worker.
        """
        if self._owner != os.getpid():
            # A forked child shares the parent's sockets; it must not talk on them.
            self._fill()
        slot = self._slots.get()
        worker: _Worker | None = None
        try:
            worker = self._ready(slot)
            header, payload = worker.exchange(request, data, self._seconds)
        except TimeoutError:
            self._discard(worker)
            worker = None
            raise ImageRefused(
                "timeout", f"decoding took longer than {self._seconds:g} seconds"
            ) from None
        except OSError as error:
            status = self._discard(worker)
            worker = None
            raise ImageRefused(
                "worker_crashed", f"the decoding process ended (status {status}): {error}"
            ) from None
        except (ValueError, RecursionError):
            # Whatever took the process over must not break the item's other results.
            self._discard(worker)
            worker = None
            raise nonsense() from None
        except BaseException:
            self._discard(worker)
            worker = None
            raise
        finally:
            self._slots.put(worker)
        if "refused" in header:
            code = str(header["refused"])
            if code not in REFUSAL_CODES:
                raise nonsense()
            raise ImageRefused(code, str(header.get("message", ""))[:500])
        return header, payload

    def _ready(self, worker: _Worker | None) -> _Worker:
        if worker is not None and worker.process.poll() is None and worker.files < FILES_PER_WORKER:
            return worker
        self._discard(worker)
        fresh = _Worker(self._command)
        with self._lock:
            self._running.add(fresh)
        return fresh

    def _discard(self, worker: _Worker | None) -> int | None:
        if worker is None:
            return None
        with self._lock:
            self._running.discard(worker)
        return worker.end()

    def close(self) -> None:
        """End all processes; the pool starts new ones if it is used again."""
        with self._lock:
            workers = list(self._running)
        for worker in workers:
            self._discard(worker)
