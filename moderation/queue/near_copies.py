"""When two items say the same: texts that share most of their words, pictures that look alike.

Texts are compared by their four-character pieces (Jaccard similarity), pictures by PDQ. So that not
everything is compared with everything, both have *bands*: short numbers of which near-copies share
at least one. Texts: MinHash (Broder 1997), four bands of three rows; a pair with a similarity of
0.8 is found with a probability of 94%, one of 0.9 with 99%. Pictures: the sixteen 16-bit words of
the hash; a pair within 15 bits is always found, one of 31 bits nine times in ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.classifiers.matching.fingerprints import SAME, HashKind
from moderation.records.item_store import plain_text

#: Texts that share this much of their pieces are near-same. Judgement: one word in ten changed.
SAME_TEXT = 0.8

#: Shorter texts are near-same only when they are equal: a "not" more would be lost in nothing.
SHORTEST = 40

#: Longer texts are compared by their beginning.
_LONGEST = 4000

#: A picture that differs by more bits than a resized copy does: look at it.
CHANGED_PICTURE = 16

_PIECE = 4
_BANDS, _ROWS = 4, 3

#: Pictures of one item that have bands.
_PICTURES = 4

# Odd multipliers for the MinHash permutations, from a fixed seed: stored bands depend on them.
_MULTIPLIERS = np.random.default_rng(20240229).integers(1, 2**63, _BANDS * _ROWS, np.uint64) | 1
_LETTERS = np.array([1, 0x9E3779B1, 0x85EBCA77C2B2AE63, 0xC2B2AE3D27D4EB4F], np.uint64)

_PDQ = "pdq:"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What an item is compared by."""

    text: str  #: without case, width, punctuation, spaces and numbers
    pictures: tuple[bytes, ...] | None  #: PDQ of each; None where one of them has none

    @classmethod
    def of(cls, snapshot: dict[str, Any] | None, near_keys: Sequence[str]) -> Likeness | None:
        """From a stored item; None for conversations, deleted content and pictures unhashed."""
        if snapshot is None or snapshot.get("turns"):
            return None
        texts = [str(segment.get("text", "")) for segment in snapshot.get("texts", [])]
        hashes = tuple(bytes.fromhex(key[len(_PDQ) :]) for key in near_keys if key.startswith(_PDQ))
        complete = len(hashes) == len(snapshot.get("images", []))
        if snapshot.get("videos") or not complete:
            return None
        return cls(plain_text(" ".join(texts)), hashes)

    def bands(self) -> list[tuple[int, int]]:
        """(band, value) pairs; items that share none are no near-copies."""
        if self.pictures:
            return [
                (100 + band, int(value))
                for picture in self.pictures[:_PICTURES]
                for band, value in enumerate(np.frombuffer(picture, ">u2"))
            ]
        if len(self.text) < SHORTEST:
            return []
        rows = (_MULTIPLIERS[:, None] * _pieces(self.text)).min(axis=1)
        mixed = ((rows.reshape(_BANDS, _ROWS) >> np.uint64(20)) * _MULTIPLIERS[:_ROWS]).sum(axis=1)
        return list(enumerate((mixed >> np.uint64(33)).tolist()))

    def difference(self, other: Likeness) -> str | None:
        """What is different between near-copies, in words; None if nothing that matters."""
        if self.text != other.text:
            return "worded differently"
        if _farthest(self, other) > CHANGED_PICTURE:
            return "the picture was changed"
        return None

    def is_near(self, other: Likeness) -> bool:
        """Whether one decision may cover both: near-same text and near-same pictures."""
        return _farthest(self, other) <= SAME[HashKind.PDQ] and _same_text(self.text, other.text)


def picture_keys(hashes: Sequence[bytes]) -> tuple[str, ...]:
    """PDQ hashes as they are stored with an item's near keys."""
    return tuple(_PDQ + value.hex() for value in hashes)


def _pieces(text: str) -> npt.NDArray[np.uint64]:
    """A hash of every run of four characters."""
    letters = np.frombuffer(text[:_LONGEST].encode("utf-32-le", "surrogatepass"), "<u4")
    wide = letters.astype(np.uint64)
    length = len(wide) - _PIECE + 1
    sums = wide[:length] * _LETTERS[0]
    for place in range(1, _PIECE):
        sums += wide[place : place + length] * _LETTERS[place]
    return np.asarray((sums ^ (sums >> np.uint64(29))) * _LETTERS[2])


def _same_text(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) < SHORTEST:
        return False
    first, second = np.unique(_pieces(one)), np.unique(_pieces(other))
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared >= SAME_TEXT * (len(first) + len(second) - shared)


def _farthest(one: Likeness, other: Likeness) -> int:
    """Bits of the worst pair of pictures; 256 where they cannot be paired."""
    mine, theirs = one.pictures or (), list(other.pictures or ())
    if len(mine) != len(theirs):
        return 256
    worst = 0
    for picture in mine:
        distances = [_bits(picture, candidate) for candidate in theirs]
        nearest = int(np.argmin(distances))
        worst = max(worst, distances[nearest])
        del theirs[nearest]
    return worst


def _bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
