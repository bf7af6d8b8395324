"""Which way of multiplying matrices is fastest on this machine, found out once by measurement.

Every runtime gives a text the same score whatever else is in its batch. Those in float32 agree
with each other to rounding; one that does not says so, and is then part of the model's version.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from moderation.errors import ModelUnavailable

if TYPE_CHECKING:
    from moderation.classifiers.text.network import Compute, Prepare, TextNetwork

_log = logging.getLogger(__name__)

#: Instead of a name: measure, and take the fastest.
AUTOMATIC = "auto"
#: Raise it when what is measured, or how, changes.
_MEASUREMENT = 1
#: Rows of the measured products: one short post, and a batch.
_ROWS = (24, 512)
_SECONDS = 1.5


@dataclass(frozen=True)
class Runtime:
    """A way of computing ``W x + b``."""

    name: str
    prepare: Prepare
    exact: bool = True  #: float32 throughout
    #: name → seconds for the measured products, of all that were candidates; empty if not measured
    measured: Mapping[str, float] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """For people who ask what a service runs on."""
        return {
            "runtime": self.name,
            "threads": torch.get_num_threads(),
            "milliseconds": {n: round(1000 * s, 2) for n, s in self.measured.items()},
        }


def _plain(weight: Tensor, bias: Tensor) -> Compute:
    def compute(x: Tensor, gelu: bool) -> Tensor:
        y = functional.linear(x, weight, bias)
        return functional.gelu(y) if gelu else y

    return compute


def _packed(dtype: torch.dtype) -> Prepare:
    """oneDNN with the matrix laid out once, and the activation within the product."""

    def prepare(weight: Tensor, bias: Tensor) -> Compute:
        with torch.inference_mode():
            ready = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype))
        own = bias.to(dtype)

        def compute(x: Tensor, gelu: bool) -> Tensor:
            kind, algorithm = ("gelu", "none") if gelu else ("none", "")
            y: Tensor = torch.ops.mkldnn._linear_pointwise(
                x.to(dtype), ready, own, kind, [], algorithm
            )
            return y.float()

        return compute

    return prepare


#: Candidates by name, safest first.
RUNTIMES: Mapping[str, Runtime] = {
    r.name: r
    for r in (
        Runtime("torch-float32", _plain),
        Runtime("onednn-float32", _packed(torch.float32)),
        Runtime("onednn-bfloat16", _packed(torch.bfloat16), exact=False),
    )
}


def choose_runtime(network: TextNetwork, cache: Path, wanted: str = AUTOMATIC) -> Runtime:
    """The named runtime, or the fastest one that this machine can run.

    The measurement takes at most `_SECONDS` and is kept below ``cache`` for this processor, thread
    count and version of torch. bfloat16 is a candidate only where the processor multiplies it.

    Raises:
        ModelUnavailable: no runtime of this name, or it cannot run here.
    """
    if wanted != AUTOMATIC:
        if wanted not in RUNTIMES:
            raise ModelUnavailable(
                f"MODERATION_TEXT_RUNTIME={wanted!r} is no runtime; choose {AUTOMATIC!r} or one "
                f"of {', '.join(RUNTIMES)}"
            )
        if wanted not in candidates():
            raise ModelUnavailable(
                f"MODERATION_TEXT_RUNTIME={wanted!r} cannot run on this processor; choose "
                f"{AUTOMATIC!r} or one of {', '.join(candidates())}"
            )
        return RUNTIMES[wanted]
    measured = _known(cache) or _measure_and_keep(network, cache)
    best = min(measured, key=lambda name: measured[name])
    # Not worth another code path for less than measurement noise.
    if measured[best] > 0.95 * measured.get("torch-float32", float("inf")):
        best = "torch-float32"
    chosen = RUNTIMES[best]
    return Runtime(chosen.name, chosen.prepare, chosen.exact, measured)


def candidates() -> list[str]:
    """Names of the runtimes that this processor can run, safest first."""
    names = ["torch-float32"]
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        names.append("onednn-float32")
        if _multiplies_bfloat16():
            names.append("onednn-bfloat16")
    return names


def _multiplies_bfloat16() -> bool:
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        return "avx512_bf16" in flags or "amx_bf16" in flags
    return False


def _machine() -> str:
    """What a measurement is good for."""
    name = platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), name)
    threads = f"{torch.get_num_threads()} of {os.cpu_count()} threads"
    version = f"torch {torch.__version__}, measurement {_MEASUREMENT}"
    return "|".join([name, threads, version, *candidates()])


def _path(cache: Path) -> Path:
    return cache / "text-runtime.json"


def _known(cache: Path) -> dict[str, float]:
    try:
        found = json.loads(_path(cache).read_text(encoding="utf-8"))[_machine()]
        return {str(n): float(s) for n, s in found.items() if n in candidates()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _measure_and_keep(network: TextNetwork, cache: Path) -> dict[str, float]:
    measured = measure(network, candidates())
    _log.info("text runtimes, seconds: %s", measured)
    path = _path(cache)
    kept: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        kept = dict(json.loads(path.read_text(encoding="utf-8")))
    kept[_machine()] = measured
    # Without a place to keep it, the next start measures again.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        new.replace(path)
    return measured


def measure(network: TextNetwork, names: Sequence[str]) -> dict[str, float]:
    """Least seconds that each runtime took for the products of one layer, `_ROWS` at a time.

    Runtimes take turns, so that a neighbour on the machine slows all of them alike; the least of
    several turns is what a quiet moment gives.
    """
    products = network.products(len(network.layers) - 1)
    inputs = [torch.randn(rows, weight.shape[1]) for weight, _ in products for rows in _ROWS]
    ready: dict[str, list[Callable[[Tensor, bool], Tensor]]] = {
        name: [RUNTIMES[name].prepare(w.float(), b.float()) for w, b in products for _ in _ROWS]
        for name in names
    }
    least = dict.fromkeys(names, float("inf"))
    end = time.perf_counter() + _SECONDS
    with torch.inference_mode():
        for turn in range(20):
            for name in names:
                start = time.perf_counter()
                for index, (compute, x) in enumerate(zip(ready[name], inputs, strict=True)):
                    compute(x, index // len(_ROWS) == 2)
                if turn:  # the first turn warms up
                    least[name] = min(least[name], time.perf_counter() - start)
            if turn > 2 and time.perf_counter() > end:
                break
    return least
