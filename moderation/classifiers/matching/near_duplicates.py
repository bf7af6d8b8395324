"""Pictures that are nearly the same, grouped, so that a reviewer decides a flood once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.classifiers.base import Prepared
from moderation.classifiers.matching.fingerprints import SAME, HashKind, plain_fingerprints
from moderation.classifiers.matching.hash_index import HashIndex
from moderation.settings import Settings
from moderation.signals import Signal

#: What a stored hash looks like in a signal's note.
_PREFIX = "pdq "


class ImageHashClassifier:
    """Notes every image's PDQ hash as an `image_hash` signal, which is stored with the assessment.

    The signal is no harm; its probability is the quality of the hash. Flat pictures have none.
    """

    name = "image_hash"
    version = "pdq-1"
    categories: frozenset[str] = frozenset()

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """One signal per image that has enough structure to be recognised."""
        return [
            [
                Signal(
                    name="image_hash",
                    probability=found.quality / 100,
                    part=f"image:{image.index}",
                    model=self.name,
                    model_version=self.version,
                    note=_PREFIX + found.hex(HashKind.PDQ),
                )
                for image in item.images
                if (found := plain_fingerprints(image.pixels)).hashes
            ]
            for item in batch
        ]


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
    return ImageHashClassifier()
