"""A trained text model: a folder with learnt weights beside the encoder they belong to.

The folder holds ``model.json`` (what it is, its outputs, its calibration), ``weights.safetensors``
(adapter and head, fp16) and ``MODEL_CARD.md``. Scores are computed in float32, so that a text
gets the same score whatever else is in its batch.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from moderation.classifiers.text.calibration import Calibration, Floats
from moderation.classifiers.text.encoder import (
    CONVERSION,
    ENCODER,
    encoder_folder,
    load_encoder_weights,
    load_tokenizer,
)
from moderation.classifiers.text.network import TextNetwork, pad_batch
from moderation.classifiers.text.windows import Window, token_windows
from moderation.errors import ModelUnavailable

FORMAT = 1
#: Second meaning of the self-harm output: given self-harm, is it encouragement, not distress?
ENCOURAGEMENT = "self_harm.encouragement"
#: Tokens in one forward pass, padding included; keeps the working memory near 50 MB.
_TOKENS_PER_PASS = 4096
#: Texts whose logits are remembered; a digest and at most a few hundred numbers each.
_REMEMBERED = 20_000
#: Shipped models.
MODELS_FOLDER = Path(__file__).resolve().parents[2] / "models" / "text"
_PAD = 1


class ModelDescription(BaseModel):
    """Contents of ``model.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str
    version: str
    encoder: str = ENCODER
    conversion: int = CONVERSION
    outputs: tuple[str, ...]
    rank: int = Field(ge=0)
    layers: int = Field(gt=0)
    fixed: int = Field(default=0, ge=0)  #: first layers without an adapter
    window: int = Field(default=256, gt=8)
    overlap: int = Field(default=64, ge=0)
    weights_sha256: str
    calibration: Calibration


@dataclass(frozen=True)
class ScoredText:
    """Probabilities of one text: ``best`` (outputs,), and the window that gave each."""

    best: Floats
    windows: tuple[tuple[int, int], ...]  #: characters of each window
    by_window: Floats  #: (windows, outputs)

    def span_of(self, output: int) -> tuple[int, int]:
        """The characters of the window in which this output is highest."""
        return self.windows[int(self.by_window[:, output].argmax())]


#: Character spans of a text's windows, and their logits (windows, outputs).
_Logits = tuple[tuple[tuple[int, int], ...], Floats]


class _Recent:
    """Logits of texts scored lately, by digest: spam repeats itself. Safe between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, _Logits] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> _Logits | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, entries: dict[bytes, _Logits]) -> None:
        with self._lock:
            self._entries.update(entries)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)


class TextModel:
    """The encoder with one folder's weights merged in.

    Args:
        folder: holds ``model.json`` and ``weights.safetensors``.
        cache: where the converted encoder is kept, see `encoder_folder`.
        threads: for torch; 0 leaves its default. Torch has one such number per process.

    Raises:
        ModelUnavailable: a file is missing, damaged, or made for another version.
    """

    def __init__(self, folder: Path, cache: Path, threads: int = 0) -> None:
        self.description = read_description(folder)
        if threads:
            torch.set_num_threads(threads)
        base = encoder_folder(cache)
        self._tokenizer = load_tokenizer(base)
        self._network = TextNetwork(
            load_encoder_weights(base),
            len(self.description.outputs),
            rank=self.description.rank,
            layers=self.description.layers,
            fixed=self.description.fixed,
        )
        load_learnt_weights(self._network, folder, self.description)
        self._network.merge_adapter()
        self._network.requires_grad_(False).eval()
        self._recent = _Recent(_REMEMBERED)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Category ids in the order of the network's outputs, `ENCOURAGEMENT` among them."""
        return self.description.outputs

    def windows(self, text: str) -> list[Window]:
        """The token windows that a text is scored in."""
        return token_windows(
            self._tokenizer, text, self.description.window, self.description.overlap
        )

    def logits(self, windows: Sequence[Window]) -> Floats:
        """(n, outputs) float32; in the order of the input; equal windows are computed once."""
        result = np.zeros((len(windows), len(self.outputs)), np.float32)
        first: dict[tuple[int, ...], int] = {}
        twin = [first.setdefault(tuple(w.ids), i) for i, w in enumerate(windows)]
        order = sorted(first.values(), key=lambda i: len(windows[i].ids))
        at = 0
        while at < len(order):
            stop = at + 1
            while (
                stop < len(order)
                and (stop + 1 - at) * len(windows[order[stop]].ids) <= _TOKENS_PER_PASS
            ):
                stop += 1
            batch = order[at:stop]
            tokens, mask = pad_batch([windows[i].ids for i in batch], _PAD)
            with torch.inference_mode():
                result[batch] = self._network(tokens, mask).numpy()
            at = stop
        return result[twin]

    def score(self, texts: Sequence[str], languages: Sequence[str]) -> list[ScoredText]:
        """Calibrated probabilities per text: the highest of its windows, per output."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = {key: self._recent.get(key) for key in keys}
        new = {key: text for key, text in zip(keys, texts, strict=True) if found[key] is None}
        cut = {key: self.windows(text) for key, text in new.items()}
        logits = self.logits([window for windows in cut.values() for window in windows])
        at = 0
        for key, windows in cut.items():
            spans = tuple((w.start, w.end) for w in windows)
            found[key] = (spans, logits[at : at + len(windows)])
            at += len(windows)
        self._recent.put({key: value for key in cut if (value := found[key]) is not None})
        return [
            self._calibrated(value, language)
            for key, language in zip(keys, languages, strict=True)
            if (value := found[key]) is not None
        ]

    def _calibrated(self, value: _Logits, language: str) -> ScoredText:
        spans, logits = value
        own = self.description.calibration.probabilities(
            logits, self.outputs, [language] * len(logits)
        )
        return ScoredText(own.max(axis=0), spans, own)


def read_description(folder: Path) -> ModelDescription:
    """Read and check ``model.json``.

    Raises:
        ModelUnavailable: missing, not understood, or for another encoder.
    """
    path = folder / "model.json"
    try:
        description = ModelDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelUnavailable(
            f"{path}: cannot be read ({error}); name a folder that holds a trained text model"
        ) from error
    except ValidationError as error:
        raise ModelUnavailable(
            f"{path}: not a model description: {error.errors()[0]['msg']} at "
            f"{'.'.join(map(str, error.errors()[0]['loc'])) or 'the top'}; restore the file"
        ) from error
    made_for = (description.format, description.encoder, description.conversion)
    if made_for != (FORMAT, ENCODER, CONVERSION):
        raise ModelUnavailable(
            f"{path}: made for format {made_for[0]}, encoder {made_for[1]} v{made_for[2]}; this "
            f"version reads format {FORMAT}, encoder {ENCODER} v{CONVERSION}; install the "
            "version of the workbench that the model was made with, or train it again"
        )
    return description


def load_learnt_weights(network: TextNetwork, folder: Path, description: ModelDescription) -> None:
    """Put a model folder's adapter and head into a network of the same shape.

    Raises:
        ModelUnavailable: the file is missing, damaged, or of another shape.
    """
    path = folder / "weights.safetensors"
    remedy = "reinstall the package, or restore the folder from where the model came"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"{path}: cannot be read ({error}); {remedy}") from error
    if digest != description.weights_sha256:
        raise ModelUnavailable(
            f"{path}: its SHA-256 is {digest[:12]}…, model.json says "
            f"{description.weights_sha256[:12]}…: truncated, or of another version; {remedy}"
        )
    try:
        weights = {name: value.float() for name, value in load_file(path).items()}
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ModelUnavailable(f"{path}: does not fit ({error}); {remedy}") from error
    learnt = {name for name, _ in network.named_parameters()}
    if unexpected or learnt & set(missing):
        odd = sorted([*unexpected, *(learnt & set(missing))])[0]
        raise ModelUnavailable(f"{path}: tensor {odd!r} is missing or unknown; {remedy}")


def write_model(
    folder: Path, network: TextNetwork, description: ModelDescription
) -> ModelDescription:
    """Save learnt weights as fp16 and the description with their digest; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "weights.safetensors"
    save_file({n: t.half().contiguous() for n, t in network.adapter_state().items()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    described = description.model_copy(update={"weights_sha256": digest})
    (folder / "model.json").write_text(
        json.dumps(described.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
    )
    return described
