"""The average of text models that were trained on from the same one.

Such models make different mistakes, and the average of their weights makes fewer than either, at
the cost of one (Wortsman et al. 2022, "Model soups", arXiv:2203.05482). What a low-rank adapter
adds to a matrix is a product, so the products are averaged; of the sum's ranks the largest are
kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from moderation.classifiers.text.encoder import encoder_folder, load_encoder_weights
from moderation.classifiers.text.model import (
    ModelDescription,
    load_learnt_weights,
    read_description,
    write_model,
)
from moderation.classifiers.text.network import AdaptedLinear, TextNetwork
from moderation.errors import ModerationError

#: What models must have in common.
_SHAPE = ("name", "encoder", "conversion", "outputs", "rank", "layers", "fixed")


class UnlikeModels(ModerationError):
    """Models to average differ in encoder, outputs or shape, or are fewer than two."""


@dataclass(frozen=True)
class Average:
    """An averaged model, not yet calibrated."""

    description: ModelDescription
    #: Norm of what the kept ranks leave of the averaged products, against theirs; mean over
    #: matrices.
    lost: float


def average(folders: Sequence[Path], out: Path, version: str, cache: Path) -> Average:
    """Write the average of the models in ``folders`` to ``out``, with the first one's calibration.

    Fit the calibration again: probabilities of an average are not the average of probabilities.

    Raises:
        ModelUnavailable: a model is missing or damaged.
        UnlikeModels: they cannot be averaged.
    """
    described = [read_description(folder) for folder in folders]
    if len(folders) < 2:
        raise UnlikeModels("an average takes two models or more; name their folders")
    first = described[0]
    for folder, other in zip(folders[1:], described[1:], strict=True):
        odd = [field for field in _SHAPE if getattr(other, field) != getattr(first, field)]
        if odd:
            raise UnlikeModels(
                f"{folder} differs from {folders[0]} in {', '.join(odd)}; only models trained on "
                "from the same one, with recipes of the same shape, can be averaged"
            )
    base = encoder_folder(cache)
    networks = [_network(folder, own, base) for folder, own in zip(folders, described, strict=True)]
    lost: list[float] = []
    result = networks[0]
    with torch.no_grad():
        adapted = [
            [m for m in network.modules() if isinstance(m, AdaptedLinear) and m.rank]
            for network in networks
        ]
        for same in zip(*adapted, strict=True):
            product = torch.stack([m.up.float() @ m.down.float() for m in same]).mean(0)
            up, down = _factors(product, first.rank)
            lost.append(float((product - up @ down).norm() / product.norm().clamp_min(1e-12)))
            same[0].up.copy_(up)
            same[0].down.copy_(down)
        for head in zip(*(network.head.parameters() for network in networks), strict=True):
            head[0].copy_(torch.stack([p.float() for p in head]).mean(0))
    description = first.model_copy(update={"version": version})
    return Average(write_model(out, result, description), sum(lost) / len(lost) if lost else 0.0)


def _network(folder: Path, described: ModelDescription, base: Path) -> TextNetwork:
    network = TextNetwork(
        load_encoder_weights(base),
        len(described.outputs),
        rank=described.rank,
        layers=described.layers,
        fixed=described.fixed,
    )
    load_learnt_weights(network, folder, described)
    return network


def _factors(product: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best ``up @ down`` of this rank (Eckart and Young 1936), with equal norms."""
    left, sizes, right = torch.linalg.svd(product, full_matrices=False)
    root = sizes[:rank].sqrt()
    return left[:, :rank] * root, root[:, None] * right[:rank]
