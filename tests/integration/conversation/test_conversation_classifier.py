"""The conversation classifier in the way every classifier is used: items prepared, signals out."""

from __future__ import annotations

import pytest

from moderation.classifiers.base import Classifier
from moderation.classifiers.conversation import ConversationClassifier
from moderation.classifiers.conversation.labelled import Labelled, seed_conversations
from moderation.items import Item, Surface
from moderation.screening import Screener
from moderation.signals import Signal, TurnRange

SEED = {c.id: c for c in seed_conversations()}


def item_of(labelled: Labelled, backwards: bool = False) -> Item:
    turns = labelled.transcript.turns
    return Item(
        id=labelled.id,
        surface=Surface.DIRECT_MESSAGE,
        turns=turns[::-1] if backwards else turns,
    )


def signals_of(
    screener: Screener, classifier: ConversationClassifier, *items: Item
) -> list[dict[str, Signal]]:
    prepared = screener.ensemble.preparation.prepare(items)
    return [{s.name: s for s in own} for own in classifier.classify(prepared)]


def test_it_is_a_classifier_and_leaves_items_without_turns_alone(
    screener: Screener, classifier: ConversationClassifier
) -> None:
    assert isinstance(classifier, Classifier)
    post = Item.from_row({"id": "post", "text": "the cheese rolled down the hill"})
    assert signals_of(screener, classifier, post) == [{}]


def test_a_scam_is_told_with_its_stages_and_others_in_the_batch_change_nothing(
    screener: Screener, classifier: ConversationClassifier
) -> None:
    scam, chat = item_of(SEED["conv-en-001"]), item_of(SEED["conv-en-003"])
    [alone] = signals_of(screener, classifier, scam)
    together, harmless = signals_of(screener, classifier, scam, chat)
    name = "conversation.scam_progression"
    assert alone[name].probability > 0.5 > harmless[name].probability
    assert together[name].probability == pytest.approx(alone[name].probability, abs=1e-3)
    assert "payment" in alone[name].note
    assert alone[name].calibration_version


def test_turns_handed_in_backwards_are_put_in_order_and_evidence_names_their_places(
    screener: Screener, classifier: ConversationClassifier
) -> None:
    scam = SEED["conv-en-001"]
    [forwards] = signals_of(screener, classifier, item_of(scam))
    [backwards] = signals_of(screener, classifier, item_of(scam, backwards=True))
    name = "conversation.scam_progression"
    assert backwards[name].probability == pytest.approx(forwards[name].probability, abs=1e-6)
    last = len(scam.transcript.turns) - 1
    mirrored = {
        (last - r.last, last - r.first)
        for r in backwards[name].evidence
        if isinstance(r, TurnRange)
    }
    assert mirrored == {
        (r.first, r.last) for r in forwards[name].evidence if isinstance(r, TurnRange)
    }
