"""Reviewers' decisions as labelled pictures for an image head."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from review_work import House

from moderation.classifiers.image.labelled_pictures import TrainingError
from moderation.errors import ModerationError
from moderation.tuning.decided_pictures import decided_files


def picture(seed: int) -> dict[str, Any]:
    noise = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return {"data": base64.b64encode(buffer.getvalue()).decode()}


def decided(house: House, action: str, category: str | None, *seeds: int) -> None:
    house.post(category="counterfeit", images=[picture(seed) for seed in seeds])
    house.queue.decide(house.claim("lin"), action, category=category)


def test_a_picture_gets_the_label_of_the_decision_in_force(house: House) -> None:
    house.reviewer("lin")
    decided(house, "limit", "counterfeit", 1)
    decided(house, "allow", None, 2)
    decided(house, "limit", "spam", 3)
    decided(house, "limit", "counterfeit", 4, 5)
    files = decided_files(house.database, ["counterfeit"])
    assert {name: len(paths) for name, paths in files.items()} == {"counterfeit": 1, "none": 1}
    stored = Image.open(files["counterfeit"][0])
    expected = Image.open(io.BytesIO(base64.b64decode(picture(1)["data"])))
    assert stored.tobytes() == expected.tobytes()


def test_a_picture_that_was_decided_in_two_ways_is_left_out(small_house: House) -> None:
    small_house.reviewer("lin")
    decided(small_house, "limit", "counterfeit", 1)
    decided(small_house, "allow", None, 1)
    files = decided_files(small_house.database, ["counterfeit"])
    assert files == {"counterfeit": [], "none": []}


@pytest.mark.parametrize("categories", [[], ["csae"], ["no_such_category"]])
def test_categories_must_be_named_known_and_trainable(categories, small_house: House) -> None:
    with pytest.raises((TrainingError, ModerationError)):
        decided_files(small_house.database, categories)
