"""Image categories that an operator trained on pictures of their own.

A head is a linear layer over frozen features with a calibration, a threshold and a model card. What
has no data has no head: nothing about weapons, blood or drugs is claimed until somebody trains it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from moderation.classifiers.base import Prepared
from moderation.classifiers.image.efficientnet_lite import FEATURES, VERSION, ImageFeatures
from moderation.classifiers.image.pieces import Piece, pieces_of
from moderation.errors import ModelUnavailable
from moderation.settings import Settings
from moderation.signals import Signal
from moderation.taxonomy import category

WEIGHTS_FILE = "head.safetensors"
FACTS_FILE = "head.json"
CARD_FILE = "model-card.md"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What is known about a head besides its numbers."""

    version: str  #: of the training data and its result
    backbone: str
    categories: tuple[str, ...]
    thresholds: tuple[float | None, ...]  #: probability that keeps the promised precision, if any
    pictures: Mapping[str, int]  #: category (or `none`) → pictures trained on
    format: int = _FORMAT


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A linear layer over features, and a calibration of each of its outputs."""

    facts: HeadFacts
    weights: npt.NDArray[np.float32]  #: `(n_categories, 1280)`, for standardised features
    biases: npt.NDArray[np.float32]  #: `(n_categories,)`
    means: npt.NDArray[np.float32]  #: `(1280,)` of the training features
    scales: npt.NDArray[np.float32]  #: `(1280,)`
    slopes: npt.NDArray[np.float32]  #: `(n_categories,)` Platt scaling: sigmoid(slope x + offset)
    offsets: npt.NDArray[np.float32]  #: `(n_categories,)`

    def probabilities(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, `(n, n_categories)`, of features `(n, 1280)`."""
        scores = (features - self.means) / self.scales @ self.weights.T + self.biases
        calibrated = (scores * self.slopes + self.offsets).astype(np.float64)
        answers: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(calibrated, -60, 60)))
        return answers

    def save(self, folder: Path, card: str) -> None:
        """Write the head and its card into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _SHAPES}
        save_file(arrays, folder / WEIGHTS_FILE)
        facts = json.dumps(asdict(self.facts), indent=2, ensure_ascii=False)
        (folder / FACTS_FILE).write_text(facts + "\n", "utf-8")
        (folder / CARD_FILE).write_text(card, "utf-8")

    @classmethod
    def load(cls, folder: Path) -> TrainedHead:
        """The head in a folder.

        Raises:
            ModelUnavailable: it is missing, damaged, or for another backbone.
            UnknownCategory: it was trained for a category that is none of the taxonomy.
        """
        try:
            raw = json.loads((folder / FACTS_FILE).read_text("utf-8"))
            facts = HeadFacts(
                version=str(raw["version"]),
                backbone=str(raw["backbone"]),
                categories=tuple(category(name).id for name in raw["categories"]),
                thresholds=tuple(raw["thresholds"]),
                pictures=dict(raw["pictures"]),
                format=int(raw["format"]),
            )
            arrays = load_file(folder / WEIGHTS_FILE)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelUnavailable(
                f"the trained head in {folder} cannot be read: {error!r}; train it again"
            ) from error
        if facts.backbone != VERSION or facts.format != _FORMAT:
            raise ModelUnavailable(
                f"the head in {folder} was trained on {facts.backbone}, not on {VERSION}; "
                "train it again"
            )
        for name, shape in _SHAPES.items():
            expected = tuple(len(facts.categories) if size == 0 else size for size in shape)
            if name not in arrays or arrays[name].shape != expected:
                raise ModelUnavailable(
                    f"the head in {folder} is damaged: {name} is not of shape {expected}"
                )
        return cls(facts, **{name: arrays[name].astype(np.float32) for name in _SHAPES})


#: Arrays of a head's file; 0 stands for the number of categories.
_SHAPES: Mapping[str, tuple[int, ...]] = {
    "weights": (0, FEATURES),
    "biases": (0,),
    "means": (FEATURES,),
    "scales": (FEATURES,),
    "slopes": (0,),
    "offsets": (0,),
}


class TrainedHeadClassifier:
    """One `image.<category>` signal per image and category of a trained head.

    Args:
        head: the trained layer.
        features: what it was trained on; shared where several heads run.
    """

    name = "image_head"

    def __init__(self, head: TrainedHead, features: ImageFeatures | None = None) -> None:
        self._head = head
        self._features = features or ImageFeatures()

    @property
    def version(self) -> str:
        """Of the backbone and of the head."""
        return f"{self._head.facts.backbone}+{self._head.facts.version}"

    @property
    def categories(self) -> frozenset[str]:
        """What the head was trained for."""
        return frozenset(self._head.facts.categories)

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """All images of all items in one go; the worst frame or piece of an image counts."""
        pieces: list[list[tuple[int, list[Piece]]]] = [
            [(image.index, pieces_of(image)) for image in item.images] for item in batch
        ]
        flat = [piece.pixels for item in pieces for _, own in item for piece in own]
        scores = self._head.probabilities(self._features.of(flat))
        signals: list[list[Signal]] = []
        at = 0
        for item in pieces:
            signals.append([])
            for image, own in item:
                signals[-1] += self._of_image(image, own, scores[at : at + len(own)])
                at += len(own)
        return signals

    def _of_image(
        self, image: int, pieces: Sequence[Piece], scores: npt.NDArray[np.float64]
    ) -> list[Signal]:
        found = []
        for column, name in enumerate(self._head.facts.categories):
            worst = int(scores[:, column].argmax())
            piece = pieces[worst]
            found.append(
                Signal(
                    name=f"image.{name}",
                    category=name,
                    probability=float(scores[worst, column]),
                    part=f"image:{image}",
                    evidence=() if piece.box is None else (piece.box,),
                    model=self.name,
                    model_version=self.version,
                    calibration_version=self._head.facts.version,
                    note=piece.place,
                )
            )
        return found


def image_head(settings: Settings) -> TrainedHeadClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `image_head`.

    Raises:
        ModelUnavailable: no head is configured, or it cannot be read.
    """
    folder = settings.image_head
    if folder is None:
        raise ModelUnavailable(
            "the classifier image_head needs MODERATION_IMAGE_HEAD, the folder of a trained head"
        )
    return TrainedHeadClassifier(TrainedHead.load(folder))
