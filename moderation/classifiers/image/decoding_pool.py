"""Processes that decode, kept between images and replaced when one dies or hangs."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from moderation.classifiers.image import decoding_worker
from moderation.classifiers.image.refusals import ImageRefused

_SCRIPT = Path(decoding_worker.__file__)

#: A worker is replaced after so many files, so that a leak in a codec cannot grow for ever.
FILES_PER_WORKER = 2000

_START_SECONDS = 30.0


class _Worker:
    """One process and the socket to it. Used by one thread at a time."""

    def __init__(self, max_pixels: int, memory_megabytes: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: the script's own folder must not shadow the modules that it imports.
                [sys.executable, "-P", str(_SCRIPT), str(max_pixels), str(memory_megabytes)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Secrets in the environment are none of its business.
                env={k: os.environ[k] for k in _ENVIRONMENT if k in os.environ},
            )
        self._socket = ours
        self.files = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def exchange(
        self, request: dict[str, Any], data: bytes, seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        """One request and its answer.

        Raises:
            TimeoutError: no complete answer within that many seconds.
            ConnectionError: the process died.
        """
        channel = _Deadline(self._socket, time.monotonic() + seconds)
        self.files += 1
        decoding_worker.send(channel, request, data)
        answer = decoding_worker.receive(channel)
        if answer is None:
            raise ConnectionResetError("the worker closed its socket")
        return answer

    def kill(self) -> int | None:
        """End the process now; its exit status."""
        with contextlib.suppress(OSError):
            self._socket.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        return self._process.returncode


#: What a Python process needs to start and find its packages.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")


class _Deadline(socket.socket):
    """A view of a socket on which all operations together must end by a moment."""

    def __init__(self, wrapped: socket.socket, moment: float) -> None:
        raise NotImplementedError
