"""The only door through which foreign images come in.

Bytes are capped, typed by content, and opened in another process with limited memory and time
(`decoding_worker`). What comes out is plain RGB. What does not come out is refused with a code, so
that a person looks at the item: an image that nobody could open is never a pass.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeGuard

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image import decoding_worker
from moderation.classifiers.image.content_type import pillow_format
from moderation.classifiers.image.decoding_pool import WorkerPool, nonsense, pictures_of
from moderation.classifiers.image.fetching import SafeFetcher
from moderation.classifiers.image.refusals import ImageRefused
from moderation.items import ImagePart
from moderation.settings import Settings

#: Returns the bytes behind a URL, or raises `ImageRefused`.
Fetcher = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """How much of a foreign file is borne."""

    max_bytes: int = 20_000_000  #: of the file
    max_pixels: int = 50_000_000  #: width x height
    max_side: int = 20_000  #: pixels
    max_animation_pixels: int = 500_000_000  #: width x height x frames
    max_frames: int = 8  #: frames of an animation that are looked at, evenly spread
    side: int = 1600  #: longest side after scaling, pixels
    frame_side: int = 800  #: the same for the further frames of an animation
    seconds: float = 15.0  #: for one file
    memory_megabytes: int = 1024  #: address space of a worker
    workers: int = 0  #: processes; 0 means one per available core, at most four

    @classmethod
    def from_settings(cls, settings: Settings) -> DecodingLimits:
        """The limits that the settings leave open, the others as they are."""
        return cls(max_bytes=settings.max_image_bytes)


class SafeDecoder:
    """Image files in, RGB pixels or a refusal out. Safe to use from threads.

    Args:
        limits: what is refused.
        fetch: gets the bytes of an image that has only a URL; None refuses these.
    """

    def __init__(
        self, limits: DecodingLimits | None = None, *, fetch: Fetcher | None = None
    ) -> None:
        self.limits = limits or DecodingLimits()
        self._fetch = fetch
        self.pool = WorkerPool(
            Path(decoding_worker.__file__),
            [self.limits.max_pixels, self.limits.memory_megabytes],
            size=self.limits.workers or min(4, len(os.sched_getaffinity(0))),
            seconds=self.limits.seconds,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> SafeDecoder:
        """The process's one decoder with these limits, so that its workers are shared."""
        return shared_decoder(
            DecodingLimits.from_settings(settings),
            settings.image_fetch_hosts,
            settings.image_fetch_internal_hosts,
            settings.image_fetch_seconds,
        )

    def decode(self, data: bytes, *, index: int = 0) -> DecodedImage:
        """The image in these bytes.

        Args:
            data: the file.
            index: which of the item's images it is.

        Raises:
            ImageRefused: with one of `refusals.REFUSAL_CODES`.
        """
        limits = self.limits
        if len(data) > limits.max_bytes:
            raise _too_large(len(data), limits.max_bytes)
        request = {
            "format": pillow_format(data),
            "max_pixels": limits.max_pixels,
            "max_side": limits.max_side,
            "max_animation_pixels": limits.max_animation_pixels,
            "max_frames": limits.max_frames,
            "side": limits.side,
            "frame_side": limits.frame_side,
        }
        header, payload = self.pool.run(request, data)
        frames = pictures_of(header.get("frames", ()), payload)
        size = header.get("size")
        if not _is_size(size):
            raise nonsense()
        width, height = size
        return DecodedImage(
            index=index,
            pixels=frames[0],
            original_size=(width, height),
            sha256=hashlib.sha256(data).hexdigest(),
            frames=tuple(frames[1:]),
        )

    def decode_all(
        self, images: Sequence[tuple[int, ImagePart]], *, allow_paths: bool = False
    ) -> list[DecodedImage | ImageRefused]:
        """All images of any number of items, side by side. One that is refused holds up no other.

        Args:
            images: each part with its index among its own item's images.
            allow_paths: whether local paths may be read. Only for callers on this machine; an HTTP
                client must never name the server's files.

        Returns:
            One entry per part, in order.
        """

        def one(indexed: tuple[int, ImagePart]) -> DecodedImage | ImageRefused:
            index, part = indexed
            try:
                return self.decode(self._bytes(part, allow_paths=allow_paths), index=index)
            except ImageRefused as refusal:
                return refusal

        if len(images) < 2:
            return [one(indexed) for indexed in images]
        with ThreadPoolExecutor(min(self.pool.size, len(images))) as threads:
            return list(threads.map(one, images))

    def _bytes(self, part: ImagePart, *, allow_paths: bool) -> bytes:
        if part.data is not None:
            return part.data
        if part.path is not None:
            if not allow_paths:
                raise ImageRefused(
                    "path_not_allowed",
                    "the image is given as a local path, which is not accepted here; send its data",
                )
            return read_file(part.path, self.limits.max_bytes)
        if self._fetch is None:
            raise ImageRefused(
                "url_not_fetched",
                "the image is given only as a URL, and remote images are not fetched here; "
                "send its data",
            )
        return self._fetch(part.url or "")

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()


def _is_size(value: object) -> TypeGuard[Sequence[int]]:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(side, int) and side > 0 for side in value)
    )


def _too_large(size: int, limit: int) -> ImageRefused:
    return ImageRefused("too_large", f"the image file has {size} bytes; at most {limit} are taken")


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        ImageRefused: it is none, cannot be read, or has more bytes than the limit.
    """
    try:
        # Non-blocking: opening a named pipe would otherwise wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - it is a descriptor
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ImageRefused("unreadable_file", f"{path} is not a regular file")
            if status.st_size > limit:
                raise _too_large(status.st_size, limit)
            return file.read(limit + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageRefused("unreadable_file", f"{path} cannot be read: {reason}") from None


@cache
def shared_decoder(
    limits: DecodingLimits | None = None,
    fetch_hosts: tuple[str, ...] = (),
    fetch_internal_hosts: tuple[str, ...] = (),
    fetch_seconds: float = 10.0,
) -> SafeDecoder:
    """The process's one decoder with these limits."""
    fetch = None
    if fetch_hosts or fetch_internal_hosts:
        fetch = SafeFetcher(
            fetch_hosts,
            internal_hosts=fetch_internal_hosts,
            max_bytes=(limits or DecodingLimits()).max_bytes,
            seconds=fetch_seconds,
        )
    return SafeDecoder(limits, fetch=fetch)


def decode(data: bytes, *, index: int = 0) -> DecodedImage:
    """`SafeDecoder.decode` with the default limits."""
    return shared_decoder().decode(data, index=index)


def decode_all(
    images: Sequence[tuple[int, ImagePart]], *, allow_paths: bool = False
) -> list[DecodedImage | ImageRefused]:
    """`SafeDecoder.decode_all` with the default limits."""
    return shared_decoder().decode_all(images, allow_paths=allow_paths)


__all__ = [
    "DecodingLimits",
    "Fetcher",
    "ImageRefused",
    "SafeDecoder",
    "decode",
    "decode_all",
    "read_file",
    "shared_decoder",
]
