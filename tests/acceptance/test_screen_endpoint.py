"""`POST /v1/screen`: whole posts, bad input, two at once, and a pulled plug."""

from __future__ import annotations

import base64
import io
import os
import random
import socket
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from sqlmodel import select

from moderation.queue import Queue
from moderation.records import create_reviewer, open_database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Job
from tests.acceptance.conftest import RunningService, free_port, running_service

pytestmark = pytest.mark.timeout(240)

TEXT = "You worthless idiot, I will find you and break your legs."


def _post(service: RunningService, item: dict[str, object], **more: object) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/screen", json={"item": item, **more}, timeout=120)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _photo(size: tuple[int, int] = (320, 240)) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def _png_of_60_megapixels() -> bytes:
    width, height = 10_000, 6_000

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(9)
    row = b"\0" * (width * 3 + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_whole_post_gets_a_verdict_per_viewer_region(service: RunningService) -> None:
    answer = _post(
        service,
        {
            "id": "whole-post",
            "title": "周末 market",
            "text": "see you there 大家!",
            "images": [{"data": _base64(_photo())} for _ in range(3)],
            "audience": {"regions": ["DE", "SG"]},
        },
    )
    assert answer.status_code == 200
    body = answer.json()
    assert set(body["verdicts"]) == {"DE", "SG"}
    assert {name.split(":")[0] for s in body["signals"] for name in [s["part"]]} >= {"image"}
    assert 0 <= body["scores"]["hate"] <= 1
    assert body["job"] is None


def test_what_needs_a_person_is_queued_once(service: RunningService) -> None:
    item = {"id": "queued", "text": TEXT}
    first, second = _post(service, item).json(), _post(service, item).json()
    assert first["needs_review"]
    assert first["job"] is not None
    assert first["job"] == second["job"]


def test_a_reporter_who_is_overruled_counts_for_less(service: RunningService) -> None:
    def report(word: str) -> int:
        told = {"kind": "insult", "reporter_id": "reporter-over-http"}
        item = {"id": f"reported-{word}", "text": f"a quiet {word} in the park", "report": told}
        return int(_post(service, item).json()["job"])

    url = f"sqlite:///{service.log.parent / 'moderation.sqlite'}"
    with open_database(url, migrate=False) as database:
        create_reviewer(database, "reads-reports", languages=["en"])
        queue = Queue(database)
        first = queue.claim_job("reads-reports", report("bench by the pond"))
        assert not any("often wrong" in line for line in first.why)
        queue.decide(first, "allow")
        second = queue.claim_job("reads-reports", report("lunch on the grass"))
        assert any("reporters are often wrong" in line for line in second.why)


def test_recording_can_be_switched_off(service: RunningService) -> None:
    item = {"id": "unrecorded", "text": TEXT}
    body = _post(service, item, record=False).json()
    assert body["needs_review"]
    assert body["job"] is None


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"id": "a"}, "text"),
        ({"text": "no id"}, "id"),
        ({"id": "a", "text": "x", "imges": []}, "imges"),
        ({"id": "a", "text": "x", "audience": {"regions": ["ZZ"]}}, "audience.regions[0]"),
        ({"id": "a", "images": [{"path": "/etc/hostname"}]}, "images[0].path"),
    ],
)
def test_a_bad_item_is_refused_with_its_field(
    service: RunningService, item: dict[str, object], param: str
) -> None:
    answer = _post(service, item)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


def test_an_unknown_region_is_named(service: RunningService) -> None:
    answer = _post(service, {"id": "a", "text": "x"}, regions=["UK"])
    assert answer.status_code == 422
    assert "'UK'" in answer.json()["error"]["message"]


def test_a_body_that_is_not_json_is_told_where(service: RunningService) -> None:
    answer = httpx.post(
        f"{service.url}/v1/screen",
        content=b'{"item": {"id": "1", "text": 5',
        headers={"content-type": "application/json"},
    )
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["param"] is None
    assert "not JSON" in error["message"]
    assert "at character 30" in error["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"item": 5}', b"\xff\xfe"])
def test_a_body_that_is_no_request_is_a_clear_error(service: RunningService, body: bytes) -> None:
    answer = httpx.post(
        f"{service.url}/v1/screen", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "name", ["no image", "60 megapixels", "an EPS named jpg", "truncated", "zero bytes"]
)
def test_an_image_that_nobody_can_look_at_goes_to_a_person(
    service: RunningService, name: str
) -> None:
    data = {
        "no image": b"this is no image at all",
        "60 megapixels": _png_of_60_megapixels(),
        "an EPS named jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "truncated": _photo()[:900],
        "zero bytes": b"",
    }[name]
    answer = _post(
        service,
        {
            "id": f"bad {name}",
            "text": "my holiday",
            "images": [{"data": _base64(data), "name": "a.jpg"}, {"data": _base64(_photo())}],
        },
    )
    assert answer.status_code == 200
    body = answer.json()
    assert [problem["part"] for problem in body["problems"]] == ["image:0"]
    assert body["needs_review"]
    assert any(signal["part"] == "image:1" for signal in body["signals"])


def test_one_megabyte_of_emoji_is_screened(service: RunningService) -> None:
    answer = _post(service, {"id": "emoji", "text": "😀🎉" * 131_072}, record=False)
    assert answer.status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(service: RunningService) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/screen HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n{"
        )
        with connection.makefile("rb") as stream:
            answer = stream.read()  # head and body may arrive apart
    assert b" 413 " in answer.splitlines()[0]
    assert b"MODERATION_MAX_REQUEST_BYTES" in answer


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(tmp_path: Path) -> None:
    limits = {"MODERATION_CLASSIFIERS": "contacts", "MODERATION_MAX_REQUEST_BYTES": "100000"}
    with running_service(tmp_path, **limits) as service:
        answer = httpx.post(
            f"{service.url}/v1/screen",
            content=(b" " * 10_000 for _ in range(40)),
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 413
        assert "100,000" in answer.json()["error"]["message"]


def test_concurrent_callers_each_get_their_own_answer(service: RunningService) -> None:
    dice = random.Random(7)
    items = [{"id": f"c{n}", "text": f"note number {dice.random()}"} for n in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda item: _post(service, item, record=False).json(), items))
    assert [answer["id"] for answer in answers] == [item["id"] for item in items]


def test_health_tells_models_policy_and_database(service: RunningService) -> None:
    body = httpx.get(f"{service.url}/healthz").json()
    assert body["status"] == "ok"
    assert body["models"]["text"]
    assert body["runtimes"]["text"]["runtime"]
    assert body["runtimes"]["text"]["cascade"]
    assert len(body["policy"]) >= 16


def test_the_documentation_names_every_route(service: RunningService) -> None:
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    assert {"/v1/screen", "/v1/moderations", "/healthz"} <= set(paths)


def test_a_service_killed_in_the_middle_of_requests_loses_nothing_it_confirmed(
    tmp_path: Path,
) -> None:
    confirmed: list[str] = []

    def send(number: int) -> None:
        item = {"id": f"k{number}", "text": TEXT}
        try:
            answer = _post(service, item)
        except httpx.TransportError:
            return
        if answer.status_code == 200 and answer.json()["job"] is not None:
            confirmed.append(f"k{number}")
        if len(confirmed) == 5:
            service.kill()

    light = {"MODERATION_CLASSIFIERS": "text"}
    with running_service(tmp_path, **light) as service, ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(40)))
    assert 5 <= len(confirmed) < 40
    url = f"sqlite:///{tmp_path / 'moderation.sqlite'}"
    with open_database(url) as database, database.read() as session:
        stored = set(session.exec(select(StoredItem.id)))
        jobs = session.exec(select(Job.item_key)).all()
    assert set(confirmed) <= stored
    assert len(jobs) == len(set(jobs)) == len(stored)
    with running_service(tmp_path, **light) as again:
        assert httpx.get(f"{again.url}/healthz").json()["database"] == "ok"
        assert _post(again, {"id": confirmed[0], "text": TEXT}).json()["job"] is not None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///{folder}/a file/moderation.sqlite", "a file"),
        ("sqlite:///file:{folder}/moderation.sqlite?mode=ro&uri=true", "read-only"),
        ("mysql://localhost/moderation", "mysql"),
    ],
)
def test_a_database_that_cannot_be_written_is_named_and_nothing_starts(
    tmp_path: Path, url: str, told: str
) -> None:
    (tmp_path / "a file").write_text("")
    with open_database(f"sqlite:///{tmp_path / 'moderation.sqlite'}"):
        pass
    run = subprocess.run(
        [sys.executable, "-m", "moderation.cli", "serve", "--port", str(free_port())],
        env=os.environ
        | {
            "MODERATION_DATABASE_URL": url.format(folder=tmp_path),
            "MODERATION_CLASSIFIERS": "contacts",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 2
    assert told in run.stderr.strip().splitlines()[-1]
