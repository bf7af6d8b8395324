"""Keeps the exact files behind every content hash, so that an old verdict can be explained.

A folder: each file once under the SHA-256 of its bytes, and one manifest per pack set. Writing the
same set twice changes nothing. (The database keeps versions with their approval; this works
without one.)
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from moderation.errors import ModerationError
from moderation.policy.packs import PackSet, hash_of_files


class UnknownPolicyHash(ModerationError):
    """No pack files are kept under that hash, or they are not what the hash says."""


class PolicyArchive:
    """A folder of pack files by hash.

    Args:
        folder: is made when something is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, packs: PackSet) -> str:
        """Keeps the files of a pack set; gives its content hash."""
        manifest: dict[str, str] = {}
        for name, content in packs.files.items():
            digest = hashlib.sha256(content).hexdigest()
            self._write(self.folder / "files" / digest, content)
            manifest[name] = digest
        data = json.dumps(manifest, sort_keys=True, indent=1).encode()
        self._write(self._manifest(packs.content_hash), data)
        return packs.content_hash

    def files(self, content_hash: str) -> dict[str, bytes]:
        """The exact files of a hash, by name.

        Raises:
            UnknownPolicyHash: nothing is kept under it, or a file has been altered since.
        """
        try:
            manifest = json.loads(self._manifest(content_hash).read_bytes())
            found = {
                name: (self.folder / "files" / digest).read_bytes()
                for name, digest in manifest.items()
            }
        except (OSError, ValueError):
            known = ", ".join(each[:19] for each in self.hashes()) or "none"
            raise UnknownPolicyHash(
                f"no pack files are kept under {content_hash!r} in {self.folder} (kept: {known})"
            ) from None
        if hash_of_files(found) != content_hash:
            raise UnknownPolicyHash(
                f"the files kept under {content_hash!r} in {self.folder} have been altered"
            )
        return found

    def hashes(self) -> tuple[str, ...]:
        """All hashes that are kept."""
        return tuple(
            f"sha256:{path.stem}" for path in sorted((self.folder / "sets").glob("*.json"))
        )

    def _manifest(self, content_hash: str) -> Path:
        digest = content_hash.removeprefix("sha256:")
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise UnknownPolicyHash(
                f"{content_hash!r} is not a policy hash; it is sha256: and 64 hexadecimal digits"
            )
        return self.folder / "sets" / f"{digest}.json"

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: a reader never sees half a file.
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
