"""Pictures for a reviewer's eyes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.pictures import BLURRED_SIDE, Picture, Pictures
from moderation.items import ImagePart, VideoPart
from moderation.settings import Settings


@pytest.fixture(scope="module")
def pictures() -> Iterator[Pictures]:
    """One decoder for all tests."""
    opened = Pictures(Settings())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def part() -> ImagePart:
    """A noisy picture, wide and colourful."""
    noise = np.random.default_rng(7).integers(0, 255, (300, 600, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return ImagePart(data=buffer.getvalue())


def _opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.data_uri.partition(",")[2])))


def test_a_blurred_picture_holds_a_handful_of_pixels(pictures: Pictures, part: ImagePart) -> None:
    shown = pictures.show((part,), 0, revealed=False, grey=False)
    assert max(_opened(shown).size) <= BLURRED_SIDE
    assert (shown.width, shown.height) == (600, 300)


def test_a_revealed_picture_is_whole(pictures: Pictures, part: ImagePart) -> None:
    assert _opened(pictures.show((part,), 0, revealed=True, grey=False)).size == (600, 300)


def test_grey_has_no_colour(pictures: Pictures, part: ImagePart) -> None:
    shown = pictures.show((part,), 0, revealed=True, grey=True)
    pixels = np.asarray(_opened(shown).convert("RGB")).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).max() <= 2


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (ImagePart(data=b"no picture at all"), "cannot be opened"),
        (ImagePart(path=Path("gone/away.png")), "not in the media store any more"),
        (ImagePart(url="https://example.org/x.png"), "Only the address"),
    ],
)
def test_a_picture_that_cannot_be_shown_says_why(
    pictures: Pictures, broken: ImagePart, words: str
) -> None:
    assert words in pictures.show((broken,), 0, revealed=False, grey=True).trouble


def test_a_video_that_is_gone_says_so(pictures: Pictures) -> None:
    [shown] = pictures.key_frames(VideoPart(path=Path("gone.mp4")), revealed=False, grey=True)
    assert "not in the media store any more" in shown.trouble or "cannot be opened" in shown.trouble
