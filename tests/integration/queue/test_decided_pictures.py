"""Reviewers' decisions as labelled pictures for an image head."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from review_work import House

from moderation.classifiers.image.decoding import shared_decoder
from moderation.classifiers.image.labelled_pictures import TrainingError
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import Bank, NewEntry
from moderation.classifiers.matching.fingerprints import entry_fingerprints
from moderation.classifiers.matching.never_shown import NeverShown
from moderation.errors import ModerationError
from moderation.records import audit
from moderation.tuning.decided_pictures import DecidedPictures, decided_files


def picture(seed: int) -> dict[str, Any]:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((400, 320), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return {"data": base64.b64encode(buffer.getvalue()).decode()}


def decided(house: House, action: str, category: str | None, *seeds: int) -> None:
    house.post(category="counterfeit", images=[picture(seed) for seed in seeds])
    house.queue.decide(house.claim("lin"), action, category=category)


def taken(house: House, categories: list[str]) -> DecidedPictures:
    banks = BankStore(house.database.media.folder.parent / "banks.sqlite")
    return decided_files(
        house.database,
        categories,
        by="mira",
        never_shown=NeverShown(banks),
        decoder=shared_decoder(),
    )


def test_a_picture_gets_the_label_of_the_decision_in_force(house: House) -> None:
    house.reviewer("lin")
    decided(house, "limit", "counterfeit", 1)
    decided(house, "allow", None, 2)
    decided(house, "limit", "spam", 3)
    decided(house, "limit", "counterfeit", 4, 5)
    files = taken(house, ["counterfeit"]).files
    assert {name: len(paths) for name, paths in files.items()} == {"counterfeit": 1, "none": 1}
    stored = Image.open(files["counterfeit"][0])
    expected = Image.open(io.BytesIO(base64.b64decode(picture(1)["data"])))
    assert stored.tobytes() == expected.tobytes()


def test_a_picture_that_was_decided_in_two_ways_is_left_out(small_house: House) -> None:
    small_house.reviewer("lin")
    decided(small_house, "limit", "counterfeit", 1)
    decided(small_house, "allow", None, 1)
    files = taken(small_house, ["counterfeit"]).files
    assert files == {"counterfeit": [], "none": []}


def test_pictures_that_are_never_rendered_are_left_out_and_the_audit_log_tells(
    house: House,
) -> None:
    house.reviewer("lin")
    for seed in (1, 2):
        decided(house, "limit", "counterfeit", seed)
    banks = BankStore(house.database.media.folder.parent / "banks.sqlite")
    banks.create(Bank("sealed", "ncii", never_render=True))
    known = Image.open(io.BytesIO(base64.b64decode(picture(2)["data"]))).resize((300, 200))
    banks.add("sealed", [NewEntry(entry_fingerprints(np.asarray(known)).hashes)])
    found = taken(house, ["counterfeit"])
    assert (len(found.files["counterfeit"]), found.never_rendered) == (1, 1)
    [entry] = audit.history(house.database, "training:image")
    assert (entry.actor, entry.action) == ("mira", "training_read")
    assert entry.detail == {"pictures": {"counterfeit": 1, "none": 0}, "never_rendered": 1}


@pytest.mark.parametrize("categories", [[], ["csae"], ["no_such_category"]])
def test_categories_must_be_named_known_and_trainable(categories, small_house: House) -> None:
    with pytest.raises((TrainingError, ModerationError)):
        taken(small_house, categories)
