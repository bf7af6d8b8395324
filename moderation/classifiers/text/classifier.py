"""The shipped text model as a classifier: texts in, one calibrated signal per category out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.evidence import strongest_segment
from moderation.classifiers.text.model import ENCOURAGEMENT, MODELS_FOLDER, ScoredText, TextModel
from moderation.classifiers.text.normalise import Reading, readings
from moderation.classifiers.text.windows import LONGEST_TEXT
from moderation.settings import Settings
from moderation.signals import SelfHarmAspect, Signal, TextSpan

#: From this probability on, the reason is shown and every part has its own signal.
SHOWN_FROM = 0.3


#: A disguised text's reading must be at least this probable to raise a score.
READING_FROM = 0.5


@dataclass(frozen=True, slots=True)
class _Part:
    """One text with its scores."""

    text: LocatedText
    score: ScoredText  #: of the text as written
    best: Floats  #: with readings, per output
    raised: dict[int, Reading]  #: outputs that a reading raised


class TextClassifier:
    """Scores every text of an item; per category the strongest part always has a signal, and
    every other part has one from `SHOWN_FROM` on.

    Args:
        model: the trained model.
        name: stored with every signal.
    """

    def __init__(self, model: TextModel, name: str = "text") -> None:
        self._model = model
        self.name = name
        description = model.description
        self.version = f"{description.name}-{description.version}"
        self._calibration = description.calibration.version
        self._columns = [
            (i, output) for i, output in enumerate(model.outputs) if output != ENCOURAGEMENT
        ]
        self.categories = frozenset(output for _, output in self._columns)
        self._encouragement = (
            model.outputs.index(ENCOURAGEMENT) if ENCOURAGEMENT in model.outputs else None
        )

    @classmethod
    def from_settings(cls, settings: Settings, folder: Path | None = None) -> TextClassifier:
        """The shipped model, or the one in ``folder``.

        Raises:
            ModelUnavailable: a file is missing, truncated or of another version.
        """
        return cls(
            TextModel(folder or MODELS_FOLDER / "base", settings.model_cache, settings.threads)
        )

    @property
    def model(self) -> TextModel:
        """The model behind the signals."""
        return self._model

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`; all texts of all items are scored together."""
        texts = [(i, text) for i, entry in enumerate(batch) for text in entry.texts if text.text]
        distinct = list(dict.fromkeys((text.text, _base(text.language)) for _, text in texts))
        scored = dict(zip(distinct, self._read_and_score(distinct), strict=True))
        by_item: list[list[_Part]] = [[] for _ in batch]
        for i, text in texts:
            by_item[i].append(_Part(text, *scored[text.text, _base(text.language)]))
        return [self._signals(parts) for parts in by_item]

    def _read_and_score(
        self, texts: Sequence[tuple[str, str]]
    ) -> list[tuple[ScoredText, Floats, dict[int, Reading]]]:
        """Score each text and its readings. A reading may raise an output where the model finds
        the reading itself more likely harmful than not."""
        if not texts:
            return []
        read = [readings(text, language) for text, language in texts]
        flat = [(reading.text, i) for i, own in enumerate(read) for reading in own]
        scores = self._model.score(
            [text for text, _ in texts] + [text for text, _ in flat],
            [language for _, language in texts] + [texts[i][1] for _, i in flat],
        )
        results: list[tuple[ScoredText, Floats, dict[int, Reading]]] = []
        at = len(texts)
        for score, own in zip(scores, read, strict=False):
            best = score.best.copy()
            raised: dict[int, Reading] = {}
            for reading in own:
                for column, _ in self._columns:
                    probability = scores[at].best[column]
                    if probability >= READING_FROM and probability > best[column]:
                        best[column] = probability
                        raised[column] = reading
                at += 1
            results.append((score, best, raised))
        return results

    def _signals(self, parts: list[_Part]) -> list[Signal]:
        if not parts:
            return []
        signals = [self._partly_read(p.text) for p in parts if len(p.text.text) > LONGEST_TEXT]
        strongest = np.stack([part.best for part in parts]).argmax(axis=0)
        for position, part in enumerate(parts):
            shown = [c for c, _ in self._columns if part.best[c] >= SHOWN_FROM]
            spans = self._spans(part, shown)
            for column, category in self._columns:
                if column not in shown and strongest[column] != position:
                    continue
                reading = part.raised.get(column)
                signals.append(
                    Signal(
                        name=f"{self.name}.{category}",
                        category=category,
                        probability=float(part.best[column]),
                        part=part.text.part,
                        evidence=self._evidence(part.text, spans.get(column)),
                        model=self.name,
                        model_version=self.version,
                        calibration_version=self._calibration,
                        aspect=self._aspect(category, part.score),
                        note=reading.note if reading else "",
                    )
                )
        return signals

    def _spans(self, part: _Part, shown: list[int]) -> dict[int, TextSpan]:
        text = part.text
        by_window: dict[tuple[int, int], list[int]] = {}
        for column in shown:
            by_window.setdefault(part.score.span_of(column), []).append(column)
        spans: dict[int, TextSpan] = {}
        for window, columns in by_window.items():
            spans |= strongest_segment(
                self._model, text.text, _base(text.language), window, columns
            )
        return spans

    @staticmethod
    def _evidence(text: LocatedText, found: TextSpan | None) -> tuple[Any, ...]:
        if found is None:
            return ()
        return (found,) if text.box is None else (found, text.box)

    def _aspect(self, category: str, score: ScoredText) -> str | None:
        if category != "self_harm" or self._encouragement is None:
            return None
        encouraged = float(score.best[self._encouragement]) >= 0.5
        return SelfHarmAspect.ENCOURAGEMENT if encouraged else SelfHarmAspect.DISTRESS

    def _partly_read(self, text: LocatedText) -> Signal:
        return Signal(
            name=f"{self.name}.partly_read",
            probability=1.0,
            part=text.part,
            model=self.name,
            model_version=self.version,
            note=f"{len(text.text)} characters; only the first {LONGEST_TEXT} were read, in part",
        )


def _base(language: str) -> str:
    """``zh-Hant`` → ``zh``: calibration is by language."""
    return language.split("-")[0].lower()
