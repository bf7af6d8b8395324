"""The conversation classifier in the way every classifier is used: items prepared, signals out."""

from __future__ import annotations

import pytest

from moderation.classifiers.base import Classifier
from moderation.classifiers.conversation import ConversationClassifier
from moderation.classifiers.conversation.labelled import Labelled, seed_conversations
from moderation.items import Item, Participant, Surface, TextSegment
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


def test_a_conversation_is_not_as_bad_as_its_worst_sentence_and_turns_stay_evidence(
    screener: Screener,
) -> None:
    [found] = screener.ensemble.assess([item_of(SEED["conv-en-001"])])
    by_name = {signal.name: signal for signal in found.signals if signal.part == "item"}
    assert found.scores["fraud_phishing"] == pytest.approx(
        max(s.probability for s in by_name.values() if s.category == "fraud_phishing")
    )
    assert any(s.name == "text.fraud_phishing" and s.part != "item" for s in found.signals)


def test_what_is_written_beside_the_turns_still_counts_by_itself(screener: Screener) -> None:
    chat = item_of(SEED["conv-en-003"])
    shout = "Congratulations! You won $5000. Send your bank login and card PIN to claim now"
    with_title = chat.model_copy(update={"texts": (TextSegment(text=shout),)})
    plain, titled = screener.ensemble.assess([chat, with_title])
    assert titled.scores["fraud_phishing"] > 0.5 > plain.scores["fraud_phishing"]


def test_the_participants_of_an_item_are_known_to_the_detectors(screener: Screener) -> None:
    approach = SEED["own-en-075"]
    item = item_of(approach)
    people = (Participant(id="A", age="18_plus"), Participant(id="B", age="13_15"))
    told = item.model_copy(update={"participants": people})
    [without], [known] = (screener.ensemble.assess([entry]) for entry in (item, told))
    assert known.scores["grooming"] > 0.5
    assert without.scores["grooming"] == 0.0


def test_the_encoder_reads_a_conversation_once(screener: Screener) -> None:
    reader = next(c for c in screener.ensemble.classifiers if c.name == "conversation").reader
    text = next(c for c in screener.ensemble.classifiers if c.name == "text").model
    assert text is reader
