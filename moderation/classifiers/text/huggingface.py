"""Any Hugging Face sequence-classification model as a text classifier.

Named by local folder or hub name, with a map from its labels to category ids. Weights are read
from safetensors only, and no code that a repository brings along is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.evidence import span
from moderation.classifiers.text.windows import (
    LONGEST_TEXT,
    MOST_WINDOWS,
    partly_read,
    readable,
)
from moderation.errors import ModelUnavailable
from moderation.settings import Settings
from moderation.signals import Signal
from moderation.taxonomy import CATEGORY_IDS

_LONGEST_WINDOW = 512
_OVERLAP = 64
_WINDOWS_PER_PASS = 16
_SHOWN_FROM = 0.3


class HuggingFaceClassifier:
    """A sequence-classification model from a folder or hub.

    Args:
        source: local folder or hub name.
        labels: the model's label → category id; labels left out are not reported.
        name: stored with every signal.

    Raises:
        ModelUnavailable: the model cannot be loaded, or the map names what does not exist.
    """

    def __init__(self, source: str, labels: Mapping[str, str], name: str = "text") -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model: Any = AutoModelForSequenceClassification.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
        except Exception as error:
            raise ModelUnavailable(
                f"MODERATION_TEXT_MODEL={source!r} cannot be loaded ({type(error).__name__}: "
                f"{str(error)[:300]}); name a folder or hub repository that holds a "
                "sequence-classification model with safetensors weights and a fast tokenizer"
            ) from error
        if not self._tokenizer.is_fast:
            raise ModelUnavailable(f"{source}: has no fast tokenizer (tokenizer.json)")
        if self._tokenizer.pad_token is None:
            raise ModelUnavailable(f"{source}: its tokenizer has no padding token (pad_token)")
        self._model = model.eval().requires_grad_(False)
        self._columns = _columns(source, model.config.id2label, labels)
        self.name = name
        revision = str(getattr(model.config, "_commit_hash", None) or "local")
        self.version = f"{Path(source).name}@{revision[:12]}"
        self.categories = frozenset(self._columns)
        # A single output has nothing to be weighed against: softmax would always say 1.
        self._several = (
            model.config.problem_type == "multi_label_classification"
            or model.config.num_labels == 1
        )
        longest = getattr(model.config, "max_position_embeddings", None) or _LONGEST_WINDOW
        limit = min(int(longest), int(self._tokenizer.model_max_length), _LONGEST_WINDOW)
        # RoBERTa's position table has two rows that no token uses.
        self._window = limit - 2 if model.config.model_type.endswith("roberta") else limit

    @classmethod
    def from_settings(cls, settings: Settings) -> HuggingFaceClassifier:
        """The model that `text_model` and `text_model_labels` name."""
        labels = label_map(settings.text_model_labels, "MODERATION_TEXT_MODEL_LABELS")
        return cls(settings.text_model, labels)

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`."""
        texts = [(i, text) for i, entry in enumerate(batch) for text in entry.texts if text.text]
        windows = [(n, *w) for n, (_, text) in enumerate(texts) for w in self._windows(text.text)]
        probabilities = self._probabilities([ids for _, ids, _, _ in windows])
        result: list[list[Signal]] = [[] for _ in batch]
        for n, (i, text) in enumerate(texts):
            if len(text.text) > LONGEST_TEXT:
                result[i].append(partly_read(self, text))
            own = [at for at, window in enumerate(windows) if window[0] == n]
            for category, columns in self._columns.items():
                scores = probabilities[own][:, columns].sum(axis=1).clip(0.0, 1.0)
                best = int(scores.argmax())
                _, _, start, end = windows[own[best]]
                result[i].append(self._signal(text, category, float(scores[best]), start, end))
        return result

    def _signal(
        self, text: LocatedText, category: str, probability: float, start: int, end: int
    ) -> Signal:
        found = span(text.text, start, end)
        evidence = (found,) if text.box is None else (found, text.box)
        return Signal(
            name=f"{self.name}.{category}",
            category=category,
            probability=probability,
            part=text.part,
            evidence=evidence if probability >= _SHOWN_FROM else (),
            model=self.name,
            model_version=self.version,
        )

    def _windows(self, text: str) -> list[tuple[list[int], int, int]]:
        encoded = self._tokenizer(
            readable(text[:LONGEST_TEXT]),
            truncation=True,
            max_length=self._window,
            stride=min(_OVERLAP, self._window // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            real = [pair for pair in offsets if pair[1] > pair[0]] or [(0, len(text))]
            windows.append((ids, int(real[0][0]), int(real[-1][1])))
        return windows[:MOST_WINDOWS]

    def _probabilities(self, windows: Sequence[list[int]]) -> np.ndarray[Any, Any]:
        result = np.zeros((len(windows), self._model.config.num_labels), np.float32)
        order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
        for start in range(0, len(order), _WINDOWS_PER_PASS):
            batch = order[start : start + _WINDOWS_PER_PASS]
            padded = self._tokenizer.pad(
                {"input_ids": [windows[i] for i in batch]}, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self._model(**padded).logits.float()
            scores = torch.sigmoid(logits) if self._several else torch.softmax(logits, dim=-1)
            result[batch] = scores.numpy()
        return result


def label_map(text: str, variable: str) -> dict[str, str]:
    """A model's labels → category ids, from the JSON object that a setting holds.

    Raises:
        ModelUnavailable: it is none, or empty.
    """
    try:
        labels = json.loads(text or "{}")
        if not isinstance(labels, dict) or not labels:
            raise ValueError("an empty map")
    except ValueError as error:
        raise ModelUnavailable(
            f"{variable} must be a JSON object that maps the model's labels "
            f'to category ids, for example {{"LABEL_1": "toxicity"}} ({error})'
        ) from error
    return {str(k): str(v) for k, v in labels.items()}


def _columns(
    source: str, known: Mapping[int, str], labels: Mapping[str, str]
) -> dict[str, list[int]]:
    """Category id → the model's outputs that mean it."""
    places = {str(name): int(index) for index, name in known.items()}
    columns: dict[str, list[int]] = {}
    for label, category in labels.items():
        if label not in places:
            raise ModelUnavailable(
                f"{source}: has no label {label!r}; it has {', '.join(sorted(places))}; "
                "mend MODERATION_TEXT_MODEL_LABELS"
            )
        if category not in CATEGORY_IDS:
            raise ModelUnavailable(
                f"MODERATION_TEXT_MODEL_LABELS maps {label!r} to {category!r}, which is no "
                "category; `moderation.taxonomy.CATEGORY_IDS` lists them"
            )
        columns.setdefault(category, []).append(places[label])
    return columns
