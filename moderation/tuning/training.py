"""Trains the text model: a low-rank adapter and a head on the fixed multilingual encoder.

The run is a pure function of recipe, data and seed, up to rounding. A checkpoint holds the
averaged weights, so each one is a model that could be used; `train` goes on from the last one.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional

from moderation.classifiers.text.calibration import Calibration
from moderation.classifiers.text.encoder import (
    encoder_folder,
    load_encoder_weights,
    load_tokenizer,
)
from moderation.classifiers.text.model import ModelDescription, write_model
from moderation.classifiers.text.network import TextNetwork
from moderation.errors import ModerationError
from moderation.tuning.training_errors import write_errors
from moderation.tuning.training_mixture import Batch, Mixture, batches
from moderation.tuning.training_recipe import Recipe
from moderation.tuning.training_rows import OUTPUTS
from moderation.tuning.training_start import begin_with

_log = logging.getLogger(__name__)

#: Tokens of a scoring window: little more than what was trained on, so that what is harmful in
#: one line of a long text is not averaged away.
_WINDOW = 128


class UnusableCheckpoint(ModerationError):
    """A checkpoint was made by another recipe, or is damaged."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, given to the caller after every few steps."""

    tokens: int
    total: int
    step: int
    loss: float
    tokens_per_second: float


def loss_of(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Masked binary cross-entropy, averaged per text over its known outputs, times their root.

    A plain mean over known outputs would let texts with thirteen labels outvote those with one;
    a mean per text would make each label of the former worth a thirteenth.
    """
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
    known = weight.sum(1).clamp_min(1.0)
    return (each.sum(1) / known.sqrt()).mean()


def train(
    recipe: Recipe,
    out: Path,
    cache: Path,
    data: Path | None,
    *,
    start: Path | None = None,
    workers: int = 1,
    minutes: float | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    checkpoint_every: int = 100,
) -> Path:
    """Run the recipe; returns the folder of the uncalibrated model below ``out``.

    Args:
        recipe: what to do.
        out: folder of the checkpoint and the model; a run that is found there goes on.
        cache: where the converted encoder is kept.
        data: folder of public data sets; None trains on the project's own texts only.
        start: folder of a model to begin from, of the same shape or a narrower one (a smaller
            rank, more fixed layers); None begins anew.
        workers: processes of one thread each, which share every step's gradient. On a busy
            machine they are much faster than one process of as many threads, whose threads
            wait for each other within every matrix product.
        minutes: ends the run earlier, so long from now; the learning rate then follows time rather
            than tokens.
        report: called in this process after every tenth step, if there is one worker.
        checkpoint_every: steps between checkpoints.

    Raises:
        UnusableCheckpoint: ``out`` holds a checkpoint of another recipe.
        ModelUnavailable: the model to start from is unusable.
        UnusableStart: it does not fit into the recipe's shape.
        UnreadableData: the data folder is not of the expected form.
    """
    out.mkdir(parents=True, exist_ok=True)
    encoder_folder(cache)
    errors = None
    if start is not None and recipe.mistaken_weight > 1:
        errors = write_errors(start, out, cache)
    job = _Job(recipe, out, cache, data, start, errors, minutes, checkpoint_every, workers)
    if workers == 1:
        _work(0, job, report)
    else:
        with tempfile.TemporaryDirectory() as folder:
            meeting = f"file://{folder}/meeting"
            multiprocessing.spawn(  # type: ignore[attr-defined, no-untyped-call]
                _work_together, (job, meeting), nprocs=workers
            )
    return out / "model"


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    out: Path
    cache: Path
    data: Path | None
    start: Path | None
    errors: Path | None
    minutes: float | None
    checkpoint_every: int
    workers: int


def _print_progress(progress: Progress) -> None:
    sys.stdout.write(
        f"step {progress.step}  tokens {progress.tokens:,} of {progress.total:,}  "
        f"loss {progress.loss:.4f}  {progress.tokens_per_second:.0f} tokens/s\n"
    )
    sys.stdout.flush()


def _work_together(rank: int, job: _Job, meeting: str) -> None:
    end_with_parent()
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=job.workers)
    try:
        _work(rank, job, _print_progress)
    finally:
        distributed.destroy_process_group()


def end_with_parent() -> None:
    """This process ends when the one that started it does, killed or not. A worker that goes on
    alone would write into the folder of the run that takes its place."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _outlive_nobody(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _work(rank: int, job: _Job, report: Callable[[Progress], None]) -> None:
    recipe, base = job.recipe, encoder_folder(job.cache)
    torch.manual_seed(recipe.seed)
    network = TextNetwork(
        load_encoder_weights(base),
        len(OUTPUTS),
        rank=recipe.rank,
        layers=recipe.layers,
        fixed=recipe.fixed,
    ).train()
    if job.start is not None:
        begin_with(network, job.start, base)
    run = _Run(recipe, network, job.out, job.workers)
    run.resume()
    # Sampling, not secrets; every worker and every resumed run draws other texts.
    rng = random.Random(recipe.seed + 7919 * rank + run.step)  # noqa: S311
    errors = np.load(job.errors, allow_pickle=False) if job.errors is not None else None
    stream = batches(Mixture(recipe, job.data, errors), load_tokenizer(base), recipe, rng)
    started, before, begun = time.monotonic(), run.tokens, run.share
    recent: list[float] = []
    while run.share < 1:
        time_share = 0.0
        if job.minutes is not None:
            # What is left of a run that goes on is spread over the minutes.
            elapsed = (time.monotonic() - started) / (60 * job.minutes)
            time_share = begun + (1 - begun) * elapsed
        recent.append(run.take_step(next(stream), time_share))
        if rank == 0 and run.step % 10 == 0:
            speed = (run.tokens - before) / (time.monotonic() - started)
            report(Progress(run.tokens, recipe.tokens, run.step, float(np.mean(recent)), speed))
            recent = []
        if rank == 0 and run.step % job.checkpoint_every == 0:
            run.save()
    if rank == 0:
        run.save()


class _Run:
    """The state of a run: weights, their average, the optimiser, and how far it is."""

    def __init__(self, recipe: Recipe, network: TextNetwork, out: Path, workers: int) -> None:
        self.recipe, self.network, self.out, self._workers = recipe, network, out, workers
        head = [p for n, p in network.named_parameters() if n.startswith("head")]
        rest = [p for n, p in network.named_parameters() if not n.startswith("head")]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": rest, "lr": recipe.learning_rate},
                {"params": head, "lr": recipe.head_learning_rate},
            ],
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98),
        )
        self._rates = [recipe.learning_rate, recipe.head_learning_rate]
        self._average = {n: p.detach().clone() for n, p in network.named_parameters()}
        self.step = 0
        self.tokens = 0
        self.share = 0.0  #: of the run that is done

    def take_step(self, batch: Batch, time_share: float) -> float:
        """One update from the batches of all workers; returns their mean loss."""
        warm = min(1.0, self.share / self.recipe.warm_up) if self.recipe.warm_up else 1.0
        factor = max(0.02, min(warm, 1.0 - self.share))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        loss = loss_of(self.network(batch.ids, batch.mask), batch.target, batch.weight)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mean_loss, tokens, time_share = self._share_gradients(
            float(loss.detach()), batch.tokens, time_share
        )
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        self.tokens += tokens
        self.share = max(self.tokens / self.recipe.tokens, time_share)
        # Early averages would remember the start for too long.
        decay = min(self.recipe.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                self._average[name].lerp_(parameter, 1 - decay)
        return mean_loss

    def _share_gradients(
        self, loss: float, tokens: int, time_share: float
    ) -> tuple[float, int, float]:
        if self._workers == 1:
            return loss, tokens, time_share
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        figures = torch.tensor([loss, float(tokens), time_share])
        flat = torch.cat([*(g.reshape(-1) for g in gradients), figures])
        distributed.all_reduce(flat)
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient) / self._workers)
            at += gradient.numel()
        loss_sum, token_sum, time_sum = flat[at:].tolist()
        return loss_sum / self._workers, round(token_sum), time_sum / self._workers

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as a model."""
        path = self.out / "checkpoint.pt"
        torch.save(
            {
                "recipe": self.recipe.model_dump_json(),
                "weights": self.network.adapter_state(),
                "average": self._average,
                "optimizer": self._optimizer.state_dict(),
                "step": self.step,
                "tokens": self.tokens,
            },
            path.with_suffix(".new"),
        )
        path.with_suffix(".new").replace(path)
        self.write_model()

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return
        remedy = "choose another output folder, or delete it to start anew"
        try:
            saved = torch.load(path, weights_only=True)
            recipe = Recipe.model_validate_json(saved["recipe"])
            if recipe != self.recipe:
                raise UnusableCheckpoint(f"{path}: made by another recipe; {remedy}")
            self.network.load_state_dict(saved["weights"], strict=False)
            self._average = saved["average"]
            self._optimizer.load_state_dict(saved["optimizer"])
            self.step, self.tokens = int(saved["step"]), int(saved["tokens"])
            self.share = self.tokens / self.recipe.tokens
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            raise UnusableCheckpoint(f"{path}: damaged ({error}); {remedy}") from error
        _log.info("going on at step %d", self.step)

    def write_model(self) -> Path:
        """The averaged weights as a model folder, not yet calibrated."""
        folder = self.out / "model"
        parameters = dict(self.network.named_parameters())
        own = {name: p.detach().clone() for name, p in parameters.items()}
        with torch.no_grad():
            for name, value in self._average.items():
                parameters[name].copy_(value)
        write_model(
            folder,
            self.network,
            ModelDescription(
                name=self.recipe.name,
                version=self.recipe.version,
                outputs=OUTPUTS,
                rank=self.recipe.rank,
                layers=self.recipe.layers,
                fixed=self.recipe.fixed,
                window=_WINDOW,
                overlap=_WINDOW // 4,
                weights_sha256="",
                calibration=Calibration(version="none"),
            ),
        )
        with torch.no_grad():
            for name, value in own.items():
                parameters[name].copy_(value)
        return folder
