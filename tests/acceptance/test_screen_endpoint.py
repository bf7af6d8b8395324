"""`POST /v1/screen`: whole posts, bad input, two at once, and a pulled plug."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.acceptance.conftest import RunningService, running_service

pytestmark = pytest.mark.timeout(240)


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
    item = {"id": "queued", "text": "You worthless idiot, I will find you and break your legs."}
    first, second = _post(service, item).json(), _post(service, item).json()
    assert first["needs_review"]
    assert first["job"] is not None
    assert first["job"] == second["job"]


def test_recording_can_be_switched_off(service: RunningService) -> None:
    item = {"id": "unrecorded", "text": "You worthless idiot, I will find you and break your legs."}
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
    answer = httpx.post(
        f"{service.url}/v1/screen",
        content=b"x",
        headers={"content-type": "application/json", "content-length": "999999999999"},
    )
    assert answer.status_code == 413
    assert "MODERATION_MAX_REQUEST_BYTES" in answer.json()["error"]["message"]


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
    assert len(body["policy"]) >= 16


def test_the_documentation_names_every_route(service: RunningService) -> None:
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    assert {"/v1/screen", "/v1/moderations", "/healthz"} <= set(paths)


def test_a_service_killed_in_the_middle_of_requests_loses_nothing_it_confirmed(
    tmp_path: Path,
) -> None:
    confirmed: list[str] = []

    def send(number: int) -> None:
        item = {"id": f"k{number}", "text": "You worthless idiot, I will break your legs."}
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
    with running_service(tmp_path, **light) as again:
        for item_id in confirmed:
            text = "You worthless idiot, I will break your legs."
            before = _post(again, {"id": item_id, "text": text}).json()
            assert before["job"] is not None
        assert httpx.get(f"{again.url}/healthz").json()["database"] == "ok"
