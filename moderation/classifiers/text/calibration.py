"""From a network's logits to probabilities that policy may use.

A line per output, fitted on data kept back from training (Platt 1999): ``p = sigmoid(slope *
logit + intercept)``. Where there were enough rows, a language has a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Floats = npt.NDArray[np.float32]

#: Key of the line that holds for every language without one of its own.
ANY_LANGUAGE = "any"


class Line(BaseModel):
    """``sigmoid(slope * logit + intercept)``; a negative slope would turn a ranking around."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: Annotated[float, Field(gt=0)]
    intercept: float


class Calibration(BaseModel):
    """Lines by output and language. An output without lines keeps its plain sigmoid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    lines: Mapping[str, Mapping[str, Line]] = Field(default_factory=dict)

    def probabilities(
        self, logits: Floats, outputs: Sequence[str], languages: Sequence[str]
    ) -> Floats:
        """Calibrated probabilities (n, outputs) of logits (n, outputs); one language per row."""
        slope = np.ones_like(logits)
        intercept = np.zeros_like(logits)
        for column, output in enumerate(outputs):
            by_language = self.lines.get(output, {})
            if not by_language:
                continue
            for row, language in enumerate(languages):
                line = by_language.get(language) or by_language.get(ANY_LANGUAGE)
                if line is not None:
                    slope[row, column] = line.slope
                    intercept[row, column] = line.intercept
        z = np.clip(slope * logits + intercept, -30.0, 30.0)
        result: Floats = (1.0 / (1.0 + np.exp(-z))).astype(np.float32)
        return result
