"""The stream of training texts in a recipe's shares, and the batches made of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moderation.classifiers.text.network import pad_batch
from moderation.classifiers.text.tokenizer import BOS, EOS, PAD, Tokenizer
from moderation.classifiers.text.windows import readable
from moderation.tuning.rereading import reread
from moderation.tuning.training_errors import Floats, dwelling_on
from moderation.tuning.training_evasion import disguise, vary_placeholders
from moderation.tuning.training_patterns import Adverts, FunctionalPairs, Harmless
from moderation.tuning.training_recipe import InvalidRecipe, Recipe
from moderation.tuning.training_rows import (
    EVALUATION_ONLY,
    LabelledText,
    read_seed,
    read_split,
    sampling_probabilities,
    weighted,
)

_DRAWN_AT_ONCE = 2048


class Mixture:
    """An endless stream of training texts in the recipe's shares.

    Args:
        recipe: shares, weights and what is held out.
        data: folder with public data sets, or None for a run on the project's own texts only.
        errors: of the seed corpus' training rows, in their order, see `training_errors`.
    """

    def __init__(self, recipe: Recipe, data: Path | None, errors: Floats | None = None) -> None:
        self._recipe = recipe
        weights = recipe.source_weights
        own = list(read_seed(kept_back=False, weights=recipe.seed_weights))
        if errors is not None:
            own = dwelling_on(own, errors, recipe.mistaken_weight)
        pools: dict[str, list[LabelledText]] = {"seed": [weighted(row, weights) for row in own]}
        if data is not None:
            pools["public"] = [
                weighted(row, weights)
                for row in reread(read_split(data, "train"))
                if row.source not in EVALUATION_ONLY
            ]
        self._pools = pools
        self._cumulated = {
            name: np.cumsum(sampling_probabilities(rows, recipe.sampling_power))
            for name, rows in pools.items()
        }
        self._drawn: dict[str, Callable[[random.Random], LabelledText]] = {
            "functions": FunctionalPairs(recipe.held_out_functions, recipe.held_out_languages).draw,
            "harmless": Harmless().draw,
            "adverts": Adverts().draw,
        }
        unknown = set(recipe.shares) - set(self._drawn) - {"seed", "public"}
        if unknown:
            raise InvalidRecipe(f"shares: {sorted(unknown)[0]!r} is no source of training text")
        self._shares = {
            name: share
            for name, share in recipe.shares.items()
            if name in pools or name in self._drawn
        }

    def draw(self, rng: random.Random) -> LabelledText:
        """One text with its labels, perhaps disguised."""
        source = rng.choices(list(self._shares), weights=list(self._shares.values()))[0]
        if source in self._drawn:
            row = self._drawn[source](rng)
        else:
            place = int(np.searchsorted(self._cumulated[source], rng.random()))
            row = self._pools[source][min(place, len(self._pools[source]) - 1)]
        text = row.text
        if row.source.startswith("seed") or row.source == "adverts":
            text = vary_placeholders(text, rng)
        if rng.random() < self._recipe.disguised:
            text = disguise(text[:600], rng)
        return LabelledText(text, row.language, row.source, row.labels, row.weak)


@dataclass(frozen=True)
class Batch:
    """Texts of like length; `target` and `weight` are (n, outputs)."""

    ids: Tensor
    mask: Tensor
    target: Tensor
    weight: Tensor
    tokens: int


def batches(
    mixture: Mixture, tokenizer: Tokenizer, recipe: Recipe, rng: random.Random
) -> Iterator[Batch]:
    """Endless batches of texts of like length, `batch_tokens` each."""
    while True:
        rows = [mixture.draw(rng) for _ in range(_DRAWN_AT_ONCE)]
        whole = tokenizer.ids_of_all([readable(row.text[:4000]) for row in rows])
        ids = [_stretch(own, recipe.longest - 2, rng) for own in whole]
        order = sorted(range(len(rows)), key=lambda i: len(ids[i]))
        groups: list[list[int]] = [[]]
        for i in order:
            if (len(groups[-1]) + 1) * len(ids[i]) > recipe.batch_tokens:
                groups.append([])
            groups[-1].append(i)
        rng.shuffle(groups)
        for group in groups:
            tokens, mask = pad_batch([ids[i] for i in group], PAD)
            pairs = [rows[i].targets(recipe.weak_weight) for i in group]
            target = torch.from_numpy(np.stack([t for t, _ in pairs]))
            weight = torch.from_numpy(np.stack([w for _, w in pairs]))
            yield Batch(tokens, mask, target, weight, int(mask.sum()))


def _stretch(ids: list[int], room: int, rng: random.Random) -> list[int]:
    start = rng.randrange(len(ids) - room) if len(ids) > room and rng.random() < 0.3 else 0
    return [BOS, *ids[start : start + room], EOS]
