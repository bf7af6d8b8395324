"""The shipped text model as its users meet it."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.evidence import deletion_effects
from moderation.classifiers.text.model import MODELS_FOLDER, TextModel, read_description
from moderation.classifiers.text.windows import LONGEST_TEXT
from moderation.errors import ModelUnavailable
from moderation.items import Item
from moderation.settings import Settings
from moderation.signals import Signal, TextSpan

TEXTS = [
    "good morning everyone",
    "you are a worthless idiot and nobody likes you",
    "加微信 带你赚钱 日入过千",
    "我不想活了",
    "Queen of the dance floor tonight, " * 40,
    "🙂",
    "quiero comprar pan",
]


def prepared(*texts: str, language: str = "und") -> Prepared:
    return Prepared(
        item=Item.from_row({"id": "a", "text": "x"}),
        texts=tuple(LocatedText(t, f"text:{i}", language) for i, t in enumerate(texts)),
    )


def scores(signals: list[Signal]) -> dict[str, float]:
    best: dict[str, float] = {}
    for signal in signals:
        if signal.category:
            best[signal.category] = max(best.get(signal.category, 0.0), signal.probability)
    return best


def test_plain_abuse_scores_high_and_a_greeting_low(text_classifier: TextClassifier) -> None:
    abuse, greeting = text_classifier.classify([prepared(TEXTS[1]), prepared(TEXTS[0])])
    assert scores(abuse)["toxicity"] > 0.6
    assert max(scores(greeting).values()) < 0.3


def test_every_signal_names_model_and_calibration(text_classifier: TextClassifier) -> None:
    for signal in text_classifier.classify([prepared("hello")])[0]:
        assert signal.model_version == text_classifier.version
        assert signal.calibration_version


def test_a_text_scores_the_same_alone_and_in_any_company(text_classifier: TextClassifier) -> None:
    alone = [scores(text_classifier.classify([prepared(text)])[0]) for text in TEXTS]
    order = list(range(len(TEXTS)))
    random.Random(3).shuffle(order)
    together = text_classifier.classify([prepared(TEXTS[i]) for i in order])
    for place, index in enumerate(order):
        assert scores(together[place]) == pytest.approx(alone[index], abs=1e-3)


def test_an_items_score_is_that_of_its_worst_part(text_classifier: TextClassifier) -> None:
    (mixed,) = text_classifier.classify([prepared(TEXTS[0], TEXTS[1])])
    (bad,) = text_classifier.classify([prepared(TEXTS[1])])
    assert scores(mixed)["toxicity"] == pytest.approx(scores(bad)["toxicity"], abs=1e-3)
    strongest = max(
        (s for s in mixed if s.category == "toxicity"), key=lambda signal: signal.probability
    )
    assert strongest.part == "text:1"


def explained(classifier: TextClassifier, entry: Prepared) -> list[Signal]:
    (signals,) = classifier.explain([entry], classifier.classify([entry]))
    return signals


def test_evidence_is_told_on_demand_and_changes_no_score(text_classifier: TextClassifier) -> None:
    entry = prepared("The concert was lovely. You are a worthless idiot.", TEXTS[0], language="en")
    (before,) = text_classifier.classify([entry])
    after = explained(text_classifier, entry)
    assert not any(signal.evidence for signal in before)
    assert [s.model_copy(update={"evidence": ()}) for s in after] == before
    assert all(bool(s.evidence) == (s.probability >= 0.3) for s in after)
    assert text_classifier.explain([entry], [after]) == [after]


def test_the_sentence_that_says_it_is_the_evidence(text_classifier: TextClassifier) -> None:
    text = "The concert was lovely. You are a worthless idiot. See you on Sunday."
    signals = explained(text_classifier, prepared(text, language="en"))
    (signal,) = [s for s in signals if s.category == "toxicity"]
    assert signal.probability >= 0.3
    (span,) = signal.evidence
    assert isinstance(span, TextSpan)
    assert text[span.start : span.end] == span.quote == "You are a worthless idiot."


def test_what_says_it_twice_is_told_twice(text_classifier: TextClassifier) -> None:
    insults = ("You are a worthless idiot.", "Shut up, you stupid clown.")
    text = f"The concert was lovely. {insults[0]} See you on Sunday. {insults[1]}"
    signals = explained(text_classifier, prepared(text, language="en"))
    (signal,) = [s for s in signals if s.category == "toxicity"]
    quotes = [e.quote for e in signal.evidence if isinstance(e, TextSpan)]
    assert len(quotes) == 2
    assert all(any(quote in insult for insult in insults) for quote in quotes)
    assert not any(quotes[0] in insult and quotes[1] in insult for insult in insults)


def test_a_short_turn_is_its_own_evidence_and_a_long_one_is_looked_into(
    text_classifier: TextClassifier,
) -> None:
    insult = "You are a worthless idiot."
    long = f"The concert was lovely, and the hall was full to the last seat. {insult} See you soon!"
    for text, wanted in ((f"Hi there! {insult}", f"Hi there! {insult}"), (long, insult)):
        entry = replace(prepared(text, language="en"), texts=(LocatedText(text, "turn:0", "en"),))
        (signal,) = [s for s in explained(text_classifier, entry) if s.category == "toxicity"]
        (span,) = signal.evidence
        assert isinstance(span, TextSpan)
        assert span.quote == wanted


def test_removing_the_evidence_lowers_the_score_most(text_classifier: TextClassifier) -> None:
    text = "The concert was lovely. You are a worthless idiot. See you on Sunday."
    model = text_classifier.model
    first, *others = deletion_effects(model, text, "en", model.outputs.index("toxicity"))
    assert "idiot" in text[first.start : first.end]
    assert first.drop > max(effect.drop for effect in others) + 0.1


def test_harm_in_the_middle_of_a_long_text_is_found(text_classifier: TextClassifier) -> None:
    calm = "We walked along the river and looked at the boats. " * 60
    entry = prepared(calm + TEXTS[1] + ". " + calm, language="en")
    signals = explained(text_classifier, entry)
    (signal,) = [s for s in signals if s.category == "toxicity"]
    assert signal.probability > 0.3
    (span,) = signal.evidence
    assert isinstance(span, TextSpan)
    assert "idiot" in span.quote


def test_a_disguise_is_read_and_shown(text_classifier: TextClassifier) -> None:
    (signals,) = text_classifier.classify([prepared("亻尔是个废物 亻尔去死", language="zh")])
    notes = {s.note for s in signals if s.note}
    assert all("parts put together" in note for note in notes)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "\ud800", "🙂" * 20_000, "e" + "\u0301" * 100_000, "\u202etxet", "http://a.b"],
    ids=["empty", "space", "nul", "surrogate", "emoji", "marks", "override", "link"],
)
def test_hostile_text_gets_a_score(text_classifier: TextClassifier, text: str) -> None:
    (signals,) = text_classifier.classify([prepared(text)])
    assert all(0 <= s.probability <= 1 for s in signals)


def test_what_was_not_read_is_told(text_classifier: TextClassifier) -> None:
    (signals,) = text_classifier.classify([prepared("a " * LONGEST_TEXT)])
    assert "text.partly_read" in {signal.name for signal in signals}


def test_an_item_without_text_has_no_signals(text_classifier: TextClassifier) -> None:
    assert text_classifier.classify([prepared()]) == [[]]
    assert text_classifier.classify([]) == []


@pytest.fixture
def copied_model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS_FOLDER / "base", tmp_path / "model"))


def load(folder: Path) -> TextModel:
    return TextModel(folder, Settings().model_cache)


def test_a_truncated_model_is_refused_by_name(copied_model: Path) -> None:
    path = copied_model / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match=r"weights\.safetensors: .*truncated"):
        load(copied_model)


def test_a_model_without_weights_is_refused_by_name(copied_model: Path) -> None:
    (copied_model / "weights.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"weights\.safetensors: cannot be read"):
        load(copied_model)


def test_a_model_for_another_encoder_is_refused(copied_model: Path) -> None:
    path = copied_model / "model.json"
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"conversion": 99}),
        encoding="utf-8",
    )
    with pytest.raises(ModelUnavailable, match=r"model\.json: made for .* v99"):
        load(copied_model)


@pytest.mark.parametrize("content", ["", "[]", '{"name": "x"}', "not json"])
def test_a_broken_description_is_refused(copied_model: Path, content: str) -> None:
    (copied_model / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelUnavailable, match=r"model\.json"):
        read_description(copied_model)
