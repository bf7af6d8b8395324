"""The configured classifiers together, with the real models."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from moderation.classifiers.base import Prepared
from moderation.classifiers.ensemble import Ensemble, UnknownClassifier, registered_factories
from moderation.errors import ModerationError
from moderation.items import Item
from moderation.screening import Screener
from moderation.settings import Settings
from moderation.signals import Signal
from moderation.taxonomy import CATEGORIES, Detection


class Failing:
    """A third party's classifier that breaks on every batch."""

    name = "failing"
    version = "1"
    categories = frozenset({"spam"})

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        raise RuntimeError("no more memory")


def test_the_taxonomy_says_of_every_category_whether_something_detects_it(
    screener: Screener,
) -> None:
    detected = frozenset().union(*(c.categories for c in screener.ensemble.classifiers))
    listed = {
        name
        for name, category in CATEGORIES.items()
        if {Detection.TRAINED, Detection.HEURISTIC} & set(category.detection)
    }
    assert detected == listed


def test_every_registered_classifier_can_be_named_in_the_settings() -> None:
    assert {"text", "contacts", "conversation", "nsfw", "known_images"} <= set(
        registered_factories()
    )
    with pytest.raises(UnknownClassifier, match=r"'txet'.*text"):
        Ensemble.from_settings(Settings(classifiers=("txet",)))


def test_two_classifiers_of_one_name_are_refused(screener: Screener) -> None:
    with pytest.raises(ModerationError, match="failing"):
        Ensemble([Failing(), Failing()], screener.ensemble.preparation)


def test_a_classifier_that_fails_sends_the_item_to_a_person_and_loses_nothing_else(
    screener: Screener,
) -> None:
    working = next(c for c in screener.ensemble.classifiers if c.name == "text")
    ensemble = Ensemble([Failing(), working], screener.ensemble.preparation)
    items = [Item.from_row({"id": "1", "text": "周末去公园散步"})]
    [assessment] = ensemble.assess(items)
    assert [problem.code for problem in assessment.problems] == ["classifier_failed"]
    assert assessment.scores["harassment"] < 0.5
    [screening] = screener.judge(items, [assessment])
    assert screening.needs_review


def test_the_strongest_part_gives_the_score_and_is_named(screener: Screener) -> None:
    item = Item.from_row(
        {
            "id": "1",
            "title": "周末去公园散步",
            "text": "You worthless idiot, I will find you and break your legs.",
        }
    )
    [assessment] = screener.ensemble.assess([item])
    strongest = assessment.strongest("threat_incitement")
    assert strongest is not None
    assert strongest.part == "text:1"
    assert strongest.probability == assessment.scores["threat_incitement"]
    assert assessment.models["text"] == strongest.model_version


def test_the_same_item_gets_the_same_scores_alone_and_in_a_batch(screener: Screener) -> None:
    items = [
        Item.from_row({"id": str(n), "text": text})
        for n, text in enumerate(["好", "see you at the market 大家 " * 30, "hola", "hi " * 400])
    ]
    together = screener.ensemble.assess(items)
    for item, batched in zip(items, together, strict=True):
        [alone] = screener.ensemble.assess([item])
        assert alone.scores == pytest.approx(batched.scores, abs=1e-3)
