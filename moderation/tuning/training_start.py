"""Where a training run begins: from a model that was trained before, perhaps a narrower one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from moderation.classifiers.text.encoder import load_encoder_weights
from moderation.classifiers.text.model import load_learnt_weights, read_description
from moderation.classifiers.text.network import TextNetwork
from moderation.errors import ModerationError


class UnusableStart(ModerationError):
    """The model that a run should begin from does not fit into the recipe's shape."""


def begin_with(network: TextNetwork, start: Path, encoder: Path) -> None:
    """Make a network compute what the model in ``start`` does.

    An adapter of a smaller rank fills the first ranks; the others begin with ``B = 0``, which
    leaves every product as it was (Hu et al. 2021, section 4.1).

    Raises:
        ModelUnavailable: the model is missing or damaged.
        UnusableStart: it has outputs, layers or ranks that the network has not.
    """
    described = read_description(start)
    narrow = TextNetwork(
        load_encoder_weights(encoder),
        len(described.outputs),
        rank=described.rank,
        layers=described.layers,
        fixed=described.fixed,
    )
    load_learnt_weights(narrow, start, described)
    wide = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in narrow.adapter_state().items():
            room = wide.get(name)
            kind = name.rpartition(".")[2]
            ranks = described.rank if kind in ("down", "up") else None
            if room is None or not _fits(value, room, kind):
                raise UnusableStart(
                    f"{start}: {name!r} of shape {tuple(value.shape)} has no room in the recipe's "
                    "network; start from a model of the same or a smaller rank, with at least as "
                    "many fixed layers and as many layers and outputs"
                )
            part = room[:ranks] if kind == "down" else room[:, :ranks] if kind == "up" else room
            part.copy_(value)


def _fits(value: Tensor, room: Tensor, kind: str) -> bool:
    ranked = {"down": 0, "up": 1}.get(kind)
    return value.ndim == room.ndim and all(
        own <= other if axis == ranked else own == other
        for axis, (own, other) in enumerate(zip(value.shape, room.shape, strict=True))
    )
