"""The pieces of an image that a classifier with a small square input must look at one by one.

A model that squashes a page of 500 x 5000 pixels into a square sees nothing of it. Long pictures
are therefore also cut into overlapping squares, and animations are looked at frame by frame; the
worst piece counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moderation.classifiers.base import DecodedImage
from moderation.signals import ImageBox

#: Above this ratio of sides a picture is also looked at in squares.
LONG_RATIO = 2.0

#: Most squares of one picture.
MOST_SQUARES = 12


@dataclass(frozen=True, slots=True)
class Piece:
    """A view of some of an image's pixels and where it is."""

    pixels: npt.NDArray[np.uint8]  #: RGB, `(height, width, 3)`
    frame: int = 0  #: 0 is the first frame, others are samples of an animation
    box: ImageBox | None = None  #: None for the whole frame

    @property
    def place(self) -> str:
        """Where it is, for a reviewer; empty for the whole of the first frame."""
        words = []
        if self.frame:
            words.append(f"sampled frame {self.frame + 1} of the animation")
        if self.box is not None:
            words.append("part of a long picture")
        return ", ".join(words)


def pieces_of(image: DecodedImage) -> list[Piece]:
    """The whole image first, then the further frames, then the squares of a long picture."""
    pieces = [Piece(image.pixels)]
    pieces += [Piece(frame, number) for number, frame in enumerate(image.frames, start=1)]
    height, width = image.pixels.shape[:2]
    short, long = sorted((height, width))
    if long <= LONG_RATIO * short:
        return pieces
    # Half a square of overlap, so that nothing is cut at every border.
    count = min(MOST_SQUARES, 2 * -(-long // short) - 1)
    side = max(short, -(-2 * long // (count + 1)))
    for start in np.linspace(0, long - side, count).astype(int).tolist():
        if height > width:
            view = image.pixels[start : start + side]
            box = ImageBox(
                image=image.index, x=0.0, y=start / height, width=1.0, height=side / height
            )
        else:
            view = image.pixels[:, start : start + side]
            box = ImageBox(
                image=image.index, x=start / width, y=0.0, width=side / width, height=1.0
            )
        pieces.append(Piece(view, box=box))
    return pieces
