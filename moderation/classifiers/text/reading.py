"""One pass of the text model over a turn: its scores and the vector they come from.

The scores tell what a turn says by itself; the vector also tells friendly turns apart, which have
no harm in them and are still part of a plan. Both come out of the same pass, and a text classifier
that shares the model finds the scores of a turn there: a conversation is encoded once.
"""

from __future__ import annotations

import hashlib
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
from moderation.classifiers.text.normalise import readings
from moderation.classifiers.text.runtime import AUTOMATIC
from moderation.classifiers.text.windows import Window
from moderation.settings import Settings

#: Vectors are brought to this length, so that their coordinates are of the order of 0.2.
_LENGTH = 4.0
#: Windows that are remembered, 0.9 kB each: more than the turns of the longest conversations.
_REMEMBERED = 60_000
_PAD = 1
_TOKENS_PER_PASS = 4096
#: Texts whose windows are held in memory at a time.
_TEXTS_PER_STEP = 1024
#: A disguised text's reading must be at least this probable to raise a score (decision 0009).
_READING_FROM = 0.5

#: Logits (outputs,) float32, and vector (hidden,) float16.
_Pass = tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.float16]]"]


@dataclass(frozen=True, slots=True)
class TurnReading:
    """What the text model made of one turn."""

    probabilities: Floats  #: (outputs of the text model,), calibrated, the turn by itself
    vector: Floats  #: (hidden,), mean of the encoder's last states, of length `_LENGTH`


class ReadingModel(TextModel):
    """A `TextModel` that can also give vectors, and remembers the windows that it gave them for."""

    def __init__(
        self,
        folder: Path,
        cache: Path,
        threads: int = 0,
        *,
        runtime: str = AUTOMATIC,
        cascade: bool = True,
    ) -> None:
        super().__init__(folder, cache, threads, runtime=runtime, cascade=cascade)
        self._passed: OrderedDict[bytes, _Pass] = OrderedDict()
        self._guard = Lock()

    @property
    def weights_sha256(self) -> str:
        """Which weights these are; what is learnt on their vectors belongs to them."""
        return self.description.weights_sha256

    def logits(self, windows: Sequence[Window]) -> Floats:
        """See `TextModel.logits`; windows that were read as turns are not computed again."""
        keys = [_key(window) for window in windows]
        with self._guard:
            known = {key: self._passed[key] for key in keys if key in self._passed}
        new = [window for key, window in zip(keys, windows, strict=True) if key not in known]
        if len(new) == len(windows):
            return super().logits(windows)
        result = np.zeros((len(windows), len(self.outputs)), np.float32)
        result[[i for i, key in enumerate(keys) if key in known]] = [
            known[key][0] for key in keys if key in known
        ]
        if new:
            result[[i for i, key in enumerate(keys) if key not in known]] = super().logits(new)
        return result

    def read(self, texts: Sequence[str], languages: Sequence[str]) -> list[TurnReading]:
        """One reading per text, in order; a text of several windows has their mean vector.

        Scores are those of the text classifier: a reading of a disguised text may raise them.
        """
        found: list[TurnReading] = []
        for at in range(0, len(texts), _TEXTS_PER_STEP):
            step = slice(at, at + _TEXTS_PER_STEP)
            found += self._read(texts[step], languages[step])
        return found

    def _read(self, texts: Sequence[str], languages: Sequence[str]) -> list[TurnReading]:
        plain = self._as_written(texts, languages)
        disguised = [
            (i, reading.text)
            for i, (text, language) in enumerate(zip(texts, languages, strict=True))
            for reading in readings(text, language)
        ]
        if not disguised:
            return plain
        other = self.score([text for _, text in disguised], [languages[i] for i, _ in disguised])
        for (i, _), score in zip(disguised, other, strict=True):
            own = plain[i].probabilities
            raised = np.where(score.best >= _READING_FROM, np.maximum(own, score.best), own)
            plain[i] = TurnReading(raised, plain[i].vector)
        return plain

    def _as_written(self, texts: Sequence[str], languages: Sequence[str]) -> list[TurnReading]:
        cut = [self.windows(text) for text in texts]
        flat = [window for windows in cut for window in windows]
        owner = [i for i, windows in enumerate(cut) for _ in windows]
        passes = self._passes(flat)
        probabilities = self.description.calibration.probabilities(
            np.stack([logits for logits, _ in passes]),
            self.outputs,
            [languages[i] for i in owner],
        )
        found = []
        at = 0
        for windows in cut:
            stop = at + len(windows)
            vector = np.mean([v.astype(np.float32) for _, v in passes[at:stop]], axis=0)
            found.append(TurnReading(probabilities[at:stop].max(axis=0), vector))
            at = stop
        return found

    def _passes(self, windows: Sequence[Window]) -> list[_Pass]:
        keys = [_key(window) for window in windows]
        with self._guard:
            known = {key: self._passed[key] for key in keys if key in self._passed}
        missing = {key: w.ids for key, w in zip(keys, windows, strict=True) if key not in known}
        order = sorted(missing, key=lambda key: len(missing[key]))
        at = 0
        while at < len(order):
            stop = at + 1
            while (
                stop < len(order)
                and (stop + 1 - at) * len(missing[order[stop]]) <= _TOKENS_PER_PASS
            ):
                stop += 1
            known |= zip(
                order[at:stop], self._pass([missing[key] for key in order[at:stop]]), strict=True
            )
            at = stop
        with self._guard:
            self._passed |= {key: known[key] for key in order}
            while len(self._passed) > _REMEMBERED:
                self._passed.popitem(last=False)
        return [known[key] for key in keys]

    def _pass(self, ids: list[list[int]]) -> list[_Pass]:
        tokens, mask = pad_batch(ids, _PAD)
        with torch.inference_mode():
            pooled = self._network.pooled(tokens, mask)
            logits = self._network.head(pooled).numpy()
        mean = pooled[:, : self._network.hidden].numpy()
        vectors = mean * (_LENGTH / np.linalg.norm(mean, axis=1, keepdims=True))
        # Half precision always, so that a remembered window is read as it was the first time.
        return list(zip(logits.copy(), vectors.astype(np.float16), strict=True))


def _key(window: Window) -> bytes:
    ids = np.asarray(window.ids, np.int32).tobytes()
    return hashlib.blake2b(ids, digest_size=16).digest()


@lru_cache(maxsize=2)
def _reading_model(
    folder: Path, cache: Path, threads: int, runtime: str, cascade: bool
) -> ReadingModel:
    return ReadingModel(folder, cache, threads, runtime=runtime, cascade=cascade)


def reading_model(settings: Settings, folder: Path | None = None) -> ReadingModel:
    """The shipped text model as a `ReadingModel`, one per process.

    Raises:
        ModelUnavailable: a file is missing, truncated or of another version.
    """
    return _reading_model(
        folder or MODELS_FOLDER / "base",
        settings.model_cache,
        settings.threads,
        settings.text_runtime,
        settings.text_cascade,
    )
