"""One pass of the text model over a turn: its thirteen scores and the vector they come from.

The scores tell what a turn says by itself; the vector also tells friendly turns apart, which have
no harm in them and are still part of a plan. Both come out of the same pass, so a conversation
costs little more than its texts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.model import MODELS_FOLDER, TextModel
from moderation.classifiers.text.network import pad_batch
from moderation.classifiers.text.windows import Window
from moderation.settings import Settings

#: Vectors are brought to this length, so that their coordinates are of the order of 0.2.
_LENGTH = 4.0
#: Windows whose vectors are remembered (1.5 kB each).
_REMEMBERED = 8192
_PAD = 1
_TOKENS_PER_PASS = 4096


@dataclass(frozen=True, slots=True)
class TurnReading:
    """What the text model made of one turn."""

    probabilities: Floats  #: (outputs of the text model,), calibrated, the turn by itself
    vector: Floats  #: (hidden,), mean of the encoder's last states, of length `_LENGTH`


class ReadingModel(TextModel):
    """A `TextModel` that also keeps the vectors of the windows it has just scored.

    A text classifier that is given this model and a conversation classifier that shares it pay
    for one pass together.
    """

    def __init__(self, folder: Path, cache: Path, threads: int = 0) -> None:
        super().__init__(folder, cache, threads)
        self._vectors: OrderedDict[tuple[int, ...], tuple[Floats, Floats]] = OrderedDict()
        self._guard = Lock()

    @property
    def weights_sha256(self) -> str:
        """Which weights these are; what is learnt on their vectors belongs to them."""
        return self.description.weights_sha256

    def logits(self, windows: Sequence[Window]) -> Floats:
        """See `TextModel.logits`; the vectors are remembered on the way."""
        return np.stack([logits for logits, _ in self._passes(windows)])

    def read(self, texts: Sequence[str], languages: Sequence[str]) -> list[TurnReading]:
        """One reading per text, in order; a text of several windows has their mean vector."""
        if not texts:
            return []
        cut = [self.windows(text) for text in texts]
        flat = [window for windows in cut for window in windows]
        owner = [i for i, windows in enumerate(cut) for _ in windows]
        passes = self._passes(flat)
        probabilities = self.description.calibration.probabilities(
            np.stack([logits for logits, _ in passes]),
            self.outputs,
            [languages[i] for i in owner],
        )
        readings = []
        at = 0
        for windows in cut:
            stop = at + len(windows)
            vector = np.mean([vector for _, vector in passes[at:stop]], axis=0)
            readings.append(TurnReading(probabilities[at:stop].max(axis=0), vector))
            at = stop
        return readings

    def _passes(self, windows: Sequence[Window]) -> list[tuple[Floats, Floats]]:
        keys = [tuple(window.ids) for window in windows]
        with self._guard:
            known = {key: self._vectors[key] for key in keys if key in self._vectors}
        missing = sorted({key for key in keys if key not in known}, key=len)
        at = 0
        while at < len(missing):
            stop = at + 1
            while stop < len(missing) and (stop + 1 - at) * len(missing[stop]) <= _TOKENS_PER_PASS:
                stop += 1
            tokens, mask = pad_batch([list(key) for key in missing[at:stop]], _PAD)
            with torch.inference_mode():
                pooled = self._network.pooled(tokens, mask)
                logits = self._network.head(pooled).numpy()
            mean = pooled[:, : self._network.hidden].numpy()
            vectors = mean * (_LENGTH / np.linalg.norm(mean, axis=1, keepdims=True))
            for key, row, vector in zip(missing[at:stop], logits, vectors, strict=True):
                known[key] = (row, vector)
            at = stop
        with self._guard:
            for key in missing:
                self._vectors[key] = known[key]
            while len(self._vectors) > _REMEMBERED:
                self._vectors.popitem(last=False)
        return [known[key] for key in keys]


@lru_cache(maxsize=2)
def _reading_model(folder: Path, cache: Path, threads: int) -> ReadingModel:
    return ReadingModel(folder, cache, threads)


def reading_model(settings: Settings, folder: Path | None = None) -> ReadingModel:
    """The shipped text model as a `ReadingModel`, one per process.

    Raises:
        ModelUnavailable: a file is missing, truncated or of another version.
    """
    return _reading_model(folder or MODELS_FOLDER / "base", settings.model_cache, settings.threads)
