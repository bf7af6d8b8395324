"""Lines from logits to probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.classifiers.text.calibration import Calibration, Line

LOGITS = np.array([[0.0, 1.0], [2.0, -1.0]], np.float32)


def test_an_output_without_a_line_keeps_its_sigmoid() -> None:
    found = Calibration(version="1").probabilities(LOGITS, ["a", "b"], ["en", "zh"])
    assert found == pytest.approx(1 / (1 + np.exp(-LOGITS)), abs=1e-6)


def test_a_language_with_a_line_of_its_own_uses_it() -> None:
    lines = {"a": {"any": Line(slope=1, intercept=0), "zh": Line(slope=1, intercept=-2)}}
    found = Calibration(version="1", lines=lines).probabilities(LOGITS, ["a", "b"], ["en", "zh"])
    assert found[0, 0] == pytest.approx(0.5)
    assert found[1, 0] == pytest.approx(0.5)


def test_extreme_logits_stay_probabilities() -> None:
    found = Calibration(version="1").probabilities(
        np.array([[1e9, -1e9]], np.float32), ["a", "b"], ["en"]
    )
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_line_that_would_turn_the_ranking_around_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Line(slope=-1, intercept=0)
