"""The frames of a video that a moderator would want to see, taken out in another process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.classifiers.image.decoding_pool import WorkerPool, nonsense, pictures_of
from moderation.classifiers.image.refusals import ImageRefused
from moderation.items import VideoPart
from moderation.settings import Settings

_SCRIPT = Path(__file__).with_name("video_worker.py")

#: Container by its first bytes. Play lists and scripts, which name other files, have none of these.
_ISO_BRANDS_OF_IMAGES = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """How much of a foreign video is borne."""

    max_bytes: int = 500_000_000
    max_frames: int = 16  #: key frames
    max_seconds: float = 180.0  #: of the video that are looked at
    max_pixels: int = 9_000_000  #: of one frame (4K is 8.3 million)
    side: int = 960  #: longest side of a key frame after scaling, pixels
    seconds: float = 60.0  #: of computing for one video
    memory_megabytes: int = 2048  #: address space of the process

    @classmethod
    def from_settings(cls, settings: Settings) -> VideoLimits:
        """The limits that the settings leave open, the others as they are."""
        return cls(max_bytes=settings.max_video_bytes)


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """One frame."""

    seconds: float  #: since the beginning
    pixels: npt.NDArray[np.uint8]  #: RGB, `(height, width, 3)`

    @property
    def time_code(self) -> str:
        """Minutes and seconds, as players show them."""
        return f"{int(self.seconds // 60)}:{self.seconds % 60:04.1f}"


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """The key frames of a video."""

    frames: tuple[KeyFrame, ...]
    seconds: float  #: length that was looked at
    complete: bool  #: whether the video ends there


class KeyFrameReader:
    """Takes key frames out of video files. Safe to use from threads."""

    def __init__(self, limits: VideoLimits | None = None) -> None:
        self.limits = limits or VideoLimits()
        self.pool = WorkerPool(
            _SCRIPT, [self.limits.memory_megabytes], size=1, seconds=self.limits.seconds
        )

    def read(self, video: VideoPart, *, allow_paths: bool = False) -> KeyFrames:
        """The key frames of a video in order of time.

        Args:
            video: its bytes or its local file; URLs are not fetched. Bytes are written to a file
                that only this user can read, and that is gone when this returns.
            allow_paths: whether local paths may be read; an HTTP client must never name one.

        Raises:
            ImageRefused: with one of `refusals.REFUSAL_CODES`.
        """
        if video.data is not None:
            self._check_content(len(video.data), video.data[:64])
            with _private_file(video.data) as path:
                return self._read_file(path)
        if video.path is None:
            raise ImageRefused("url_not_fetched", "remote videos are not fetched; send its data")
        if not allow_paths:
            raise ImageRefused(
                "path_not_allowed",
                "the video is given as a local path, which is not accepted here; send its data",
            )
        self._check(video.path)
        return self._read_file(video.path)

    def _read_file(self, path: Path) -> KeyFrames:
        limits = self.limits
        request = {
            "path": str(path.resolve()),
            "max_frames": limits.max_frames,
            "max_seconds": limits.max_seconds,
            "max_pixels": limits.max_pixels,
            "side": limits.side,
        }
        header, payload = self.pool.run(request, b"")
        try:
            times = [float(time) for time, _, _ in header["frames"]]
            sizes = [(width, height) for _, width, height in header["frames"]]
            looked_at, complete = float(header["seconds"]), bool(header["complete"])
        except (KeyError, TypeError, ValueError):
            raise nonsense() from None
        pictures = pictures_of(sizes, payload)
        frames = tuple(KeyFrame(*pair) for pair in zip(times, pictures, strict=True))
        return KeyFrames(frames, looked_at, complete)

    def _check(self, path: Path) -> None:
        try:
            if not path.is_file():
                raise ImageRefused("unreadable_file", f"{path} is not a regular file")
            size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(64)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ImageRefused("unreadable_file", f"{path} cannot be read: {reason}") from None
        self._check_content(size, head)

    def _check_content(self, size: int, head: bytes) -> None:
        if size > self.limits.max_bytes:
            raise ImageRefused(
                "too_large",
                f"the video has {size} bytes; at most {self.limits.max_bytes} are taken",
            )
        if not head:
            raise ImageRefused("empty", "the video file is empty")
        if not is_video(head):
            raise ImageRefused(
                "unsupported_format", "the content is no MP4, MOV, WebM, Matroska or AVI video"
            )

    def close(self) -> None:
        """End the worker process."""
        self.pool.close()


@contextmanager
def _private_file(data: bytes) -> Iterator[Path]:
    """A file of these bytes, for its owner only, that is removed at the end."""
    try:
        with tempfile.NamedTemporaryFile(prefix="moderation-video-") as file:
            file.write(data)
            file.flush()
            yield Path(file.name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageRefused(
            "unreadable_file", f"the video cannot be written to a temporary file: {reason}"
        ) from None


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is one of the accepted containers."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _ISO_BRANDS_OF_IMAGES
    return head.startswith(b"\x1aE\xdf\xa3") or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
