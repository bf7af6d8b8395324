"""`POST /v1/screen` with videos: scored, refused with a reason, kept for the reviewer."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from dashboard.pictures import Pictures
from moderation.records import load_item, open_database
from moderation.records.queue_tables import Job
from moderation.settings import Settings
from tests.acceptance.conftest import RunningService

pytestmark = pytest.mark.timeout(240)

WORDS = "You worthless idiot, I will find you and break your legs."
SUBTITLES = f"1\n00:00:00,500 --> 00:00:01,500\n{WORDS}\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds of two colours."""
    path = tmp_path_factory.mktemp("film") / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    assert writer.isOpened()
    for shade in [60] * 10 + [180] * 10:
        writer.write(np.full((240, 320, 3), shade, np.uint8))
    writer.release()
    return path.read_bytes()


def _screen(service: RunningService, name: str, data: bytes | str, **more: str) -> httpx.Response:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    item: dict[str, Any] = {"id": name, "surface": "video", "videos": [{"data": text, **more}]}
    return httpx.post(f"{service.url}/v1/screen", json={"item": item}, timeout=120)


def test_a_video_is_scored_with_its_subtitles_and_shown_to_the_reviewer(
    service: RunningService, film: bytes
) -> None:
    body = _screen(service, "film", film, subtitles=SUBTITLES).json()
    assert body["problems"] == []
    assert {"nsfw"} <= {s["name"] for s in body["signals"] if s["part"] == "video:0"}
    silent = _screen(service, "silent-film", film).json()
    assert body["scores"]["harassment"] > silent["scores"].get("harassment", 0.0)
    assert body["job"] is not None
    folder: Path = service.log.parent
    url = f"sqlite:///{folder / 'moderation.sqlite'}"
    with open_database(url, migrate=False) as database:
        with database.read() as session:
            job = session.get_one(Job, body["job"])
        item = load_item(database, job.item_key)
    [video] = item.videos
    assert video.path is not None
    assert video.path.read_bytes() == film
    assert video.subtitles == SUBTITLES
    pictures = Pictures(Settings(data_dir=folder))
    frames = pictures.key_frames(video, revealed=True, grey=False)
    pictures.close()
    assert len(frames) > 1
    assert all(frame.data_uri and not frame.trouble for frame in frames)


def test_a_video_that_cannot_be_watched_goes_to_a_person(
    service: RunningService, film: bytes
) -> None:
    for name, data, code in (
        ("no-video", b"hello, I am no video", "unsupported_format"),
        ("cut-short", film[:100], "undecodable"),
        ("empty", b"", "empty"),
    ):
        body = _screen(service, name, data).json()
        assert [(p["part"], p["code"]) for p in body["problems"]] == [("video:0", code)]
        assert body["needs_review"]


def test_half_a_video_is_watched_as_far_as_it_goes(service: RunningService, film: bytes) -> None:
    body = _screen(service, "half", film[: len(film) * 2 // 3]).json()
    assert {"nsfw"} <= {s["name"] for s in body["signals"] if s["part"] == "video:0"}


def test_what_is_no_base64_and_what_names_a_file_is_refused_with_its_field(
    service: RunningService,
) -> None:
    answer = _screen(service, "letters", "this is not base64!")
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "videos[0].data"
    item = {"id": "path", "videos": [{"path": "/etc/hostname"}]}
    answer = httpx.post(f"{service.url}/v1/screen", json={"item": item}, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "videos[0].path"
    assert "send the bytes in 'data'" in answer.json()["error"]["message"]


def test_a_body_beyond_the_limit_is_told_before_it_is_read(service: RunningService) -> None:
    answer = httpx.post(
        f"{service.url}/v1/screen",
        content=iter([b" " * 1_000_000] * 70),
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code == 413
    assert "MODERATION_MAX_REQUEST_BYTES" in answer.json()["error"]["message"]
