"""The cascade's first stage: a glance at the tokens, and exits within the network.

The glance is a linear model on hashed tokens and pairs of them, and costs next to nothing. An exit
looks at the pooled states after some layer and estimates what the whole network would say. Where
either is sure enough that nothing would reach the review threshold, the text ends there with an
estimate; everything else goes on from the states already computed. All of it belongs to one set
of weights and one calibration: with any other it is left out, never wrong.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from moderation.classifiers.text.calibration import Floats
from moderation.errors import ModelUnavailable

_log = logging.getLogger(__name__)

Bools = npt.NDArray[np.bool_]

FIRST_STAGE_FILE = "first_stage.safetensors"
#: What an ended text can score at most: below all that is shown or that a rule acts on.
HIGHEST_ENDED = 0.29
#: Features of the glance: ``2 ** GLANCE_BITS``.
GLANCE_BITS = 18
_REMEDY = "fit it again with: moderation train text-cascade"


@dataclass(frozen=True)
class Glance:
    """A linear model on hashed tokens: ``sum of weights / sqrt(number of features) + bias``."""

    weights: Floats  #: (2 ** `GLANCE_BITS`,)
    bias: float
    threshold: float  #: suspicions below it end
    estimate: Floats  #: (outputs,) logits of what ends here: the mean, so they are calibrated

    def suspicion(self, ids: Sequence[Sequence[int]]) -> Floats:
        """One number per window of token ids: (n,)."""
        found = [features(row) for row in ids]
        return np.array(
            [self.weights[f].sum() / np.sqrt(max(1, len(f))) + self.bias for f in found],
            np.float32,
        )


def features(ids: Sequence[int]) -> npt.NDArray[np.int64]:
    """The hashed tokens and neighbouring pairs of a window, each once; its ends do not count."""
    row = np.asarray(ids[1:-1], np.uint32)
    one = row * np.uint32(2_654_435_761)
    two = (row[:-1] * np.uint32(40_503) + row[1:]) * np.uint32(2_246_822_519) + np.uint32(1)
    hashed = np.concatenate([one, two]) >> np.uint32(32 - GLANCE_BITS)
    return np.unique(hashed).astype(np.int64)


@dataclass(frozen=True)
class Exit:
    """A small network on pooled states and the glance: a suspicion, and an estimate per output."""

    layer: int  #: how many layers a text has been through
    threshold: float  #: suspicions below it end
    inner: Tensor  #: (width, 2 * hidden + 1)
    inner_bias: Tensor  #: (width,)
    outer: Tensor  #: (1 + outputs, width)
    outer_bias: Tensor  #: (1 + outputs,)

    def ask(self, pooled: Tensor, glanced: Floats) -> tuple[Bools, Floats]:
        """Which of the texts end here (n,), and the estimated logits of all (n, outputs).

        ``pooled`` is (n, 2 * hidden) float32, see `network.pool`; ``glanced`` (n,) suspicions.
        """
        found = self.values(pooled, glanced)
        ends: Bools = found[:, 0] < self.threshold
        return ends, found[:, 1:]

    def values(self, pooled: Tensor, glanced: Floats) -> Floats:
        """Suspicion and estimated logits: (n, 1 + outputs)."""
        x = torch.cat([pooled, torch.from_numpy(glanced)[:, None]], 1)
        inner = functional.gelu(functional.linear(x, self.inner, self.inner_bias))
        result: Floats = functional.linear(inner, self.outer, self.outer_bias).numpy()
        return result


class FirstStageDescription(BaseModel):
    """What a file of exits was fitted to; stored in its header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights_sha256: str
    calibration: str
    glance_bias: float
    glance_threshold: float
    layers: tuple[int, ...]  #: of the exits, ascending
    thresholds: tuple[float, ...]
    #: The figures of the fit, for the model card: nothing here is read again.
    measured: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class FirstStage:
    """The glance and the exits of a model, in the order of their layers."""

    glance: Glance
    exits: tuple[Exit, ...]
    description: FirstStageDescription
    version: str  #: `exits-` and a digest


def read_first_stage(
    folder: Path, weights_sha256: str, calibration: str, *, pooled: int, outputs: int, layers: int
) -> FirstStage | None:
    """The folder's first stage, or None if it has none or one that belongs to other weights.

    Raises:
        ModelUnavailable: the file is damaged.
    """
    path = folder / FIRST_STAGE_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            header = (file.metadata() or {}).get("description", "")
            description = FirstStageDescription.model_validate_json(header)
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValidationError) as error:
        raise ModelUnavailable(
            f"{path}: unreadable ({str(error)[:200]}); delete it, or {_REMEDY}"
        ) from error
    if (description.weights_sha256, description.calibration) != (weights_sha256, calibration):
        _log.warning(
            "%s was fitted to other weights or another calibration; every text goes through the "
            "whole network, which is slower and as good; %s", path, _REMEDY,
        )  # fmt: skip
        return None
    glance = _glance(path, tensors, description, outputs)
    exits = tuple(
        _exit(path, tensors, index, layer, threshold, (pooled + 1, 1 + outputs))
        for index, (layer, threshold) in enumerate(
            zip(description.layers, description.thresholds, strict=False)
        )
    )
    order = [0, *description.layers, layers]
    if len(description.thresholds) != len(exits) or any(a >= b for a, b in pairwise(order)):
        raise ModelUnavailable(f"{path}: exits do not fit the network; delete it, or {_REMEDY}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return FirstStage(glance, exits, description, f"exits-{digest}")


def _glance(
    path: Path, tensors: dict[str, Tensor], description: FirstStageDescription, outputs: int
) -> Glance:
    weights, estimate = tensors.get("glance"), tensors.get("glance_estimate")
    if (
        weights is None or estimate is None
        or weights.shape != (1 << GLANCE_BITS,) or estimate.shape != (outputs,)
    ):  # fmt: skip
        raise ModelUnavailable(
            f"{path}: the glance is missing or of another shape; delete it, or {_REMEDY}"
        )
    return Glance(
        weights.numpy(), description.glance_bias, description.glance_threshold, estimate.numpy()
    )


def _exit(
    path: Path,
    tensors: dict[str, Tensor],
    index: int,
    layer: int,
    threshold: float,
    shape: tuple[int, int],
) -> Exit:
    own = [tensors.get(f"{index}.{name}") for name in _TENSORS]
    inner, inner_bias, outer, outer_bias = own
    if (
        inner is None or inner_bias is None or outer is None or outer_bias is None
        or inner.shape != (len(inner_bias), shape[0])
        or outer.shape != (shape[1], len(inner_bias))
        or outer_bias.shape != (shape[1],)
    ):  # fmt: skip
        raise ModelUnavailable(
            f"{path}: exit {index} is incomplete or of another shape; delete it, or {_REMEDY}"
        )
    return Exit(layer, threshold, inner, inner_bias, outer, outer_bias)


_TENSORS = ("inner", "inner_bias", "outer", "outer_bias")


def write_first_stage(
    folder: Path, glance: Glance, exits: tuple[Exit, ...], description: FirstStageDescription
) -> Path:
    """Save glance and exits as fp16 beside the model that they belong to."""
    path = folder / FIRST_STAGE_FILE
    tensors = {
        f"{index}.{name}": getattr(own, name).half().contiguous()
        for index, own in enumerate(exits)
        for name in _TENSORS
    }
    tensors["glance"] = torch.from_numpy(glance.weights).half()
    tensors["glance_estimate"] = torch.from_numpy(glance.estimate).half()
    save_file(
        tensors, path, metadata={"description": json.dumps(description.model_dump(mode="json"))}
    )
    return path
