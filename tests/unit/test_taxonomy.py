"""The 28 categories and what others call them."""

from __future__ import annotations

import pytest

from moderation.errors import UnknownCategory
from moderation.taxonomy import CATEGORIES, CATEGORY_IDS, DATA_LABELS, Detection, Severity, category


def test_there_are_28_categories_in_a_fixed_order() -> None:
    assert len(CATEGORY_IDS) == 28
    assert CATEGORY_IDS[0] == "csae"
    assert CATEGORY_IDS[-3:] == ("toxicity", "gambling", "spam")


def test_every_label_of_the_training_data_has_a_category_with_a_trained_detector() -> None:
    assert len(DATA_LABELS) == 13
    for target in DATA_LABELS.values():
        assert Detection.TRAINED in CATEGORIES[target].detection


def test_report_only_stands_alone() -> None:
    for entry in CATEGORIES.values():
        assert entry.detection, entry.id
        if Detection.REPORT_ONLY in entry.detection:
            assert entry.detection == (Detection.REPORT_ONLY,)


def test_child_safety_is_the_most_severe_and_toxicity_the_least() -> None:
    assert category("csae").severity is Severity.P0
    assert category("toxicity").severity is Severity.P4
    assert Severity.P0.minutes == 15
    assert [level.rank for level in Severity] == [0, 1, 2, 3, 4]


def test_an_unknown_category_is_refused_by_name() -> None:
    with pytest.raises(UnknownCategory, match=r"'tocixity'.*toxicity"):
        category("tocixity")
