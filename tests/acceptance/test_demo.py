"""`moderation demo`: the bundled stream, the real models, then both faces, then a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from sqlmodel import select

from moderation.cli.demo import STREAM
from moderation.records import Database, open_database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Job
from tests.acceptance.conftest import free_port

pytestmark = pytest.mark.timeout(280)


def _queued(database: Database) -> set[str]:
    with database.read() as session:
        found = select(StoredItem.id).join(Job, Job.item_key == StoredItem.key)  # type: ignore[arg-type]
        return set(session.exec(found))


def test_the_demo_screens_serves_and_stops_cleanly(tmp_path: Path) -> None:
    port, page = free_port(), free_port()
    log = tmp_path / "demo.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "moderation.cli",
                "demo",
                "--items",
                "40",
                "--folder",
                tmp_path / "demo",
            ],
            env=os.environ
            | {
                "MODERATION_PORT": str(port),
                "MODERATION_DASHBOARD_PORT": str(page),
                "COLUMNS": "160",
            },
            stdout=stream,
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + 240
        while "The demo is running" not in log.read_text():
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["status"] == "ok"
        assert httpx.get(f"http://127.0.0.1:{page}").status_code == 200
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    told = log.read_text()
    assert "40 screened" in told
    assert f"http://127.0.0.1:{page}" in told

    expected = [
        json.loads(line)
        for line in STREAM.with_name("expected.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    screened = {json.loads(line)["id"] for line in STREAM.read_text().splitlines()[:40]}
    expected = [row for row in expected if row["id"] in screened]
    with open_database(f"sqlite:///{tmp_path / 'demo' / 'moderation.sqlite'}") as database:
        queued = _queued(database)
    violating = {row["id"] for row in expected if row["violates"]}
    ordinary = {row["id"] for row in expected if not row["violates"] and not row["look_alike"]}
    assert len(violating & queued) > len(violating) / 2
    assert len(ordinary & queued) < len(ordinary) / 5
