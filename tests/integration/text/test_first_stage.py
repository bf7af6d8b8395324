"""The cascade ends only what it may, and never with exits that belong to another model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.first_stage import (
    FIRST_STAGE_FILE,
    GLANCE_BITS,
    HIGHEST_ENDED,
    Exit,
    FirstStageDescription,
    Glance,
    write_first_stage,
)
from moderation.classifiers.text.model import MODELS_FOLDER, TextModel, read_description
from moderation.errors import ModelUnavailable
from moderation.items import Item
from moderation.settings import Settings

ABUSE = "you are a worthless idiot and nobody likes you"
TEXTS = ["good morning everyone", ABUSE, "quiero comprar pan", "Die Bahn kommt heute später"]
ALWAYS, NEVER = 1e9, -1e9


def with_stage(folder: Path, glance: float, exit_: float, weights: str = "") -> TextModel:
    """A copy of the shipped model with a first stage of these thresholds."""
    shutil.copytree(MODELS_FOLDER / "base", folder, dirs_exist_ok=True)
    description = read_description(folder)
    outputs = len(description.outputs)
    door = Exit(
        4, exit_, torch.zeros(8, 769), torch.zeros(8), torch.zeros(1 + outputs, 8),
        torch.full((1 + outputs,), -9.0),
    )  # fmt: skip
    write_first_stage(
        folder,
        Glance(np.zeros(1 << GLANCE_BITS, np.float32), 0.0, glance, np.full(outputs, -9.0)),
        (door,),
        FirstStageDescription(
            weights_sha256=weights or description.weights_sha256,
            calibration=description.calibration.version,
            glance_bias=0.0,
            glance_threshold=glance,
            layers=(4,),
            thresholds=(exit_,),
        ),
    )
    return TextModel(folder, Settings().model_cache)


def scored(model: TextModel, *, may_end: bool) -> np.ndarray:
    found = model.score(TEXTS, ["und"] * len(TEXTS), may_end=[may_end] * len(TEXTS))
    assert all(score.ended <= may_end for score in found)
    return np.stack([score.best for score in found])


def test_a_text_that_goes_through_all_exits_has_the_whole_networks_score(tmp_path: Path) -> None:
    model = with_stage(tmp_path, NEVER, NEVER)
    assert scored(model, may_end=True) == pytest.approx(scored(model, may_end=False), abs=1e-3)


@pytest.mark.parametrize(("glance", "exit_"), [(ALWAYS, NEVER), (NEVER, ALWAYS)])
def test_what_ends_early_stays_below_every_threshold(
    tmp_path: Path, glance: float, exit_: float
) -> None:
    model = with_stage(tmp_path, glance, exit_)
    assert scored(model, may_end=True).max() <= HIGHEST_ENDED
    assert scored(model, may_end=False).max() > 0.5
    assert "exits-" in model.version


def test_turns_and_disguised_texts_are_never_ended(tmp_path: Path) -> None:
    classifier = TextClassifier(with_stage(tmp_path, ALWAYS, NEVER))
    item = Item.from_row({"id": "a", "text": "x"})
    parts = [
        (ABUSE, "text:0"),
        (ABUSE, "turn:0"),
        ("y.o.u a.r.e a w.o.r.t.h.l.e.s.s i.d.i.o.t", "text:0"),
    ]
    entries = [Prepared(item=item, texts=(LocatedText(t, p, "en"),)) for t, p in parts]
    post, turn, disguised = (
        max(s.probability for s in signals) for signals in classifier.classify(entries)
    )
    assert post <= HIGHEST_ENDED
    assert turn > 0.5
    assert disguised > HIGHEST_ENDED


def test_exits_of_other_weights_are_left_out_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = with_stage(tmp_path, ALWAYS, ALWAYS, weights="0" * 64)
    assert model.first_stage is None
    assert "fitted to other weights" in caplog.text
    assert "moderation train text-cascade" in caplog.text


def test_a_damaged_first_stage_is_refused_by_name(tmp_path: Path) -> None:
    with_stage(tmp_path, ALWAYS, ALWAYS)
    path = tmp_path / FIRST_STAGE_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match=r"first_stage\.safetensors: unreadable.*delete it"):
        TextModel(tmp_path, Settings().model_cache)


def test_the_shipped_first_stage_belongs_to_the_shipped_model(
    text_classifier: TextClassifier,
) -> None:
    assert text_classifier.model.first_stage is not None
    assert text_classifier.runs_on["cascade"] in text_classifier.version
