"""Proportions with an interval, and the honesty to say when there is too little data."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Below so many trials a proportion is shown as "too little data".
ENOUGH = 50

_Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `n`, with the Wilson 95 % interval (Wilson 1927; Brown, Cai, DasGupta 2001)."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share itself; NaN where there was no trial."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound; (0, 1) where there was no trial."""
        if not self.n:
            return 0.0, 1.0
        share, square = self.hits / self.n, _Z * _Z
        middle = share + square / (2 * self.n)
        spread = _Z * math.sqrt(share * (1 - share) / self.n + square / (4 * self.n * self.n))
        below = 1 + square / self.n
        return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)

    @property
    def enough(self) -> bool:
        """Whether there are enough trials to read anything into it."""
        return self.n >= ENOUGH

    def __str__(self) -> str:
        if not self.enough:
            return f"too little data ({self.hits} of {self.n})"
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f}–{high:.3f}, n={self.n:,})"
