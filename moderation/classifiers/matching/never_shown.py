"""Whether a picture may be shown at all, asked at the moment it is to be shown.

An assessment says what was known when an item was screened. A bank may have been filled since, or
the picture may have been too slow to decode that day; so whoever shows pictures asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.fingerprints import Fingerprints
from moderation.classifiers.matching.known_images import (
    KnownImages,
    fingerprints_of,
    fingerprints_of_file,
)
from moderation.items import ImagePart, VideoPart


class NeverShown:
    """Knows the pictures of all banks that are marked `never_render`. Safe to use from threads.

    A bank that is tried on a share of the traffic is asked about every picture, and one that is
    switched off about none.

    The hashes of these banks, and of no others, are loaded into the process when the first picture
    is shown and again whenever a bank has changed: about 100 bytes of memory for a hash, and
    seconds for a million of them, during which that picture waits.

    Args:
        store: the banks.
    """

    def __init__(self, store: BankStore) -> None:
        self._store = store
        self._known = KnownImages(store, never_render=True)

    def knows_any(self) -> bool:
        """Whether there is such a bank at all.

        Raises:
            BankError: the banks cannot be read.
        """
        return any(bank.never_render for bank in self._store.banks())

    def has_image(self, part: ImagePart, image: DecodedImage) -> bool:
        """Whether one of the banks holds this picture, edited versions included.

        Raises:
            BankError: the banks cannot be read.
        """
        return self._is_known([fingerprints_of(image, part)] if self.knows_any() else [])

    def has_video(self, part: VideoPart, frames: Sequence[DecodedImage]) -> bool:
        """Whether one of the banks holds this file or one of its key frames.

        Raises:
            BankError: the banks cannot be read.
        """
        if not self.knows_any():
            return False
        found = [fingerprints_of(frame) for frame in frames]
        file = part.data if part.data is not None else part.path
        exact = fingerprints_of_file(file) if file is not None else None
        return self._is_known([*found, *([exact] if exact else [])])

    def has_file(self, file: Path) -> bool:
        """Whether one of the banks holds this very file, for one that cannot be decoded.

        Raises:
            BankError: the banks cannot be read.
        """
        exact = fingerprints_of_file(file)
        return exact is not None and self._is_known([exact])

    def _is_known(self, pictures: Sequence[Fingerprints]) -> bool:
        matches = self._known.lookup_all([(found, "") for found in pictures])
        return any(match.bank.never_render for own in matches for match in own)
