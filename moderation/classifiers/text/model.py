"""A trained text model: a folder with learnt weights beside the encoder they belong to.

The folder holds ``model.json`` (what it is, its outputs, its calibration), ``weights.safetensors``
(adapter and head, fp16) and ``MODEL_CARD.md``. Scores are computed in float32, so that a text
gets the same score whatever else is in its batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from moderation.classifiers.text.first_stage import (
    HIGHEST_ENDED,
    Bools,
    FirstStage,
    read_first_stage,
)
from moderation.classifiers.text.network import TextNetwork, pad_batch, pool
from moderation.classifiers.text.remembered import Remembered
from moderation.classifiers.text.runtime import AUTOMATIC, choose_runtime
from moderation.classifiers.text.tokenizer import PAD
from moderation.classifiers.text.windows import Window, token_windows
from moderation.errors import ModelUnavailable

FORMAT = 1
#: Second meaning of the self-harm output: given self-harm, is it encouragement, not distress?
ENCOURAGEMENT = "self_harm.encouragement"
#: Tokens in one forward pass, padding included; what a layer works on then stays in the cache.
_TOKENS_PER_PASS = 1024
#: Windows whose logits are remembered; about 300 bytes each.
_REMEMBERED = 50_000
#: Shipped models.
MODELS_FOLDER = Path(__file__).resolve().parents[2] / "models" / "text"


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
    ended: bool = False  #: told harmless by the first stage, which made the probabilities

    def span_of(self, output: int) -> tuple[int, int]:
        """The characters of the window in which this output is highest."""
        return self.windows[int(self.by_window[:, output].argmax())]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one window of tokens came to."""

    logits: Floats  #: (outputs,)
    ended: bool  #: the first stage told it harmless; logits are its estimate


class TextModel:
    """The encoder with one folder's weights merged in.

    Args:
        folder: holds ``model.json`` and ``weights.safetensors``.
        cache: where the converted encoder is kept, see `encoder_folder`.
        threads: for torch; 0 leaves its default. Torch has one such number per process.
        runtime: one of `runtime.RUNTIMES`, or `AUTOMATIC` for the fastest on this machine.
        cascade: whether the folder's first stage may end what is surely harmless.

    Raises:
        ModelUnavailable: a file is missing, damaged, or made for another version.
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        threads: int = 0,
        *,
        runtime: str = AUTOMATIC,
        cascade: bool = True,
    ) -> None:
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
        self.runtime = choose_runtime(self._network, cache, runtime)
        self._network.compute_with(self.runtime.prepare)
        self.first_stage = (
            read_first_stage(
                folder,
                self.description.weights_sha256,
                self.description.calibration.version,
                pooled=2 * self._network.hidden,
                outputs=len(self.outputs),
                layers=self.description.layers,
            )
            if cascade
            else None
        )
        self._remembered: Remembered[tuple[bytes, bool], _Outcome] = Remembered(_REMEMBERED)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Category ids in the order of the network's outputs, `ENCOURAGEMENT` among them."""
        return self.description.outputs

    def windows(self, text: str) -> list[Window]:
        """The token windows that a text is scored in."""
        return token_windows(
            self._tokenizer, text, self.description.window, self.description.overlap
        )

    @property
    def version(self) -> str:
        """Changes whenever the same text may get another score."""
        parts = [f"{self.description.name}-{self.description.version}"]
        if self.first_stage is not None:
            parts.append(self.first_stage.version)
        if not self.runtime.exact:
            parts.append(self.runtime.name)
        return "+".join(parts)

    def logits(self, windows: Sequence[Window]) -> Floats:
        """(n, outputs) float32 of the whole network; equal windows are computed once."""
        return self._by_length(windows, self._whole)[0]

    def outcomes(self, windows: Sequence[Window]) -> tuple[Floats, Bools]:
        """Like `logits`, but the first stage may end what is surely harmless.

        Returns:
            logits (n, outputs) and whether each window was ended (n,).
        """
        stage = self.first_stage
        if stage is None:
            return self.logits(windows), np.zeros(len(windows), bool)
        logits = np.zeros((len(windows), len(self.outputs)), np.float32)
        ended = stage.glance.suspicion([w.ids for w in windows]) < stage.glance.threshold
        logits[ended] = stage.glance.estimate
        left = np.flatnonzero(~ended).tolist()
        logits[left], ended[left] = self._by_length(
            [windows[i] for i in left], partial(self._staged, stage)
        )
        return logits, ended

    def _by_length(
        self, windows: Sequence[Window], work: Callable[[list[list[int]]], tuple[Floats, Bools]]
    ) -> tuple[Floats, Bools]:
        """Distinct windows, in batches of like length."""
        logits = np.zeros((len(windows), len(self.outputs)), np.float32)
        ended = np.zeros(len(windows), bool)
        first: dict[tuple[int, ...], int] = {}
        twin = [first.setdefault(tuple(w.ids), i) for i, w in enumerate(windows)]
        order = sorted(first.values(), key=lambda i: len(windows[i].ids))
        for batch in batches_by_length([len(windows[i].ids) for i in order]):
            own = order[batch]
            logits[own], ended[own] = work([windows[i].ids for i in own])
        return logits[twin], ended[twin]

    def states(
        self, windows: Sequence[Window], layers: Sequence[int]
    ) -> tuple[Floats, dict[int, Floats]]:
        """Logits, and pooled states (n, 2 * hidden) after each of the ascending ``layers``; what
        exits are fitted on."""
        network = self._network
        logits = np.zeros((len(windows), len(self.outputs)), np.float32)
        found = {n: np.zeros((len(windows), 2 * network.hidden), np.float32) for n in layers}
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].ids))
        for batch in batches_by_length([len(windows[i].ids) for i in order]):
            own = order[batch]
            tokens, mask = pad_batch([windows[i].ids for i in own], PAD)
            with torch.inference_mode():
                x, at = network.embedded(tokens), 0
                for layer in layers:
                    x = network.through(x, mask, at, layer)
                    found[layer][own], at = pool(x, mask).numpy(), layer
                x = network.through(x, mask, at, len(network.layers))
                logits[own] = network.head(pool(x, mask)).numpy()
        return logits, found

    def _whole(self, ids: list[list[int]]) -> tuple[Floats, Bools]:
        tokens, mask = pad_batch(ids, PAD)
        with torch.inference_mode():
            return self._network(tokens, mask).numpy(), np.zeros(len(ids), bool)

    def _staged(self, stage: FirstStage, ids: list[list[int]]) -> tuple[Floats, Bools]:
        """From exit to exit; what is ended leaves the batch."""
        network = self._network
        glanced = stage.glance.suspicion(ids)
        logits = np.zeros((len(ids), len(self.outputs)), np.float32)
        ended = np.zeros(len(ids), bool)
        left = np.arange(len(ids))
        tokens, mask = pad_batch(ids, PAD)
        with torch.inference_mode():
            x, at = network.embedded(tokens), 0
            for door in stage.exits:
                x = network.through(x, mask, at, door.layer)
                at = door.layer
                ends, estimate = door.ask(pool(x, mask), glanced[left])
                if ends.any():
                    logits[left[ends]], ended[left[ends]] = estimate[ends], True
                    left, stay = left[~ends], torch.from_numpy(~ends)
                    x, mask = x[stay], mask[stay]
                if not len(left):
                    return logits, ended
            x = network.through(x, mask, at, len(network.layers))
            logits[left] = network.head(pool(x, mask)).numpy()
        return logits, ended

    def score(
        self, texts: Sequence[str], languages: Sequence[str], *, may_end: Sequence[bool] = ()
    ) -> list[ScoredText]:
        """Calibrated probabilities per text: the highest of its windows, per output.

        Args:
            texts: any strings.
            languages: one per text; calibration goes by language.
            may_end: per text whether the first stage may end it; by default none.
        """
        cut = [self.windows(text) for text in texts]
        ends = may_end or [False] * len(texts)
        keys = [[(_key(w), end) for w in windows] for windows, end in zip(cut, ends, strict=True)]
        by_key = {
            key: window
            for own, windows in zip(keys, cut, strict=True)
            for key, window in zip(own, windows, strict=True)
        }
        known = self._remembered.known(by_key)
        new = {key: window for key, window in by_key.items() if key not in known}
        known |= self._compute(new)
        return [
            self._calibrated([known[key] for key in own], windows, language)
            for own, windows, language in zip(keys, cut, languages, strict=True)
        ]

    def _compute(
        self, windows: Mapping[tuple[bytes, bool], Window]
    ) -> dict[tuple[bytes, bool], _Outcome]:
        found: dict[tuple[bytes, bool], _Outcome] = {}
        for may_end, ask in ((False, self._unended), (True, self.outcomes)):
            own = [key for key in windows if key[1] is may_end]
            if own:
                logits, ended = ask([windows[key] for key in own])
                for key, row, end in zip(own, logits, ended, strict=True):
                    found[key] = _Outcome(row.copy(), bool(end))
        self._remembered.remember(found)
        return found

    def _unended(self, windows: Sequence[Window]) -> tuple[Floats, Bools]:
        return self.logits(windows), np.zeros(len(windows), bool)

    def _calibrated(
        self, outcomes: Sequence[_Outcome], windows: Sequence[Window], language: str
    ) -> ScoredText:
        own = self.description.calibration.probabilities(
            np.stack([outcome.logits for outcome in outcomes]),
            self.outputs,
            [language] * len(outcomes),
        )
        ended = np.array([outcome.ended for outcome in outcomes])
        if self.first_stage is not None:
            own[ended] = np.minimum(own[ended], HIGHEST_ENDED)
        spans = tuple((w.start, w.end) for w in windows)
        return ScoredText(own.max(axis=0), spans, own, bool(ended.all()))


def batches_by_length(lengths: Sequence[int]) -> Iterator[slice]:
    """Cuts ascending lengths into batches of at most `_TOKENS_PER_PASS` tokens with padding."""
    at = 0
    while at < len(lengths):
        stop = at + 1
        while stop < len(lengths) and (stop + 1 - at) * lengths[stop] <= _TOKENS_PER_PASS:
            stop += 1
        yield slice(at, stop)
        at = stop


def _key(window: Window) -> bytes:
    """Texts of the same tokens have the same score, and only they share an entry."""
    return hashlib.blake2b(np.asarray(window.ids, np.int32).tobytes(), digest_size=16).digest()


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
