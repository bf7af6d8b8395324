"""The real recogniser on drawn pages."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.decoding import shared_decoder
from moderation.classifiers.image.drawn_text import DrawnText, DrawnTextReader
from moderation.classifiers.image.key_frames import KeyFrameReader
from moderation.classifiers.image.text_recognition import TextRecogniser
from moderation.classifiers.image.video import VideoWatcher
from moderation.classifiers.preparation import Preparation
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.items import Item

CHINESE = "今天去了新开的咖啡店味道真的很不错，下次还要再来一次"
TURNS = {
    "upright": None,
    "upside down": Image.Transpose.ROTATE_180,
    "on its left side": Image.Transpose.ROTATE_90,
    "on its right side": Image.Transpose.ROTATE_270,
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
}


def decoded(page: Image.Image, index: int = 0, *frames: Image.Image) -> DecodedImage:
    further = tuple(np.asarray(frame.convert("RGB")) for frame in frames)
    return DecodedImage(index, np.asarray(page.convert("RGB")), page.size, "", further)


@pytest.mark.parametrize("turn", TURNS)
def test_a_page_is_read_whichever_way_it_is_turned(turn, reader, stored_page):
    page = stored_page("chinese")
    if TURNS[turn] is not None:
        page = page.transpose(TURNS[turn])
    [found] = reader.read([decoded(page)])
    assert [text.text for text in found.texts] == [CHINESE]
    assert found.signals == ()


def test_japanese_is_read(reader, stored_page):
    [found] = reader.read([decoded(stored_page("japanese"))])
    assert [text.text for text in found.texts] == ["今日は新しいカフェに行ってきました"]


def test_columns_are_read_from_right_to_left(reader, stored_page):
    [found] = reader.read([decoded(stored_page("traditional_columns"))])
    assert "".join(text.text for text in found.texts) == "春眠不覺曉處處聞啼鳥"


def test_lines_of_one_sentence_are_joined_and_boxed(reader, drawn_page):
    page = drawn_page("Add me on the other app", "for cheap tickets and", "many more offers")
    [found] = reader.read([decoded(page, 4)])
    [text] = found.texts
    assert text.text == "Add me on the other app for cheap tickets and many more offers"
    assert text.part == "image:4"
    assert text.box is not None
    assert text.box.image == 4
    assert text.box.text == text.text
    assert text.box.x == pytest.approx(40 / 640, abs=0.03)
    assert text.box.y == pytest.approx(60 / 400, abs=0.05)
    assert text.box.y + text.box.height == pytest.approx(210 / 400, abs=0.05)
    assert [line.text for line in found.lines] == [
        "Add me on the other app",
        "for cheap tickets and",
        "many more offers",
    ]


@pytest.mark.parametrize("page", ["korean", "russian"])
def test_a_script_that_cannot_be_read_is_reported(page, reader, stored_page):
    [found] = reader.read([decoded(stored_page(page), 2)])
    [signal] = found.signals
    assert found.texts == ()
    assert (signal.name, signal.category, signal.part) == ("unread_text", None, "image:2")
    assert signal.probability == 1.0
    assert len(signal.evidence) == 2


def test_readable_and_unreadable_lines_are_told_apart(reader, stored_page):
    [found] = reader.read([decoded(stored_page("chinese_and_korean"))])
    assert [text.text for text in found.texts] == ["周末一起去爬山吧"]
    [signal] = found.signals
    assert 0.2 < signal.probability < 0.8


def test_pictures_without_text_are_left_in_peace(reader):
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
    photo = coarse.resize((640, 480), Image.Resampling.BICUBIC)
    noise = Image.fromarray(rng.integers(0, 255, (200, 300, 3), dtype=np.uint8))
    flat, dot, strip = (Image.new("RGB", size, "teal") for size in ((50, 50), (1, 1), (1600, 4)))
    images = [decoded(picture) for picture in (photo, noise, flat, dot, strip)]
    assert [(r.texts, r.signals) for r in reader.read(images)] == [((), ())] * 5


def test_words_of_later_frames_are_read_and_repeated_words_once(reader, drawn_page):
    still = drawn_page("nothing to see here")
    shown = drawn_page("nothing to see here", "", "write me on the other app")
    [found] = reader.read([decoded(still, 0, still, shown, shown)])
    assert [text.text for text in found.texts] == [
        "nothing to see here",
        "write me on the other app",
    ]


def test_a_code_is_read_as_text_and_hints_at_luring(reader, drawn_page):
    page = drawn_page("scan for more")
    code = zxingcpp.create_barcode("https://t.me/example_group", zxingcpp.BarcodeFormat.QRCode)
    page.paste(Image.fromarray(np.array(code.to_image(scale=5))), (300, 150))
    [found] = reader.read([decoded(page, 1)])
    assert [text.text for text in found.texts] == ["scan for more", "https://t.me/example_group"]
    [signal] = found.signals
    assert (signal.name, signal.category) == ("contact_code", "offplatform_luring")
    assert signal.probability == 0.85
    [box] = signal.evidence
    assert box.text == "https://t.me/example_group"
    assert box.x == pytest.approx(320 / 640, abs=0.03)


def test_threads_share_one_reader(reader, drawn_page):
    words = ["alpha", "bravo", "charlie", "delta"]
    results: dict[str, str] = {}

    def work(word: str) -> None:
        [found] = reader.read([decoded(drawn_page(f"{word} goes home", size=48))])
        results[word] = found.texts[0].text

    threads = [threading.Thread(target=work, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {word: f"{word} goes home" for word in words}


def test_both_runtimes_read_the_same_also_side_by_side(stored_page):
    names = ("chinese", "japanese", "chinese")
    pictures = [np.asarray(stored_page(name).convert("RGB")) for name in names]
    by_onnx = TextRecogniser(threads=2, openvino=False).lines_of_all(pictures)
    by_openvino = TextRecogniser(threads=2, openvino=True).lines_of_all(pictures)
    assert [[line.text for line in of] for of in by_openvino] == [
        [line.text for line in of] for of in by_onnx
    ]
    for ours, theirs in zip(by_openvino, by_onnx, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.score == pytest.approx(other.score, abs=0.01)
            assert np.abs(one.corners - other.corners).max() <= 2


def png(page: Image.Image) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


class StumblingReader(DrawnTextReader):
    """Reads, but fails at pictures that are red in the first corner."""

    def read(self, images: Sequence[DecodedImage]) -> list[DrawnText]:
        if any(tuple(image.pixels[0, 0]) == (255, 0, 0) for image in images):
            raise RuntimeError("out of luck")
        return super().read(images)


def test_a_picture_at_which_reading_fails_is_a_problem_and_the_others_are_read(drawn_page, reader):
    preparation = Preparation(
        shared_decoder(),
        LanguageIdentifier(),
        StumblingReader(1),
        VideoWatcher(KeyFrameReader(), [], reader),
    )
    red = png(Image.new("RGB", (80, 60), (255, 0, 0)))
    page = png(drawn_page("GOOD MORNING"))
    item = Item.from_row({"id": "a", "images": [{"data": red}, {"data": page}]})
    other = Item.from_row({"id": "b", "images": [{"data": page}]})
    first, second = preparation.prepare([item, other])
    assert [(p.part, p.code) for p in first.problems] == [("image:0", "classifier_failed")]
    assert [text.part for text in first.texts] == ["image:1"]
    assert second.problems == ()
    assert second.texts[0].text == first.texts[0].text


def test_a_slideshow_reads_what_single_calls_read(drawn_page, stored_page):
    reader = DrawnTextReader(threads=2)
    words = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
    pages = [drawn_page(f"{word} goes home", size=48) for word in words]
    pages.append(stored_page("chinese_and_korean"))
    code = zxingcpp.create_barcode("https://t.me/example_group", zxingcpp.BarcodeFormat.QRCode)
    pages[2].paste(Image.fromarray(np.array(code.to_image(scale=5))), (300, 150))
    images = [decoded(page, index) for index, page in enumerate(pages)]
    alone = [reader.read([image])[0] for image in images]
    for _ in range(2):  # in the second round the detector is prepared for the pages' shape
        for one, other in zip(reader.read(images), alone, strict=True):
            assert [text.text for text in one.texts] == [text.text for text in other.texts]
            assert [line.text for line in one.lines] == [line.text for line in other.lines]
            assert [s.name for s in one.signals] == [s.name for s in other.signals]
            for ours, theirs in zip(one.signals, other.signals, strict=True):
                assert ours.probability == pytest.approx(theirs.probability, abs=1e-3)
            for ours, theirs in zip(one.lines, other.lines, strict=True):
                assert ours.x == pytest.approx(theirs.x, abs=1e-3)
                assert ours.width == pytest.approx(theirs.width, abs=1e-3)


@pytest.mark.parametrize("openvino", [False, True])
def test_scores_side_by_side_are_those_of_single_calls(openvino, drawn_page, stored_page):
    recogniser = TextRecogniser(threads=2, openvino=openvino)
    pages = [
        drawn_page(f"page {number}", "of a slideshow") for number in range(6 if openvino else 2)
    ]
    pages.append(stored_page("russian"))
    pictures = [np.asarray(page.convert("RGB")) for page in pages]
    alone = [recogniser.lines(picture) for picture in pictures]
    assert all(alone)
    for found in (recogniser.lines_of_all(pictures), recogniser.lines_of_all(pictures)):
        for ours, theirs in zip(found, alone, strict=True):
            assert [line.text for line in ours] == [line.text for line in theirs]
            for one, other in zip(ours, theirs, strict=True):
                assert one.score == pytest.approx(other.score, abs=1e-3)
                assert one.found == pytest.approx(other.found, abs=1e-3)
                assert np.abs(one.corners - other.corners).max() <= 1


@pytest.mark.parametrize(("size", "letter"), [(1000, "B"), (1200, "8")])
def test_a_letter_that_fills_the_picture_is_read(size, letter, reader):
    page = Image.new("RGB", (1080, 1440), "teal")
    pen = ImageDraw.Draw(page)
    pen.text((540, 720), letter, "white", ImageFont.load_default(size), anchor="mm")
    [found] = reader.read([decoded(page)])
    assert [text.text for text in found.texts] == [letter]
