"""What a classifier is, and what it is given.

A classifier looks at *prepared* items: images are decoded, drawn text is read, languages are
known. It returns signals and nothing else; it does not know what policy will make of them.

A classifier that looks at the turns of a conversation together may also have an attribute
`over_turns`, a set of category ids: where it gives an item a signal of such a category, the turns
that others scored one by one stay evidence and do not set the item's score.

To add one, write a class with the members of `Classifier` and name a factory for it in the entry
point group `moderation.classifiers`; a factory takes the `Settings` and returns the classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from moderation.items import Item
from moderation.signals import ImageBox, Problem, Signal, TimeSpan

#: Entry point group in which third parties register classifiers.
ENTRY_POINT_GROUP = "moderation.classifiers"


@dataclass(frozen=True, slots=True)
class LocatedText:
    """A text and where it was found: written, drawn on an image, spoken in a turn."""

    text: str
    part: str  #: `text:0`, `image:1`, `turn:17`, `video:0`
    language: str = "und"
    #: where on an image, or when in a video, it was read
    box: ImageBox | TimeSpan | None = None


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image that passed the safe decoder."""

    index: int  #: index into the item's images
    pixels: npt.NDArray[np.uint8]  #: RGB, `(height, width, 3)`, upright, longest side ≤ 1600
    original_size: tuple[int, int]  #: width, height before scaling
    sha256: str
    frames: tuple[npt.NDArray[np.uint8], ...] = ()  #: further frames of an animation, if any


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item with its parts made ready, once, for all classifiers."""

    item: Item
    texts: tuple[LocatedText, ...] = ()
    images: tuple[DecodedImage, ...] = ()
    signals: tuple[Signal, ...] = ()  #: what preparation itself observed, e.g. unreadable text
    problems: tuple[Problem, ...] = ()
    language: str = "und"
    languages: tuple[str, ...] = field(default=())


@runtime_checkable
class Classifier(Protocol):
    """Parts in, signals out."""

    @property
    def name(self) -> str:
        """Short, unique, stable: it is stored with every signal."""

    @property
    def version(self) -> str:
        """Changes whenever the same input may get another score."""

    @property
    def categories(self) -> frozenset[str]:
        """The category ids that its signals may carry."""

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """One list of signals per prepared item, in the order of the batch.

        The same item gets the same probabilities (to 1e-3) whatever else is in the batch.
        """


@runtime_checkable
class Explains(Protocol):
    """A classifier that can say on demand which words carry its signals."""

    def explain(
        self, batch: Sequence[Prepared], signals: Sequence[Sequence[Signal]]
    ) -> list[list[Signal]]:
        """The signals of each prepared item, its own ones with evidence added.

        Args:
            batch: what `classify` was given, or a part of it.
            signals: of all classifiers, one list per item; others' signals stay as they are.
        """
