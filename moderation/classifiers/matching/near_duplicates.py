"""Pictures that are nearly the same, grouped, so that a reviewer decides a flood once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.classifiers.base import Prepared
from moderation.classifiers.image.side_by_side import side_by_side
from moderation.classifiers.matching.fingerprints import (
    SAME,
    Fingerprints,
    HashKind,
    plain_fingerprints,
)
from moderation.classifiers.matching.hash_index import HashIndex
from moderation.settings import Settings
from moderation.signals import Signal

#: What a stored hash looks like in a signal's note.
_PREFIX = "pdq "


class ImageHashClassifier:
    """Notes every image's PDQ hash as an `image_hash` signal, which is stored with the assessment.

    The signal is no harm; its probability is the quality of the hash. Flat pictures have none.

    Args:
        threads: for several pictures; 0 means one per available core.
    """

    name = "image_hash"
    version = "pdq-1"
    categories: frozenset[str] = frozenset()

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """One signal per image that has enough structure to be recognised."""
        pictures = [image.pixels for item in batch for image in item.images]
        found = iter(side_by_side(plain_fingerprints, pictures, self._threads))
        return [
            [
                self._signal(image.index, prints)
                for image, prints in zip(item.images, found, strict=False)
                if prints.hashes
            ]
            for item in batch
        ]

    def _signal(self, image: int, found: Fingerprints) -> Signal:
        return Signal(
            name="image_hash",
            probability=found.quality / 100,
            part=f"image:{image}",
            model=self.name,
            model_version=self.version,
            note=_PREFIX + found.hex(HashKind.PDQ),
        )


def hash_of_signal(signal: Signal) -> bytes | None:
    """The PDQ hash that an `image_hash` signal carries; None for any other signal."""
    if signal.name != "image_hash" or not signal.note.startswith(_PREFIX):
        return None
    return bytes.fromhex(signal.note.removeprefix(_PREFIX))


def clusters(hashes: Sequence[bytes], radius: int = SAME[HashKind.PDQ]) -> list[int]:
    """Group hashes that are connected by steps of at most so many bits.

    Returns:
        For each hash the position of the first one of its group: equal numbers, same picture.
    """
    if not hashes:
        return []
    index = HashIndex(np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1))
    parent = list(range(len(hashes)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for position, value in enumerate(hashes):
        neighbours, _ = index.search(value, radius)
        for neighbour in neighbours.tolist():
            one, other = sorted((root(position), root(neighbour)))
            parent[other] = one
    return [root(position) for position in range(len(hashes))]


def image_hash(settings: Settings) -> ImageHashClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `image_hash`."""
    return ImageHashClassifier(settings.threads)
