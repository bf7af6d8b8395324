"""Whichever runtime is chosen, a text's score is the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.encoder import load_encoder_weights
from moderation.classifiers.text.network import TextNetwork, pad_batch
from moderation.classifiers.text.runtime import RUNTIMES, candidates, choose_runtime
from moderation.errors import ModelUnavailable

ROWS = [[0, *range(1000, 1000 + 7 * n, 7), 2] for n in (3, 40, 11, 90)]


def network(encoder: Path, runtime: str) -> TextNetwork:
    torch.manual_seed(1)
    found = TextNetwork(load_encoder_weights(encoder), 3, layers=2).eval()
    found.compute_with(RUNTIMES[runtime].prepare)
    return found


def probabilities(model: TextNetwork, rows: list[list[int]]) -> np.ndarray:
    with torch.inference_mode():
        return torch.sigmoid(model(*pad_batch(rows, 1))).numpy()


@pytest.mark.parametrize("name", candidates())
def test_a_text_scores_the_same_alone_and_in_company(encoder: Path, name: str) -> None:
    model = network(encoder, name)
    alone = np.concatenate([probabilities(model, [row]) for row in ROWS])
    assert probabilities(model, ROWS) == pytest.approx(alone, abs=1e-3)


@pytest.mark.parametrize("name", [n for n in candidates() if RUNTIMES[n].exact])
def test_float32_runtimes_agree(encoder: Path, name: str) -> None:
    ours = probabilities(network(encoder, name), ROWS)
    assert ours == pytest.approx(probabilities(network(encoder, "torch-float32"), ROWS), abs=1e-4)


def test_the_fastest_is_measured_once_and_kept(encoder: Path, tmp_path: Path) -> None:
    plain = TextNetwork(load_encoder_weights(encoder), 3, layers=1).eval()
    first = choose_runtime(plain, tmp_path)
    kept = json.loads((tmp_path / "text-runtime.json").read_text(encoding="utf-8"))
    assert list(kept.values()) == [first.measured]
    assert choose_runtime(plain, tmp_path).measured == first.measured
    (tmp_path / "text-runtime.json").write_text("not json", encoding="utf-8")
    assert choose_runtime(plain, tmp_path).measured


def test_an_unknown_runtime_is_explained(encoder: Path, tmp_path: Path) -> None:
    plain = TextNetwork(load_encoder_weights(encoder), 3, layers=1).eval()
    with pytest.raises(ModelUnavailable, match="'fastest' is no runtime; choose 'auto'"):
        choose_runtime(plain, tmp_path, "fastest")


@pytest.mark.skipif(len(candidates()) == len(RUNTIMES), reason="this processor runs them all")
def test_a_runtime_of_another_processor_is_explained(encoder: Path, tmp_path: Path) -> None:
    plain = TextNetwork(load_encoder_weights(encoder), 3, layers=1).eval()
    other = next(n for n in RUNTIMES if n not in candidates())
    with pytest.raises(ModelUnavailable, match="cannot run on this processor; choose 'auto'"):
        choose_runtime(plain, tmp_path, other)


def test_operators_are_told_what_it_runs_on(text_classifier: TextClassifier) -> None:
    assert text_classifier.runs_on["runtime"] in RUNTIMES
