"""Pictures for a reviewer's eyes: decoded behind the wall, blurred until they ask.

A picture that is not revealed reaches the browser as a handful of coarse pixels, so that nothing of
it is there to be seen by accident. That is a comfort and not a protection: studies find that blur
and grey-scale do not lower the strain of the work, only seeing less does.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from moderation.classifiers.image.decoding import DecodingLimits, ImageRefused, SafeDecoder
from moderation.items import ImagePart
from moderation.settings import Settings

#: Longest side of a picture that was revealed, and of one that waits, in pixels.
REVEALED_SIDE = 900
BLURRED_SIDE = 28


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is shown, or why it cannot be."""

    data_uri: str = ""
    width: int = 0  #: of the original, upright
    height: int = 0
    frames: int = 1
    trouble: str = ""


class Pictures:
    """Makes pictures fit to be shown. Safe to share between sessions."""

    def __init__(self, settings: Settings) -> None:
        limits = DecodingLimits.from_settings(settings)
        self._decoder = SafeDecoder(
            DecodingLimits(
                max_bytes=limits.max_bytes, side=REVEALED_SIDE, frame_side=200, workers=2
            )
        )

    def show(
        self, parts: tuple[ImagePart, ...], index: int, *, revealed: bool, grey: bool
    ) -> Picture:
        """One picture of an item.

        Args:
            parts: the item's images.
            index: which of them.
            revealed: whether the reviewer has asked to see it.
            grey: without colours.
        """
        # Paths come from our own media store: the item was read from the database.
        [decoded] = self._decoder.decode_all([(index, parts[index])], allow_paths=True)
        if isinstance(decoded, ImageRefused):
            return Picture(trouble=_trouble(decoded))
        image = Image.fromarray(np.ascontiguousarray(decoded.pixels))
        if grey:
            image = ImageOps.grayscale(image)
        width, height = decoded.original_size
        if not revealed:
            image.thumbnail((BLURRED_SIDE, BLURRED_SIDE), Image.Resampling.BOX)
        return Picture(_data_uri(image), width, height, 1 + len(decoded.frames))


def _trouble(refused: ImageRefused) -> str:
    if refused.code == "url_not_fetched":
        return "Only the address of this picture was stored; the platform has to send its bytes."
    if refused.code == "unreadable_file":
        return "The file of this picture is not in the media store any more."
    return (
        f"This picture cannot be opened ({refused.code}); decide by what else is here, or escalate."
    )


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=3)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
