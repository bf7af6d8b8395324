"""Any Hugging Face image classifier, or any CLIP-like model with descriptions instead of training.

Models are named by local folder or hub name. Only safetensors weights are read and no code of the
model's is run. Their numbers are uncalibrated until an operator calibrates them on labelled data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from moderation.classifiers.base import Prepared
from moderation.classifiers.image.pieces import Piece, pieces_of
from moderation.errors import ModelUnavailable
from moderation.settings import Settings
from moderation.signals import Signal
from moderation.taxonomy import category

#: Key of the descriptions of harmless look-alikes.
HARMLESS = "none"

_BATCH = 8

_Pictures = Sequence[npt.NDArray[np.uint8]]
_Scores = npt.NDArray[np.float64]


class _HubClassifier:
    """What both kinds share: pieces of images in, one signal per image and category out."""

    name = ""

    def __init__(self, model: str, categories: Sequence[str]) -> None:
        self._model_name = model
        self._categories = tuple(categories)

    @property
    def version(self) -> str:
        """The model's name, and its revision where the hub told one."""
        raise NotImplementedError

    @property
    def categories(self) -> frozenset[str]:
        """The categories that its answers are mapped to."""
        return frozenset(self._categories)

    def score(self, pictures: _Pictures) -> _Scores:
        """`(n, n_categories)`, between 0 and 1, uncalibrated."""
        raise NotImplementedError

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """All images of all items; the worst frame or piece of an image counts."""
        places = [
            (n, image.index, pieces_of(image))
            for n, item in enumerate(batch)
            for image in item.images
        ]
        scores = self.score([piece.pixels for _, _, own in places for piece in own])
        signals: list[list[Signal]] = [[] for _ in batch]
        at = 0
        for n, image, own in places:
            signals[n] += self._of_image(image, own, scores[at : at + len(own)])
            at += len(own)
        return signals

    def _of_image(self, image: int, pieces: Sequence[Piece], scores: _Scores) -> list[Signal]:
        found = []
        for column, name in enumerate(self._categories):
            worst = int(scores[:, column].argmax())
            piece = pieces[worst]
            found.append(
                Signal(
                    name=f"{self.name}.{name}",
                    category=name,
                    probability=float(np.clip(scores[worst, column], 0.0, 1.0)),
                    part=f"image:{image}",
                    evidence=() if piece.box is None else (piece.box,),
                    model=self.name,
                    model_version=self.version,
                    note=piece.place,
                )
            )
        return found


class HubImageClassifier(_HubClassifier):
    """A Hugging Face image-classification model whose labels are mapped to categories.

    Args:
        model: local folder or hub name.
        labels: the model's label → category id; several labels of a category add up.

    Raises:
        ModelUnavailable: it cannot be loaded, or has no such label.
    """

    name = "image_model"

    def __init__(self, model: str, labels: Mapping[str, str]) -> None:
        if not labels:
            raise ModelUnavailable(
                f"the image model {model} needs MODERATION_IMAGE_MODEL_LABELS, "
                'for example {"nsfw": "adult_sexual"}'
            )
        ids = list(dict.fromkeys(category(name).id for name in labels.values()))
        super().__init__(model, ids)
        from transformers import AutoImageProcessor, AutoModelForImageClassification

        self._processor = _load(AutoImageProcessor, model)
        self._network = _load(AutoModelForImageClassification, model, use_safetensors=True).eval()
        outputs = {str(label): int(n) for n, label in self._network.config.id2label.items()}
        unknown = [label for label in labels if label not in outputs]
        if unknown:
            raise ModelUnavailable(
                f"the image model {model} has no label {unknown[0]!r}; "
                f"its labels are {', '.join(outputs)}"
            )
        self._columns = [
            [outputs[label] for label, target in labels.items() if target == name] for name in ids
        ]
        self._independent = (
            getattr(self._network.config, "problem_type", None) == "multi_label_classification"
        )

    @property
    def version(self) -> str:
        """The model's name, and its revision where the hub told one."""
        return _version(self._model_name, self._network)

    def score(self, pictures: _Pictures) -> _Scores:
        """`(n, n_categories)`, between 0 and 1, uncalibrated."""
        rows = [np.zeros((0, len(self._categories)))]
        with torch.inference_mode():
            for batch in _batches(pictures):
                logits = self._network(**self._processor(images=batch, return_tensors="pt")).logits
                if self._independent:
                    answers = logits.sigmoid().numpy()
                    merged = [answers[:, own].max(axis=1) for own in self._columns]
                else:
                    answers = logits.softmax(dim=-1).numpy()
                    merged = [answers[:, own].sum(axis=1) for own in self._columns]
                rows.append(np.stack(merged, axis=1).astype(np.float64))
        return np.concatenate(rows)


class ZeroShotImageClassifier(_HubClassifier):
    """A CLIP or SigLIP model that compares pictures with descriptions in words.

    Harmless look-alikes under `none` matter: the model says which description fits best, so what
    has no harmless description that fits it is given to a harmful one.

    Args:
        model: local folder or hub name.
        prompts: category id → descriptions of pictures of it; `none` → of harmless look-alikes.

    Raises:
        ModelUnavailable: it cannot be loaded, or the descriptions do not suffice.
    """

    name = "image_zero_shot"

    def __init__(self, model: str, prompts: Mapping[str, Sequence[str]]) -> None:
        ids = [category(name).id for name in prompts if name != HARMLESS]
        if not ids or not prompts.get(HARMLESS) or not all(prompts.values()):
            raise ModelUnavailable(
                f"the zero-shot model {model} needs MODERATION_IMAGE_ZERO_SHOT_PROMPTS: "
                f"descriptions for at least one category and for {HARMLESS!r}"
            )
        super().__init__(model, ids)
        from transformers import AutoModel, AutoProcessor

        self._processor = _load(AutoProcessor, model)
        self._network = _load(AutoModel, model, use_safetensors=True).eval()
        texts = [text for own in prompts.values() for text in own]
        self._owners = np.array([name for name, own in prompts.items() for _ in own])
        # SigLIP was trained with texts padded to full length; CLIP does not mind.
        self._texts = self._processor(
            text=texts, padding="max_length", truncation=True, return_tensors="pt"
        )

    @property
    def version(self) -> str:
        """The model's name, and its revision where the hub told one."""
        return _version(self._model_name, self._network)

    def score(self, pictures: _Pictures) -> _Scores:
        """`(n, n_categories)`: the share of each category's descriptions in a softmax over all."""
        rows = [np.zeros((0, len(self._categories)))]
        with torch.inference_mode():
            for batch in _batches(pictures):
                images = self._processor(images=batch, return_tensors="pt")
                fits = self._network(**images, **self._texts).logits_per_image
                shares = fits.softmax(dim=-1).numpy().astype(np.float64)
                merged = [shares[:, self._owners == name].sum(axis=1) for name in self._categories]
                rows.append(np.stack(merged, axis=1))
        return np.concatenate(rows)


def _batches(pictures: _Pictures) -> list[list[Image.Image]]:
    images = [Image.fromarray(pixels) for pixels in pictures]
    return [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]


def _load(kind: Any, model: str, **options: Any) -> Any:
    try:
        return kind.from_pretrained(
            model,
            trust_remote_code=False,
            # A folder that lacks a file must not be completed from the network.
            local_files_only=Path(model).is_dir(),
            **options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelUnavailable(f"the image model {model} cannot be loaded: {error}") from error


def _version(model: str, network: Any) -> str:
    revision = getattr(network.config, "_commit_hash", None)
    short = Path(model).name if Path(model).is_dir() else model
    return f"{short}@{revision[:12]}" if revision else short


def image_model(settings: Settings) -> HubImageClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `image_model`.

    Raises:
        ModelUnavailable: no model is configured, or it cannot be loaded.
    """
    if not settings.image_model:
        raise ModelUnavailable("the classifier image_model needs MODERATION_IMAGE_MODEL")
    return _shared_model(settings.image_model, tuple(settings.image_model_labels.items()))


@cache
def _shared_model(model: str, labels: tuple[tuple[str, str], ...]) -> HubImageClassifier:
    return HubImageClassifier(model, dict(labels))


def image_zero_shot(settings: Settings) -> ZeroShotImageClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `image_zero_shot`.

    Raises:
        ModelUnavailable: no model is configured, or it cannot be loaded.
    """
    if not settings.image_zero_shot_model:
        raise ModelUnavailable(
            "the classifier image_zero_shot needs MODERATION_IMAGE_ZERO_SHOT_MODEL"
        )
    prompts = tuple((name, tuple(own)) for name, own in settings.image_zero_shot_prompts.items())
    return _shared_zero_shot(settings.image_zero_shot_model, prompts)


@cache
def _shared_zero_shot(
    model: str, prompts: tuple[tuple[str, tuple[str, ...]], ...]
) -> ZeroShotImageClassifier:
    return ZeroShotImageClassifier(model, dict(prompts))
