"""Short videos made by the tests, watched by the real models."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.drawn_text import DrawnText, DrawnTextReader
from moderation.classifiers.image.key_frames import KeyFrameReader, VideoLimits
from moderation.classifiers.image.refusals import ImageRefused
from moderation.classifiers.image.subtitles import cues, spoken_text
from moderation.classifiers.image.video import VideoWatcher
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import Bank, NewEntry
from moderation.classifiers.matching.fingerprints import digests, entry_fingerprints
from moderation.classifiers.matching.known_images import KnownImageClassifier
from moderation.items import VideoPart
from moderation.settings import Settings
from moderation.signals import TimeSpan

SUBRIP = """1
00:00:01,000 --> 00:00:02,500
<i>Add me</i> on the
other app

2
00:00:02,500 --> 00:00:04,000
Add me on the other app

3
01:00:05,250 --> 01:00:06,000
{\\an8}it&#39;s cheap
"""

WEBVTT = """WEBVTT

NOTE nothing

intro
00:01.000 --> 00:02.000 align:start
<v Host>Good evening</v>
"""


def film(
    path: Path, pictures: Sequence[Image.Image], codec: str = "mp4v", *, rate: float = 10
) -> Path:
    """A video that shows each picture for two seconds, at ten frames a second or another rate."""
    size = pictures[0].size
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, size)
    assert writer.isOpened()
    for picture in pictures:
        for _ in range(round(2 * rate)):
            writer.write(np.asarray(picture.convert("RGB"))[:, :, ::-1])
    writer.release()
    return path


def _with_frame_lengths(data: bytes, runs: Sequence[tuple[int, int]]) -> bytes:
    """An MP4 whose table of frame lengths has these (frames, length) entries instead of its one.

    The index stands behind the pixels, so that no offset into them moves.
    """
    assert data.index(b"mdat") < data.index(b"moov")
    grown = 8 * (len(runs) - 1)
    at = data.index(b"stts")
    table = struct.pack(">I", len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    changed = bytearray(data[: at + 8] + table + data[at + 20 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        place = changed.index(box) - 4
        size = int.from_bytes(changed[place : place + 4], "big") + grown
        changed[place : place + 4] = size.to_bytes(4, "big")
    return bytes(changed)


def busy_picture() -> Image.Image:
    """Shapes of many sizes, so that it has a hash."""
    rng = np.random.default_rng(5)
    picture = Image.new("RGB", (480, 360), "grey")
    pen = ImageDraw.Draw(picture)
    for size in np.geomspace(300, 12, 60):
        x, y = rng.uniform(-60, 480, 2)
        pen.ellipse((x, y, x + size, y + size), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return picture


@pytest.fixture(scope="module")
def frames():
    reader = KeyFrameReader()
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.webm", "VP80")]
)
def test_every_scene_of_a_film_is_among_the_key_frames(name, codec, frames, tmp_path):
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    path = film(tmp_path / name, [Image.new("RGB", (320, 240), c) for c in colours], codec)
    found = frames.read(VideoPart(path=path), allow_paths=True)
    assert found.complete
    assert found.seconds == pytest.approx(6, abs=0.2)
    seen = {int(frame.pixels.mean(axis=(0, 1)).argmax()) for frame in found.frames}
    assert seen == {0, 1, 2}
    times = [frame.seconds for frame in found.frames]
    assert times == sorted(times)
    assert times[0] == 0


def test_the_frames_that_change_most_are_kept(tmp_path):
    colours = [(0, 0, 0), (250, 0, 0), (0, 250, 0), (0, 0, 250)]
    path = film(tmp_path / "a.mp4", [Image.new("RGB", (320, 240), c) for c in colours])
    reader = KeyFrameReader(VideoLimits(max_frames=4))
    found = reader.read(VideoPart(path=path), allow_paths=True)
    reader.close()
    assert [round(frame.seconds) for frame in found.frames] == [0, 2, 4, 6]
    assert found.frames[1].time_code == "0:02.0"


def test_every_picture_of_a_slideshow_with_a_frame_every_two_seconds_is_seen(frames, tmp_path):
    greys = [Image.new("RGB", (320, 240), (20 * n, 20 * n, 20 * n)) for n in range(12)]
    found = frames.read(VideoPart(path=film(tmp_path / "a.mp4", greys, rate=0.5)), allow_paths=True)
    assert [round(frame.seconds, 2) for frame in found.frames] == [2 * n for n in range(12)]
    assert [round(frame.pixels.mean() / 20) for frame in found.frames] == list(range(12))
    assert found.seconds == pytest.approx(24)


def test_the_times_of_frames_of_unequal_length_are_those_of_the_file(frames, tmp_path):
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    path = film(tmp_path / "a.mp4", [Image.new("RGB", (320, 240), c) for c in colours], rate=10)
    data = path.read_bytes()
    at = data.index(b"stts") + 8
    # The frames of the second picture become four times as long as the others; the sum stays.
    entries, count, length = struct.unpack(">III", data[at : at + 12])
    assert (entries, count) == (1, 60)
    path.write_bytes(
        _with_frame_lengths(data, [(20, length // 2), (20, 2 * length), (20, length // 2)])
    )
    found = frames.read(VideoPart(path=path), allow_paths=True)
    starts = [
        next(f.seconds for f in found.frames if f.pixels.mean(axis=(0, 1)).argmax() == channel)
        for channel in range(3)
    ]
    assert starts == pytest.approx([0, 1, 5], abs=0.5)
    assert found.seconds == pytest.approx(6, abs=0.3)


def test_a_longer_video_is_looked_at_in_part_and_says_so(tmp_path):
    path = film(tmp_path / "a.mp4", [Image.new("RGB", (320, 240), "teal")] * 3)
    reader = KeyFrameReader(VideoLimits(max_seconds=2))
    [seen] = VideoWatcher(reader, [], None).watch([(1, VideoPart(path=path))], allow_paths=True)
    reader.close()
    assert [(p.part, p.code) for p in seen.problems] == [("video:1", "video_too_long")]
    assert "first 2 seconds" in seen.problems[0].message


HOSTILE = {
    "empty": (b"", "empty"),
    "text": (b"hello", "unsupported_format"),
    "a play list that names another file": (
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        "unsupported_format",
    ),
    "an image": (b"\0\0\0\x1cftypavif" + bytes(40), "unsupported_format"),
    "an MP4 header and noise": (b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 50, "undecodable"),
    "a Matroska header and noise": (b"\x1aE\xdf\xa3" + bytes(range(256)) * 50, "undecodable"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_video_is_refused_with_its_reason(name, frames, tmp_path):
    data, code = HOSTILE[name]
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(ImageRefused) as refusal:
        frames.read(VideoPart(path=path), allow_paths=True)
    assert refusal.value.code == code


def test_a_truncated_video_gives_frames_or_a_refusal(frames, tmp_path):
    path = film(tmp_path / "a.avi", [Image.new("RGB", (320, 240), "teal")], "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert frames.read(VideoPart(path=path), allow_paths=True).frames


def test_paths_and_urls_are_not_followed_for_strangers(frames, tmp_path):
    for part, code in (
        (VideoPart(path=tmp_path / "a.mp4"), "path_not_allowed"),
        (VideoPart(url="https://example.org/a.mp4"), "url_not_fetched"),
    ):
        with pytest.raises(ImageRefused) as refusal:
            frames.read(part)
        assert refusal.value.code == code


def test_a_video_is_watched_read_and_listened_to(frames, nudity, reader, drawn_page, tmp_path):
    blank, shown = Image.new("RGB", (640, 400), "teal"), drawn_page("write me on the other app")
    path = film(tmp_path / "a.mp4", [blank, shown])
    watcher = VideoWatcher(frames, [nudity], reader)
    [seen] = watcher.watch([(0, VideoPart(path=path, subtitles=SUBRIP))], allow_paths=True)
    assert seen.problems == ()
    assert [text.text for text in seen.texts] == [
        "write me on the other app",
        "Add me on the other app\nit's cheap",
    ]
    assert {text.part for text in seen.texts} == {"video:0"}
    shown_at = seen.texts[0].box
    assert isinstance(shown_at, TimeSpan)
    assert (shown_at.start, shown_at.text) == (2.0, "write me on the other app")
    [signal] = seen.signals
    assert (signal.name, signal.part) == ("nsfw", "video:0")
    assert signal.note.startswith("worst key frame at 0:0")
    [when] = signal.evidence
    assert isinstance(when, TimeSpan)
    assert 0 <= when.start < when.end <= 4.1


def test_a_known_picture_in_a_video_is_found_with_its_time(frames, tmp_path):
    store = BankStore(tmp_path / "banks.sqlite")
    store.create(Bank("fakes", "counterfeit", never_render=True))
    shown = busy_picture()
    store.add("fakes", [NewEntry(entry_fingerprints(np.asarray(shown)).hashes, source="ours")])
    path = film(tmp_path / "a.mp4", [Image.new("RGB", shown.size, "teal"), shown])
    watcher = VideoWatcher(frames, [KnownImageClassifier(store)], None)
    [seen] = watcher.watch([(2, VideoPart(path=path))], allow_paths=True)
    [signal] = seen.signals
    assert (signal.name, signal.category, signal.part) == ("known_image", "counterfeit", "video:2")
    assert signal.aspect == "never_render"
    match, when = signal.evidence
    assert (match.bank, match.entry) == ("fakes", "1")
    assert (when.start, when.end) == (pytest.approx(2.0), pytest.approx(4.0, abs=0.2))
    assert "at 0:02.0" in signal.note
    assert "from: ours" in signal.note


def test_a_video_whose_digest_is_known_is_found_even_if_it_is_broken(frames, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 50)
    store = BankStore(tmp_path / "banks.sqlite")
    store.create(Bank("fakes", "counterfeit"))
    store.add("fakes", [NewEntry(digests(path.read_bytes()))])
    watcher = VideoWatcher(frames, [KnownImageClassifier(store)], None)
    [seen] = watcher.watch([(0, VideoPart(path=path))], allow_paths=True)
    [signal] = seen.signals
    assert (signal.name, signal.probability) == ("known_image", 1.0)
    assert [problem.code for problem in seen.problems] == ["undecodable"]
    [strange] = watcher.watch([(0, VideoPart(path=path))])
    assert strange.signals == ()


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_bytes_of_a_video_are_watched_like_its_file(frames, temporary, tmp_path):
    shown = busy_picture()
    path = film(tmp_path / "a.mp4", [Image.new("RGB", shown.size, "teal"), shown])
    store = BankStore(tmp_path / "banks.sqlite")
    store.create(Bank("fakes", "counterfeit"))
    store.add("fakes", [NewEntry(digests(path.read_bytes()))])
    store.add("fakes", [NewEntry(entry_fingerprints(np.asarray(shown)).hashes)])
    watcher = VideoWatcher(frames, [KnownImageClassifier(store)], None)
    [of_file] = watcher.watch([(0, VideoPart(path=path))], allow_paths=True)
    [of_bytes] = watcher.watch([(0, VideoPart(data=path.read_bytes(), subtitles=SUBRIP))])
    assert len(of_file.signals) == 2
    assert of_bytes.signals == of_file.signals
    assert [text.text for text in of_bytes.texts] == ["Add me on the other app\nit's cheap"]
    assert of_bytes.problems == ()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused_and_leave_no_file(name, frames, temporary):
    data, code = HOSTILE[name]
    with pytest.raises(ImageRefused) as refusal:
        frames.read(VideoPart(data=data))
    assert refusal.value.code == code
    assert list(temporary.iterdir()) == []


def test_bytes_beyond_the_setting_are_refused():
    reader = KeyFrameReader(VideoLimits.from_settings(Settings(max_video_bytes=1000)))
    with pytest.raises(ImageRefused) as refusal:
        reader.read(VideoPart(data=b"\0\0\0\x18ftypmp42" + bytes(1000)))
    assert refusal.value.code == "too_large"
    assert "1000 are taken" in refusal.value.message


def test_a_broken_video_given_as_bytes_is_known_by_its_digest(frames, tmp_path):
    data = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 50
    store = BankStore(tmp_path / "banks.sqlite")
    store.create(Bank("fakes", "counterfeit"))
    store.add("fakes", [NewEntry(digests(data))])
    [seen] = VideoWatcher(frames, [KnownImageClassifier(store)], None).watch(
        [(0, VideoPart(data=data))]
    )
    assert [signal.name for signal in seen.signals] == ["known_image"]
    assert [problem.code for problem in seen.problems] == ["undecodable"]


class BrokenClassifier:
    """A third party's, with a fault."""

    name = "theirs"
    version = "1"
    categories: frozenset[str] = frozenset()

    def classify(self, batch):
        raise RuntimeError("no such tensor")


def test_a_classifier_that_fails_on_a_video_is_a_problem_of_it(frames, nudity, tmp_path):
    path = film(tmp_path / "a.mp4", [Image.new("RGB", (320, 240), "teal")])
    watcher = VideoWatcher(frames, [BrokenClassifier(), nudity], None)
    [seen] = watcher.watch([(0, VideoPart(path=path))], allow_paths=True)
    assert [problem.code for problem in seen.problems] == ["classifier_failed"]
    assert [signal.name for signal in seen.signals] == ["nsfw"]


class StumblingReader(DrawnTextReader):
    """Fails at everything."""

    def read(self, images: Sequence[DecodedImage]) -> list[DrawnText]:
        raise RuntimeError("out of luck")


def test_a_video_whose_frames_cannot_be_read_is_looked_at_all_the_same(frames, nudity, tmp_path):
    path = film(tmp_path / "a.mp4", [Image.new("RGB", (320, 240), "teal")])
    watcher = VideoWatcher(frames, [nudity], StumblingReader(1))
    [seen] = watcher.watch([(0, VideoPart(path=path, subtitles="hello"))], allow_paths=True)
    assert [signal.name for signal in seen.signals] == ["nsfw"]
    assert [text.text for text in seen.texts] == ["hello"]
    assert [(p.part, p.code) for p in seen.problems] == [("video:0", "classifier_failed")]


def test_the_subtitles_of_a_broken_video_are_read_all_the_same(frames):
    [seen] = VideoWatcher(frames, [], None).watch([(0, VideoPart(url="x", subtitles=WEBVTT))])
    assert [text.text for text in seen.texts] == ["Good evening"]
    assert [problem.code for problem in seen.problems] == ["url_not_fetched"]


def test_subtitles_become_sentences_with_times():
    assert [(cue.start, cue.end) for cue in cues(SUBRIP)] == [
        (1, 2.5),
        (2.5, 4),
        (3605.25, 3606),
    ]
    assert cues(SUBRIP)[2].text == "it's cheap"
    assert spoken_text("a plain transcript\n") == "a plain transcript"
    assert spoken_text("WEBVTT\n\n00:00.000 --> 00:01.000\n1 < 2 and 3 > 2\n") == "1 < 2 and 3 > 2"
