"""The service as its user meets it: a process of its own on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest


@dataclass(frozen=True)
class RunningService:
    """Where a started service listens, and its process."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(folder: Path, **environment: str) -> Iterator[RunningService]:
    """`moderation serve` with its database in that folder, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = folder / "service.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "moderation.cli", "serve", "--port", str(port)],
            env=os.environ | {"MODERATION_DATA_DIR": str(folder)} | environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    service = RunningService(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait_until_it_answers(service)
        yield service
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


def _wait_until_it_answers(service: RunningService, patience: float = 120.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended:\n{service.log.read_text()[-4000:]}")
        try:
            httpx.get(f"{service.url}/healthz", timeout=5)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the service does not answer:\n{service.log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for all tests that do not break it."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running
