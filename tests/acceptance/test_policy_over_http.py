"""A running service follows the versions: put into force, rolled back by command, no restart."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from moderation.policy import PackSet, load_packs
from moderation.records import (
    approve_policy,
    load_verdicts,
    make_policy_live,
    open_database,
    propose_policy,
)
from moderation.records.database import Database
from moderation.settings import Settings
from tests.acceptance.conftest import RunningService, running_service

pytestmark = pytest.mark.timeout(240)

#: Seconds after which a change must have taken effect, on a busy machine.
PATIENCE = 60.0

ITEM = {
    "id": "reported",
    "text": "an invented picture story",
    "regions": ["US"],
    "report": {"kind": "graphic_violence"},
}
BEFORE = b"actions: [interstitial, queue_for_review]\n    scope: global\n    queue: graphic"
AFTER = BEFORE.replace(b"interstitial", b"age_gate")


def verdict(service: RunningService, *, record: bool = False) -> dict[str, str]:
    body = {"item": ITEM, "record": record}
    answer = httpx.post(f"{service.url}/v1/screen", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()["verdicts"]["US"]
    return found


def until(service: RunningService, action: str) -> dict[str, str]:
    """The verdict once it says so; the last one where it never does."""
    deadline = time.monotonic() + PATIENCE
    found = verdict(service)
    while found["action"] != action and time.monotonic() < deadline:
        time.sleep(0.5)
        found = verdict(service)
    return found


def put_into_force(database: Database, packs: PackSet) -> None:
    propose_policy(database, packs.content_hash, packs.files, by="ana")
    approve_policy(database, packs.content_hash, by="kim")
    make_policy_live(database, packs.content_hash, by="kim")


def roll_back(folder: Path) -> None:
    command = ["policy", "rollback", "--note", "too strict", "--by", "kim"]
    subprocess.run(
        [sys.executable, "-m", "moderation.cli", *command],
        env=os.environ | {"MODERATION_DATA_DIR": str(folder)},
        check=True,
        timeout=120,
    )


def test_verdicts_over_http_follow_a_new_version_and_its_rollback(tmp_path: Path) -> None:
    settings = Settings()
    shipped = load_packs(settings.policies_dir, today=settings.policy_date)
    files = dict(shipped.files)
    assert files["baseline.yaml"].count(BEFORE) == 1
    files["baseline.yaml"] = files["baseline.yaml"].replace(BEFORE, AFTER)
    stricter = PackSet.from_files(files, today=settings.policy_date)
    with (
        running_service(tmp_path, MODERATION_CLASSIFIERS="contacts") as service,
        open_database(f"sqlite:///{tmp_path / 'moderation.sqlite'}") as database,
    ):
        first = verdict(service, record=True)
        assert (first["action"], first["policy_hash"]) == ("interstitial", shipped.content_hash)

        put_into_force(database, shipped)
        put_into_force(database, stricter)
        second = until(service, "age_gate")
        assert (second["action"], second["policy_hash"]) == ("age_gate", stricter.content_hash)
        verdict(service, record=True)
        assert load_verdicts(database, 1)["US"].policy_hash == stricter.content_hash

        roll_back(tmp_path)
        third = until(service, "interstitial")
        assert (third["action"], third["policy_hash"]) == ("interstitial", shipped.content_hash)
        health = httpx.get(f"{service.url}/healthz", timeout=60).json()
        assert health["policy"] == shipped.content_hash
        assert service.process.poll() is None
