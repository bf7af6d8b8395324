"""Scripts that the shipped reader does not know, read by Tesseract where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.drawn_text import DrawnTextReader
from moderation.classifiers.image.tesseract import Tesseract
from moderation.errors import ModelUnavailable
from moderation.settings import Settings


def installed(*languages: str) -> bool:
    program = shutil.which("tesseract")
    if program is None:
        return False
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=True)
    return set(languages) <= set(listed.stdout.split())


needs_tesseract = pytest.mark.skipif(
    not installed("kor", "rus"), reason="tesseract with the languages kor and rus is not installed"
)


@pytest.fixture(scope="module")
def both() -> DrawnTextReader:
    return DrawnTextReader(fallback=Tesseract(["kor", "rus"]))


@needs_tesseract
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("korean", "오늘새로생긴카페에다녀왔어요정말좋아요"),
        ("russian", "Сегоднямыходиливновоекафе"),
        ("chinese_and_korean", "周末一起去爬山吧오늘새로생긴카페에"),
    ],
)
def test_what_the_shipped_reader_cannot_read_is_read(page, expected, both, stored_page):
    pixels = np.asarray(stored_page(page))
    [found] = both.read([DecodedImage(0, pixels, (640, 400), "")])
    assert "".join(text.text for text in found.texts).replace(" ", "") == expected
    assert found.signals == ()


@needs_tesseract
def test_a_language_that_does_not_fit_leaves_the_line_unread(stored_page):
    reader = DrawnTextReader(fallback=Tesseract(["rus"]))
    [found] = reader.read([DecodedImage(0, np.asarray(stored_page("korean")), (640, 400), "")])
    assert found.texts == ()
    assert [signal.name for signal in found.signals] == ["unread_text"]


@needs_tesseract
def test_what_can_be_read_is_not_read_again(both, drawn_page):
    page = drawn_page("Add me on the other app", "for cheap tickets")
    [found] = both.read([DecodedImage(0, np.asarray(page), page.size, "")])
    assert [text.text for text in found.texts] == ["Add me on the other app for cheap tickets"]


@needs_tesseract
def test_the_version_names_program_and_languages(both):
    assert "+tesseract-" in both.version
    assert both.version.endswith("-kor.rus")


def program(tmp_path: Path, script: str) -> str:
    path = tmp_path / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("script", ["sleep 20", "exit 3", "echo no table", "echo 'level\ttext'"])
def test_a_program_that_hangs_or_fails_leaves_the_text_unread(script, tmp_path, stored_page):
    listing = 'if [ "$1" = --list-langs ]; then echo List; echo kor; exit; fi\n'
    listing += 'if [ "$1" = --version ]; then echo tesseract 0; exit; fi\n'
    fallback = Tesseract(["kor"], seconds=0.5, program=program(tmp_path, listing + script))
    reader = DrawnTextReader(fallback=fallback)
    [found] = reader.read([DecodedImage(0, np.asarray(stored_page("korean")), (640, 400), "")])
    assert [signal.name for signal in found.signals] == ["unread_text"]


def test_a_missing_program_or_language_says_what_to_install(tmp_path):
    with pytest.raises(ModelUnavailable, match="apt install tesseract-ocr"):
        Tesseract(["kor"], program="no-such-program")
    with pytest.raises(ModelUnavailable, match="none of the Tesseract languages kor"):
        Tesseract(["kor"], program=program(tmp_path, "echo List; echo eng"))


def test_it_is_off_unless_configured():
    assert "tesseract" not in DrawnTextReader.from_settings(Settings()).version
