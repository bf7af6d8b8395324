"""What an image is recognised by: exact digests, PDQ and dHash, made robust against common edits.

An entry of a bank stores the hashes of the picture and of its slightly cropped versions; a query
brings the hashes of the picture with and without borders, turned and mirrored. Either side alone
would miss what the other covers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image

from moderation.classifiers.matching.pdq import pdq, pdq_dihedral

Pixels = npt.NDArray[np.uint8]


class HashKind(StrEnum):
    """The kinds of hashes that banks hold."""

    PDQ = "pdq"
    DHASH = "dhash"
    MD5 = "md5"
    SHA256 = "sha256"

    @property
    def length(self) -> int:
        """Bytes of one hash."""
        return {"pdq": 32, "dhash": 8, "md5": 16, "sha256": 32}[self.value]

    @property
    def exact(self) -> bool:
        """Whether it matches the same file only, bit for bit."""
        return self in {HashKind.MD5, HashKind.SHA256}


#: Distances up to which hashes of a kind are the same picture, and up to which one was probably
#: made from the other. Below 47 unrelated pictures have not been seen (their least distance was
#: 102), and 47 costs a fifth of 48 to search.
SAME = {HashKind.PDQ: 31, HashKind.DHASH: 2, HashKind.MD5: 0, HashKind.SHA256: 0}
NEAR = {HashKind.PDQ: 47, HashKind.DHASH: 8, HashKind.MD5: 0, HashKind.SHA256: 0}

#: Shares cut from each side for an entry's further hashes, so that crops of a picture are found.
CROPS = (0.0, 0.03, 0.06, 0.09, 0.12)

#: Differences of colour up to which a border counts as uniform, 0..255 (JPEG leaves some).
_BORDER_TOLERANCE = 14
_LEAST_SIDE = 32
_BORDER_ROWS = 8  #: rows that are compared with the border's colour at a time


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Hashes of one picture, several per kind where edits are provided for."""

    hashes: Mapping[HashKind, tuple[bytes, ...]]
    quality: int  #: of PDQ, 0..100; perceptual hashes of flat pictures are left out
    turned: tuple[bytes, ...] = ()  #: PDQ of a query's turned and mirrored views

    def hex(self, kind: HashKind) -> str:
        """The plain hash of a kind in hexadecimal, empty if there is none."""
        found = self.hashes.get(kind, ())
        return found[0].hex() if found else ""


def digests(data: bytes) -> dict[HashKind, tuple[bytes, ...]]:
    """MD5 and SHA-256 of a file; MD5 because older lists hold nothing else."""
    return {
        HashKind.MD5: (hashlib.md5(data, usedforsecurity=False).digest(),),
        HashKind.SHA256: (hashlib.sha256(data).digest(),),
    }


def plain_fingerprints(pixels: Pixels) -> Fingerprints:
    """PDQ and dHash of the picture as it is: what is stored with every image."""
    found = pdq(pixels)
    if not found.usable:
        return Fingerprints({}, found.quality)
    return Fingerprints(
        {HashKind.PDQ: (found.bits,), HashKind.DHASH: (dhash(pixels),)}, found.quality
    )


def entry_fingerprints(pixels: Pixels) -> Fingerprints:
    """What a bank stores of a picture: the plain hashes, then those without borders and of crops.

    A picture that is too flat (PDQ quality below 50) has no perceptual hashes.
    """
    whole = pdq(pixels)
    if not whole.usable:
        return Fingerprints({}, whole.quality)
    inner = trim_borders(pixels)
    crops = [pdq(_cropped(inner, share)) for share in CROPS]
    return Fingerprints(
        {
            HashKind.PDQ: _distinct([whole.bits, *(c.bits for c in crops if c.usable)]),
            HashKind.DHASH: _distinct([dhash(pixels), dhash(inner)]),
        },
        whole.quality,
    )


def query_fingerprints(pixels: Pixels) -> Fingerprints:
    """What a picture is looked up by: PDQ and dHash with and without borders, and PDQ of the seven
    other ways to turn and mirror it."""
    views = pdq_dihedral(pixels)
    quality = views[0].quality
    if not views[0].usable:
        return Fingerprints({}, quality)
    upright, turned = [views[0]], views[1:]
    inner = trim_borders(pixels)
    plain = [dhash(pixels)]
    if inner.shape != pixels.shape:
        plain.append(dhash(inner))
        trimmed = pdq_dihedral(inner)
        if trimmed[0].usable:
            upright.append(trimmed[0])
            turned += trimmed[1:]
    return Fingerprints(
        {
            HashKind.PDQ: _distinct([view.bits for view in upright]),
            HashKind.DHASH: _distinct(plain),
        },
        quality,
        _distinct([view.bits for view in turned]),
    )


def dhash(pixels: Pixels) -> bytes:
    """Difference hash (64 bits): whether each of 8 x 8 samples is darker than its right neighbour.

    The same bits as the package `imagehash` gives. It bears stickers and captions, which PDQ does
    not, and mistakes more: a match is a near duplicate for a person to look at.
    """
    grey = Image.fromarray(pixels).convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    samples = np.asarray(grey, dtype=np.int16)
    return np.packbits(samples[:, 1:] > samples[:, :-1]).tobytes()


def trim_borders(pixels: Pixels) -> Pixels:
    """The picture without uniform bars at its sides (frames, screenshots), or as it is.

    Each side is compared with its own corner colour; what would leave less than a quarter of the
    picture is not trimmed.
    """
    height, width = pixels.shape[:2]
    top, bottom = _bars(pixels)
    left, right = _bars(pixels[top : height - bottom].transpose(1, 0, 2))
    inner = pixels[top : height - bottom, left : width - right]
    if inner.size * 4 < pixels.size or min(inner.shape[:2]) < _LEAST_SIDE:
        return pixels
    return inner


def _bars(pixels: Pixels) -> tuple[int, int]:
    """Rows at the beginning and at the end that have the colour of the first and last row."""
    return _bar(pixels), _bar(pixels[::-1])


def _bar(pixels: Pixels) -> int:
    colour = np.median(pixels[0], axis=0).astype(np.int16)
    # Most pictures have no border: their first rows tell.
    for start in range(0, len(pixels), _BORDER_ROWS):
        rows = pixels[start : start + _BORDER_ROWS].astype(np.int16)
        off = (np.abs(rows - colour) > _BORDER_TOLERANCE).any(axis=2).mean(axis=1)
        # 98 of 100 pixels: a thin scroll bar or watermark does not save a border.
        content = np.flatnonzero(off > 0.02)
        if len(content):
            return start + int(content[0])
    return 0


def _cropped(pixels: Pixels, share: float) -> Pixels:
    height, width = pixels.shape[:2]
    down, across = int(height * share), int(width * share)
    return pixels[down : height - down or None, across : width - across or None]


def _distinct(hashes: list[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(hashes))
