"""A larger model for the texts that the first one is unsure of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from moderation.classifiers.base import Classifier, Explains, LocatedText, Prepared
from moderation.classifiers.text.evidence import place_of
from moderation.classifiers.text.huggingface import HuggingFaceClassifier, label_map
from moderation.errors import ModelUnavailable
from moderation.settings import Settings
from moderation.signals import ImageBox, Signal, TimeSpan

#: Part, place within it, category.
_Place = tuple[str, ImageBox | TimeSpan | None, str]


class SecondOpinion:
    """Asks a second classifier where the first is within a band, and believes it there.

    Only categories that both know are asked about. A signal that was replaced says in its note
    what the first model thought; it is calibrated only if the second model is.

    Args:
        first: looks at everything; its name is kept.
        second: looks at single texts.
        band: lowest and highest probability of the first model that count as unsure.
    """

    def __init__(self, first: Classifier, second: Classifier, band: tuple[float, float]) -> None:
        self._first, self._second, self._band = first, second, band
        self.name = first.name
        low, high = band
        self.version = f"{first.version}+{second.version}@{low:g}-{high:g}"
        self.categories = first.categories
        self._shared = first.categories & second.categories

    @classmethod
    def from_settings(cls, first: Classifier, settings: Settings) -> SecondOpinion:
        """The model that `text_second_model` names, in the band of `text_second_band`.

        Raises:
            ModelUnavailable: the model, its labels or the band cannot be used.
        """
        try:
            low, high = (float(part) for part in settings.text_second_band.split(","))
            if not 0 <= low < high <= 1:
                raise ValueError("not ascending between 0 and 1")
        except ValueError as error:
            raise ModelUnavailable(
                f"MODERATION_TEXT_SECOND_BAND={settings.text_second_band!r} must be two "
                f"probabilities, for example 0.3,0.7 ({error})"
            ) from error
        labels = label_map(settings.text_second_labels, "MODERATION_TEXT_SECOND_LABELS")
        second = HuggingFaceClassifier(settings.text_second_model, labels, name="text_second")
        found = cls(first, second, (low, high))
        if not found._shared:
            raise ModelUnavailable(
                f"MODERATION_TEXT_SECOND_LABELS={json.dumps(labels)}: the first model has none of "
                f"these categories; it has {', '.join(sorted(first.categories))}"
            )
        return found

    @property
    def runs_on(self) -> Mapping[str, Any]:
        """What the first model runs on, and who is asked second."""
        first: Mapping[str, Any] = getattr(self._first, "runs_on", {})
        return {**first, "second_opinion": self._second.version, "band": list(self._band)}

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`."""
        found = self._first.classify(batch)
        asked = [
            (index, text)
            for index, (entry, own) in enumerate(zip(batch, found, strict=True))
            for text in entry.texts
            if text.text and any(self._is_unsure(s) and _is_about(s, text) for s in own)
        ]
        answers = self._second.classify(
            [Prepared(item=batch[index].item, texts=(text,)) for index, text in asked]
        )
        better: list[dict[_Place, Signal]] = [{} for _ in batch]
        for (index, text), own in zip(asked, answers, strict=True):
            for signal in own:
                key = (text.part, text.box, signal.category or "")
                known = better[index].get(key)
                if known is None or signal.probability > known.probability:
                    better[index][key] = signal
        return [
            [self._judged(signal, own) for signal in signals]
            for signals, own in zip(found, better, strict=True)
        ]

    def explain(
        self, batch: Sequence[Prepared], signals: Sequence[Sequence[Signal]]
    ) -> list[list[Signal]]:
        """See `Explains.explain`; the first model tells the words."""
        if isinstance(self._first, Explains):
            return self._first.explain(batch, signals)
        return [list(own) for own in signals]

    def _is_unsure(self, signal: Signal) -> bool:
        low, high = self._band
        return signal.category in self._shared and low <= signal.probability <= high

    def _judged(self, signal: Signal, better: Mapping[_Place, Signal]) -> Signal:
        changes: dict[str, Any] = {"model_version": self.version}
        other = better.get((signal.part, place_of(signal), signal.category or ""))
        if other is not None and self._is_unsure(signal):
            note = f"second opinion; the first model said {signal.probability:.2f}"
            changes |= {
                "probability": other.probability,
                "calibration_version": other.calibration_version,
                "note": "; ".join(filter(None, [signal.note[:1500], note])),
            }
        return signal.model_copy(update=changes)


def _is_about(signal: Signal, text: LocatedText) -> bool:
    return signal.part == text.part and place_of(signal) == text.box
