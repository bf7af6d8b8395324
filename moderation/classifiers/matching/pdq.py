"""PDQ, the perceptual hash that trust-and-safety teams exchange: 256 bits and a quality.

Own implementation of the published algorithm ("The TMK+PDQF Video-Hashing Algorithm and the PDQ
Image-Hashing Algorithm", Facebook 2019): luminance, tent filter, 64 x 64 samples, the lowest
16 x 16 frequencies without the constant one, each compared with their median. The hashes are those
of the reference implementation, bit for bit but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

BITS = 256

#: Distance in bits up to which two pictures count as the same; used across the industry.
SAME = 31

#: Below this quality a picture is too flat for its hash to mean anything.
LEAST_QUALITY = 50

_SAMPLES = 64
_FREQUENCIES = 16

_Plane = npt.NDArray[np.float32]

_LUMINANCE = np.array([[0.299, 0.587, 0.114]], np.float32)


@dataclass(frozen=True, slots=True)
class PdqHash:
    """The hash of one picture."""

    bits: bytes  #: 32 bytes, in the order of the usual hexadecimal form
    quality: int  #: 0 (flat) to 100

    @property
    def usable(self) -> bool:
        """Whether the picture has enough structure to be recognised by it."""
        return self.quality >= LEAST_QUALITY


def pdq(pixels: npt.NDArray[np.uint8]) -> PdqHash:
    """The hash of a picture.

    Args:
        pixels: RGB, `(height, width, 3)`.
    """
    samples = _samples(pixels)
    return PdqHash(_bits(samples), _quality(samples))


def pdq_dihedral(pixels: npt.NDArray[np.uint8]) -> list[PdqHash]:
    """The hashes of a picture as it is, turned by 90, 180 and 270 degrees, and all these mirrored.

    One query with all eight finds a picture that was turned or mirrored to escape.
    """
    samples = _samples(pixels)
    quality = _quality(samples)
    views = [np.rot90(side, turn) for side in (samples, samples[:, ::-1]) for turn in range(4)]
    return [PdqHash(_bits(view), quality) for view in views]


def _samples(pixels: npt.NDArray[np.uint8]) -> _Plane:
    # No scaling first: it would cost up to ten of the 31 bits against other people's banks.
    plane: _Plane = np.asarray(cv2.transform(pixels.astype(np.float32), _LUMINANCE), np.float32)
    # Filters of the two directions commute, so what is not sampled need not be filtered twice.
    across = _tent_samples(plane)
    return np.ascontiguousarray(_tent_samples(np.ascontiguousarray(across.T)).T)


def _tent_samples(plane: _Plane) -> _Plane:
    """64 samples of each row through a tent filter, which is two box filters, one after another."""
    width = plane.shape[1]
    window = -(-width // (2 * _SAMPLES))  # half the distance of two samples, rounded up
    for _ in range(2):
        plane = _box(plane, window)
    columns = ((np.arange(_SAMPLES) + 0.5) * width / _SAMPLES).astype(int)
    return plane[:, columns]


def _box(plane: _Plane, window: int) -> _Plane:
    """Mean of each row over a window that shrinks at the borders."""
    if window == 1:
        return plane
    left = window - (window + 2) // 2  # pixels before the middle one
    sums = cv2.boxFilter(
        plane, -1, (window, 1), anchor=(left, 0), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    at = np.arange(plane.shape[1])
    counts = np.minimum(at + window - left, len(at)) - np.maximum(at - left, 0)
    means: _Plane = np.asarray(sums, np.float32)
    means *= (1 / counts).astype(np.float32)
    return means


def _dct_rows() -> _Plane:
    frequency = np.arange(1, _FREQUENCIES + 1)[:, None]
    place = 2 * np.arange(_SAMPLES)[None, :] + 1
    waves = np.sqrt(2 / _SAMPLES) * np.cos(np.pi / 2 / _SAMPLES * frequency * place)
    rows: _Plane = waves.astype(np.float32)
    return rows


_DCT = _dct_rows()


def _bits(samples: _Plane) -> bytes:
    spectrum = (_DCT @ samples @ _DCT.T).ravel()
    median = np.partition(spectrum, BITS // 2 - 1)[BITS // 2 - 1]  # the lower of the two
    return np.packbits((spectrum > median)[::-1]).tobytes()


def _quality(samples: _Plane) -> int:
    """Sum of the steps between neighbours; 90 is the divisor of the published algorithm."""
    steps = sum(
        int(np.abs(np.trunc(np.diff(samples, axis=axis) * (100 / 255))).sum()) for axis in (0, 1)
    )
    return min(100, steps // 90)
