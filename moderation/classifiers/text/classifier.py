"""The shipped text model as a classifier: texts in, one calibrated signal per category out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.evidence import strongest_segment
from moderation.classifiers.text.model import ENCOURAGEMENT, MODELS_FOLDER, ScoredText, TextModel
from moderation.classifiers.text.windows import LONGEST_TEXT
from moderation.settings import Settings
from moderation.signals import SelfHarmAspect, Signal, TextSpan

#: From this probability on, the reason is shown and every part has its own signal.
SHOWN_FROM = 0.3


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
        distinct = list(dict.fromkeys((text.text, text.language) for _, text in texts))
        scored = dict(
            zip(
                distinct,
                self._model.score([t for t, _ in distinct], [_base(lang) for _, lang in distinct])
                if distinct
                else [],
                strict=True,
            )
        )
        by_item: list[list[tuple[LocatedText, ScoredText]]] = [[] for _ in batch]
        for i, text in texts:
            by_item[i].append((text, scored[text.text, text.language]))
        return [self._signals(parts) for parts in by_item]

    def _signals(self, parts: list[tuple[LocatedText, ScoredText]]) -> list[Signal]:
        signals = [_partly_read(self, text) for text, _ in parts if len(text.text) > LONGEST_TEXT]
        if not parts:
            return signals
        strongest = np.stack([score.best for _, score in parts]).argmax(axis=0)
        for position, (text, score) in enumerate(parts):
            shown = [c for c, _ in self._columns if score.best[c] >= SHOWN_FROM]
            kept = [
                (column, category, float(score.best[column]))
                for column, category in self._columns
                if column in shown or strongest[column] == position
            ]
            spans = self._spans(text, score, shown)
            for column, category, probability in kept:
                signals.append(
                    Signal(
                        name=f"{self.name}.{category}",
                        category=category,
                        probability=probability,
                        part=text.part,
                        evidence=self._evidence(text, spans.get(column)),
                        model=self.name,
                        model_version=self.version,
                        calibration_version=self._calibration,
                        aspect=self._aspect(category, score),
                    )
                )
        return signals

    def _spans(self, text: LocatedText, score: ScoredText, shown: list[int]) -> dict[int, TextSpan]:
        by_window: dict[tuple[int, int], list[int]] = {}
        for column in shown:
            by_window.setdefault(score.span_of(column), []).append(column)
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


def _partly_read(classifier: TextClassifier, text: LocatedText) -> Signal:
    return Signal(
        name=f"{classifier.name}.partly_read",
        probability=1.0,
        part=text.part,
        model=classifier.name,
        model_version=classifier.version,
        note=f"{len(text.text)} characters; only the first {LONGEST_TEXT} were read",
    )


def _base(language: str) -> str:
    """``zh-Hant`` → ``zh``: calibration is by language."""
    return language.split("-")[0].lower()
