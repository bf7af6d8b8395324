"""Models loaded once; pages drawn on the spot, or stored where a machine may lack the letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from moderation.classifiers.image.drawn_text import DrawnTextReader
from moderation.classifiers.image.nsfw import NsfwClassifier
from moderation.settings import Settings

PAGES = Path(__file__).with_name("pages")


@pytest.fixture(scope="session")
def reader() -> DrawnTextReader:
    return DrawnTextReader.from_settings(Settings())


@pytest.fixture(scope="session")
def nudity() -> NsfwClassifier:
    return NsfwClassifier()


@pytest.fixture(scope="session")
def stored_page() -> Callable[[str], Image.Image]:
    """A page in a script that a machine may have no font for, by name."""
    return lambda name: Image.open(PAGES / f"{name}.png").convert("RGB")


@pytest.fixture(scope="session")
def drawn_page() -> Callable[..., Image.Image]:
    """`drawn_page("first line", "second line", …)` → a page with these lines in Latin letters."""

    def draw(*lines: str, size: int = 36) -> Image.Image:
        page = Image.new("RGB", (640, 400), (96, 128, 144))
        pen = ImageDraw.Draw(page)
        font = ImageFont.load_default(size)
        for number, line in enumerate(lines):
            pen.text((40, 60 + number * size * 1.5), line, font=font, fill="white")
        return page

    return draw
