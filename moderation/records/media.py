"""Where images and videos are kept: a folder, each file named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moderation.records.errors import DatabaseUnavailable, NotFound

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the store knows of a file."""

    sha256: str
    size: int  #: bytes


class MediaStore:
    """Files by content. Putting the same bytes twice stores them once; a file is there whole or
    not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, source: bytes | Path) -> StoredFile:
        """Store bytes or a copy of a file.

        Raises:
            OSError: the source cannot be read.
            DatabaseUnavailable: the store cannot be written.
        """
        digest = hashlib.sha256()
        size = 0
        handle, name = self._temporary()
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                for chunk in _chunks(source):
                    digest.update(chunk)
                    size += len(chunk)
                    self._write(target.write, chunk)
                target.flush()
                os.fsync(target.fileno())
            final = self._place(digest.hexdigest())
            if not final.exists():
                final.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        return StoredFile(digest.hexdigest(), size)

    def path(self, sha256: str) -> Path:
        """The file with these bytes.

        Raises:
            NotFound: it was never stored, or it was deleted.
        """
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound(f"no media file {sha256[:12]}…; it was deleted, or never stored")
        return place

    def delete(self, sha256: str) -> bool:
        """Remove a file; False if it was not there."""
        place = self._place(sha256)
        existed = place.is_file()
        place.unlink(missing_ok=True)
        return existed

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise NotFound("a media file is named by 64 hexadecimal digits")
        return self.folder / sha256[:2] / sha256[2:]

    def _temporary(self) -> tuple[int, str]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return tempfile.mkstemp(prefix="incoming-", dir=self.folder)
        except OSError as error:
            raise DatabaseUnavailable(
                f"the media folder {self.folder} cannot be written: {error.strerror}; "
                "make it writable, or name another with MODERATION_DATA_DIR"
            ) from error

    def _write(self, write: object, chunk: bytes) -> None:
        try:
            write(chunk)  # type: ignore[operator]
        except OSError as error:
            raise DatabaseUnavailable(
                f"the media folder {self.folder} cannot be written: {error.strerror}"
            ) from error


def _chunks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
