"""A short training run with the real encoder: it learns, stops, goes on, and is a usable model."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from moderation.classifiers.text.encoder import encoder_folder, load_encoder_weights
from moderation.classifiers.text.model import (
    TextModel,
    load_learnt_weights,
    read_description,
    write_model,
)
from moderation.classifiers.text.network import TextNetwork
from moderation.settings import Settings
from moderation.tuning.training import Progress, UnusableCheckpoint, train
from moderation.tuning.training_average import UnlikeModels, average
from moderation.tuning.training_errors import dwelling_on, write_errors
from moderation.tuning.training_mixture import Mixture
from moderation.tuning.training_recipe import Recipe, read_recipe
from moderation.tuning.training_rows import OUTPUTS, read_seed
from moderation.tuning.training_start import UnusableStart, begin_with

SHORT = read_recipe("base").model_copy(
    update={
        "tokens": 8_000, "batch_tokens": 400, "layers": 2, "fixed": 1, "rank": 4, "warm_up": 0.1,
        "longest": 40, "shares": {"functions": 0.6, "harmless": 0.4}, "averaging": 0.5,
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    out = tmp_path_factory.mktemp("run")
    steps: list[Progress] = []
    train(SHORT, out, Settings().model_cache, None, report=steps.append)
    return out, steps


def test_the_loss_falls(run: tuple[Path, list[Progress]]) -> None:
    _, steps = run
    assert steps[-1].loss < 0.8 * steps[0].loss


def test_the_result_is_a_model_with_all_outputs(run: tuple[Path, list[Progress]]) -> None:
    model = TextModel(run[0] / "model", Settings().model_cache)
    assert model.outputs == OUTPUTS
    (scored,) = model.score(["hello there"], ["en"])
    assert scored.best.shape == (len(OUTPUTS),)


def test_a_finished_run_goes_on_from_its_checkpoint(run: tuple[Path, list[Progress]]) -> None:
    out, steps = run
    more: list[Progress] = []
    train(SHORT, out, Settings().model_cache, None, report=more.append)
    assert more == []
    assert (out / "model" / "weights.safetensors").is_file()
    assert steps


def test_a_checkpoint_of_another_recipe_is_refused(run: tuple[Path, list[Progress]]) -> None:
    other: Recipe = SHORT.model_copy(update={"seed": 5})
    with pytest.raises(UnusableCheckpoint, match="another recipe"):
        train(other, run[0], Settings().model_cache, None)


def test_a_damaged_checkpoint_is_refused(run: tuple[Path, list[Progress]], tmp_path: Path) -> None:
    content = (run[0] / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        train(SHORT, tmp_path, Settings().model_cache, None)


def test_a_run_dwells_on_what_its_start_gets_wrong(
    run: tuple[Path, list[Progress]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpus").mkdir()
    texts = [{"text": f"a calm day, number {n}", "lang": "en", "labels": []} for n in range(9)]
    texts.append({"text": "a calm day, number 9", "lang": "en", "labels": ["gambling"]})
    lines = "\n".join(json.dumps(text) for text in texts)
    (tmp_path / "corpus" / "mine.jsonl").write_text(lines + "\n", "utf-8")
    monkeypatch.setattr("moderation.tuning.training_rows.SEED_FOLDER", tmp_path)
    recipe = SHORT.model_copy(update={"mistaken_weight": 4.0, "shares": {"seed": 1.0}})
    out, cache, start = tmp_path / "run", Settings().model_cache, run[0] / "model"
    train(recipe, out, cache, None, start=start)

    (path,) = out.glob("errors-*.npy")
    errors = np.load(path, allow_pickle=False)
    assert errors.argmax() == 9
    assert errors[9] > 0.5
    assert write_errors(start, out, cache) == path
    weights = [row.weight for row in dwelling_on(list(read_seed(kept_back=False)), errors, 4.0)]
    assert weights == pytest.approx((1 + 3 * errors).tolist())
    dwelling, plain = Mixture(recipe, None, errors), Mixture(recipe, None)
    dwelt, drawn = (
        sum(mixture.draw(random.Random(n)).labels["gambling"] for n in range(300))
        for mixture in (dwelling, plain)
    )
    assert dwelt > 1.4 * drawn
    texts[0]["labels"] = ["spam"]
    lines = "\n".join(json.dumps(text) for text in texts)
    (tmp_path / "corpus" / "mine.jsonl").write_text(lines + "\n", "utf-8")
    assert write_errors(start, out, cache) != path


def _network(rank: int, fixed: int) -> TextNetwork:
    state = load_encoder_weights(encoder_folder(Settings().model_cache))
    return TextNetwork(state, len(OUTPUTS), rank=rank, layers=2, fixed=fixed).eval()


def test_a_wider_network_begins_as_the_narrower_model(run: tuple[Path, list[Progress]]) -> None:
    start, base = run[0] / "model", encoder_folder(Settings().model_cache)
    narrow, wide = _network(rank=4, fixed=1), _network(rank=6, fixed=0)
    load_learnt_weights(narrow, start, read_description(start))
    begin_with(wide, start, base)
    ids = torch.tensor([[0, 33_600, 2_363, 2]])
    mask = torch.ones_like(ids, dtype=torch.bool)
    torch.testing.assert_close(wide(ids, mask), narrow(ids, mask))


def test_a_narrower_network_cannot_begin_from_a_wider_model(
    run: tuple[Path, list[Progress]],
) -> None:
    base = encoder_folder(Settings().model_cache)
    for rank, fixed in ((2, 1), (4, 2)):
        with pytest.raises(UnusableStart, match="smaller rank"):
            begin_with(_network(rank, fixed), run[0] / "model", base)


def test_the_average_with_a_model_without_a_head_halves_the_logits(
    run: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    start, cache = run[0] / "model", Settings().model_cache
    described = read_description(start)
    trained, silent, mean = (_network(described.rank, described.fixed) for _ in range(3))
    load_learnt_weights(trained, start, described)
    load_learnt_weights(silent, start, described)
    with torch.no_grad():
        for parameter in silent.head.parameters():
            parameter.zero_()
    write_model(tmp_path / "silent", silent, described)
    found = average([start, tmp_path / "silent"], tmp_path / "mean", "2.0.0", cache)
    assert read_description(tmp_path / "mean").version == "2.0.0"
    assert found.lost < 1e-3  # the adapters are the same: their mean has no more ranks than they
    load_learnt_weights(mean, tmp_path / "mean", found.description)
    ids = torch.tensor([[0, 33_600, 2_363, 2]])
    mask = torch.ones_like(ids, dtype=torch.bool)
    torch.testing.assert_close(
        2 * mean(ids, mask), trained(ids, mask), atol=0.02, rtol=0.02
    )  # weights are stored in fp16


def test_models_of_another_shape_are_not_averaged(
    run: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    start, cache = run[0] / "model", Settings().model_cache
    described = read_description(start)
    wide = described.model_copy(update={"rank": described.rank * 2})
    write_model(tmp_path / "wide", _network(wide.rank, wide.fixed), wide)
    with pytest.raises(UnlikeModels, match=r"differs from .* in rank; only models trained on"):
        average([start, tmp_path / "wide"], tmp_path / "mean", "2.0.0", cache)
    with pytest.raises(UnlikeModels, match="two models or more"):
        average([start], tmp_path / "mean", "2.0.0", cache)
    assert not (tmp_path / "mean").exists()


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "start_one.py"
    script.write_text(
        """
import multiprocessing, os, sys, time
from moderation.tuning.training import end_with_parent

def work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(120)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
"""
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        worker = int(starter.stdout.readline())
        starter.kill()
    for _ in range(200):
        if not psutil.pid_exists(worker) or psutil.Process(worker).status() == "zombie":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the worker goes on alone")
