"""A head trained on drawn pictures with the real backbone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.image.decoding import SafeDecoder
from moderation.classifiers.image.efficientnet_lite import ImageFeatures
from moderation.classifiers.image.head_training import Training, train
from moderation.classifiers.image.labelled_pictures import (
    LabelledPictures,
    TrainingError,
    labelled_files,
    read_pictures,
)
from moderation.classifiers.image.trained_head import (
    TrainedHead,
    TrainedHeadClassifier,
    image_head,
)
from moderation.cli import train_image
from moderation.errors import ModelUnavailable
from moderation.items import Item
from moderation.settings import Settings

EACH = 20


def drawing(kind: str, seed: int) -> Image.Image:
    """Rings on a busy ground, or the ground alone."""
    rng = np.random.default_rng([seed, len(kind)])
    picture = Image.new("RGB", (160, 160), tuple(rng.integers(0, 255, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, w, h = rng.integers(0, 120, 4).tolist()
        pen.rectangle((x, y, x + w // 2, y + h // 2), fill=tuple(rng.integers(0, 255, 3).tolist()))
    if kind == "counterfeit":
        x, y = rng.integers(10, 60, 2).tolist()
        for ring in range(0, 40, 12):
            pen.ellipse(
                (x + ring, y + ring, x + 90 - ring, y + 90 - ring), outline="white", width=5
            )
    return picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for kind in ("counterfeit", "none"):
        (folder / kind).mkdir()
        for seed in range(EACH):
            drawing(kind, seed).save(folder / kind / f"{seed}.png")
    drawing("none", 0).resize((150, 150)).save(folder / "none" / "copy.png")
    (folder / "none" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def features() -> ImageFeatures:
    return ImageFeatures()


@pytest.fixture(scope="module")
def pictures(folder, features) -> LabelledPictures:
    decoder = SafeDecoder()
    found = read_pictures(labelled_files(folder), decoder, features)
    decoder.close()
    return found


@pytest.fixture(scope="module")
def training(pictures) -> Training:
    return train(pictures)


def item(*images: Image.Image) -> Prepared:
    decoded = tuple(DecodedImage(n, np.asarray(p), p.size, "") for n, p in enumerate(images))
    return Prepared(Item.from_row({"id": "1", "text": "a post"}), images=decoded)


def test_the_backbone_gives_the_published_features(features):
    x, y = np.meshgrid(np.arange(224), np.arange(224))
    picture = np.stack([x, y, (x + y) // 2], axis=2).astype(np.uint8)
    [found] = features.of([picture])
    # Of the reference implementation (package efficientnet-lite-pytorch) on the same pixels.
    assert found.sum() == pytest.approx(89.2027, rel=1e-3)
    assert found[[113, 897, 930, 689]] == pytest.approx([4.8295, 4.7637, 3.9887, 2.6889], rel=1e-2)


def test_unreadable_pictures_are_named_and_left_out(pictures):
    assert len(pictures.labels) == 2 * EACH + 1
    assert len(pictures.refused) == 1
    assert "broken.png" in pictures.refused[0]


def test_unseen_pictures_are_told_apart(training, features):
    [report] = training.reports
    assert report.category == "counterfeit"
    assert report.average_precision > 0.85
    assert report.threshold is not None
    new = {
        kind: [np.asarray(drawing(kind, 900 + n)) for n in range(4)]
        for kind in ("counterfeit", "none")
    }
    with_rings, without = (training.head.probabilities(features.of(p)) for p in new.values())
    assert with_rings.mean() > 0.7
    assert without.mean() < 0.3


def test_a_saved_head_gives_the_same_answers_and_has_a_card(training, features, tmp_path):
    training.head.save(tmp_path / "head", training.card)
    loaded = TrainedHead.load(tmp_path / "head")
    some = features.of([np.asarray(drawing("counterfeit", 901))])
    assert loaded.probabilities(some) == pytest.approx(training.head.probabilities(some), abs=1e-6)
    card = (tmp_path / "head" / "model-card.md").read_text()
    assert f"Trained on {2 * EACH + 1} pictures, {EACH + 1} of them harmless" in card
    assert f"| counterfeit | {EACH} |" in card


def test_training_is_repeatable(training, pictures):
    again = train(pictures)
    assert again.head.facts == training.head.facts
    assert again.reports == training.reports


def test_near_duplicates_share_a_group(pictures):
    none = [
        group
        for group, label in zip(pictures.groups, pictures.labels, strict=True)
        if label == "none"
    ]
    assert len(none) == EACH + 1
    assert len(set(none)) == EACH


def test_copies_do_not_count_as_different_pictures(pictures):
    copies = replace(pictures, groups=tuple(n % 4 for n in range(len(pictures.groups))))
    with pytest.raises(TrainingError, match="only 4 different pictures; the rest are copies"):
        train(copies)


def test_the_classifier_gives_calibrated_signals(training, features):
    classifier = TrainedHeadClassifier(training.head, features)
    assert classifier.categories == {"counterfeit"}
    batch = [item(drawing("none", 950), drawing("counterfeit", 951)), item()]
    signals = classifier.classify(batch)
    assert [signal.part for signal in signals[0]] == ["image:0", "image:1"]
    assert signals[1] == []
    first, second = signals[0]
    assert (second.name, second.category) == ("image.counterfeit", "counterfeit")
    assert second.calibration_version == training.head.facts.version
    assert second.probability > first.probability


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({}, "needs pictures of at least one category"),
        ({"counterfeit": 20}, "and of 'none'"),
        ({"counterfeit": 3, "none": 20}, "counterfeit has 3 usable pictures; at least 20"),
        ({"weapons": 20, "none": 20}, "'weapons' is no category id"),
    ],
)
def test_folders_that_cannot_be_trained_on_are_refused(folders, message, tmp_path):
    for name, count in folders.items():
        (tmp_path / name).mkdir()
        for n in range(count):
            (tmp_path / name / f"{n}.png").touch()
    with pytest.raises(TrainingError, match=message):
        labelled_files(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "no JSON", "other backbone", "wrong shape"])
def test_a_damaged_head_is_refused_with_its_reason(damage, training, tmp_path):
    folder = tmp_path / "head"
    training.head.save(folder, training.card)
    facts = folder / "head.json"
    if damage == "missing":
        (folder / "head.safetensors").unlink()
    elif damage == "no JSON":
        facts.write_text("{")
    else:
        change = (
            {"backbone": "other"}
            if damage == "other backbone"
            else {
                "categories": ["counterfeit", "hate"],
                "thresholds": [None, None],
            }
        )
        facts.write_text(json.dumps({**json.loads(facts.read_text()), **change}))
    with pytest.raises(ModelUnavailable, match=str(folder)):
        TrainedHead.load(folder)


def test_the_factory_says_what_it_needs(monkeypatch, training, tmp_path):
    monkeypatch.delenv("MODERATION_IMAGE_HEAD", raising=False)
    with pytest.raises(ModelUnavailable, match="MODERATION_IMAGE_HEAD"):
        image_head(Settings())
    training.head.save(tmp_path, training.card)
    monkeypatch.setenv("MODERATION_IMAGE_HEAD", str(tmp_path))
    assert image_head(Settings()).categories == {"counterfeit"}


def test_the_command_trains_a_head_that_can_be_used(folder, tmp_path):
    app = typer.Typer()
    app.command()(train_image.image)
    result = CliRunner().invoke(app, [str(folder), "--out", str(tmp_path / "head")])
    assert result.exit_code == 0, result.output
    assert "broken.png" in result.stderr
    assert "counterfeit" in result.stdout
    assert TrainedHead.load(tmp_path / "head").facts.categories == ("counterfeit",)
