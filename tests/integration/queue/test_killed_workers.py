"""Real worker processes, killed while they work; `benchmarks/queue_crash.py` does it for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "queue_crash.py"


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_killed_workers_lose_and_double_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    command = [sys.executable, str(SCRIPT), "--seconds", "3", "--workers", "4", "--jobs", "80"]
    command += ["--at-least", "25"]
    if kind == "postgresql":
        command += ["--url", request.getfixturevalue("postgres_database")]
    else:
        # PostgreSQL's clock is the server's; only on SQLite can a worker's clock matter.
        command.append("--clock-jumps")
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode in {0, 1}, done.stderr
    report = json.loads(done.stdout)
    assert report["held_by_two"] == []
    assert report["decided_twice"] == []
    assert report["lost"] == []
    assert report["audit"] == "whole"
    assert report["kills"] > 0
    assert report["decisions"] > 0
