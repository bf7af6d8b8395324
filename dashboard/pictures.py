"""Pictures for a reviewer's eyes: decoded behind the wall, blurred until they ask.

A picture that is not revealed reaches the browser as a handful of coarse pixels, so that nothing of
it is there to be seen by accident. That is a comfort and not a protection: studies find that blur
and grey-scale do not lower the strain of the work, only seeing less does.
"""

from __future__ import annotations

import base64
import io
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.decoding import DecodingLimits, ImageRefused, SafeDecoder
from moderation.classifiers.image.key_frames import KeyFrameReader, VideoLimits
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import BankError
from moderation.classifiers.matching.never_shown import NeverShown
from moderation.items import ImagePart, VideoPart
from moderation.settings import Settings

_log = logging.getLogger(__name__)

_HIDDEN = (
    "This {} is not shown: a bank holds it whose pictures are shown to nobody, or the banks cannot "
    "be read. Decide by what else is here, or escalate."
)

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
    time_code: str = ""  #: of a key frame: minutes and seconds
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
        # As many frames as screening takes, so that they are the same ones; only smaller.
        self._videos = KeyFrameReader(replace(VideoLimits.from_settings(settings), side=480))
        self._never_shown = NeverShown(BankStore.from_settings(settings))

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
            return Picture(trouble=_trouble(decoded, "picture"))
        if self._hides(lambda: self._never_shown.has_image(parts[index], decoded)):
            return Picture(trouble=_HIDDEN.format("picture"))
        width, height = decoded.original_size
        uri = _data_uri(decoded.pixels, revealed=revealed, grey=grey)
        return Picture(uri, width, height, 1 + len(decoded.frames))

    def key_frames(self, video: VideoPart, *, revealed: bool, grey: bool) -> tuple[Picture, ...]:
        """The frames of a video that the models looked at, in order of time; or one `Picture` that
        says why there are none."""
        try:
            found = self._videos.read(video, allow_paths=True)
        except ImageRefused as refused:
            return (Picture(trouble=_trouble(refused, "video")),)
        frames = [
            DecodedImage(n, frame.pixels, (frame.pixels.shape[1], frame.pixels.shape[0]), "")
            for n, frame in enumerate(found.frames)
        ]
        if self._hides(lambda: self._never_shown.has_video(video, frames)):
            return (Picture(trouble=_HIDDEN.format("video")),)
        return tuple(
            Picture(
                _data_uri(frame.pixels, revealed=revealed, grey=grey),
                frame.pixels.shape[1],
                frame.pixels.shape[0],
                time_code=frame.time_code,
            )
            for frame in found.frames
        )

    def _hides(self, is_known: Callable[[], bool]) -> bool:
        """Whether a picture stays hidden; where the banks cannot be asked, it does."""
        try:
            return is_known()
        except (BankError, sqlite3.Error) as error:
            _log.error("a picture is not shown, for the banks cannot be read: %s", error)
            return True

    def close(self) -> None:
        """End the decoding processes."""
        self._decoder.close()
        self._videos.close()


def _trouble(refused: ImageRefused, what: str) -> str:
    if refused.code == "url_not_fetched":
        return f"Only the address of this {what} was stored; the platform has to send its bytes."
    if refused.code == "unreadable_file":
        return f"The file of this {what} is not in the media store any more."
    return (
        f"This {what} cannot be opened ({refused.code}); decide by what else is here, or escalate."
    )


def _data_uri(pixels: npt.NDArray[np.uint8], *, revealed: bool, grey: bool) -> str:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if grey:
        image = ImageOps.grayscale(image)
    if not revealed:
        image.thumbnail((BLURRED_SIDE, BLURRED_SIDE), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=3)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
