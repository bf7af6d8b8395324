"""What every classifier must do, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moderation.classifiers.base import Classifier, LocatedText, Prepared
from moderation.classifiers.ensemble import registered_factories
from moderation.items import Item
from moderation.settings import Settings
from moderation.signals import TextSpan
from moderation.taxonomy import CATEGORY_IDS

#: Those that run by default, and a model that its user names.
FACTORIES: dict[str, Callable[[Settings], Classifier]] = {
    name: factory
    for name, factory in registered_factories().items()
    if name in Settings.model_fields["classifiers"].default
}
TEXTS = (
    "good morning",
    "you are an idiot, text me on telegram: @some_body1",
    "加微信 abc12345 带你赚钱",
    "",
    "\ud800\0🙂",
)


_NAMED_FOLDER = "text from a folder"


@pytest.fixture(scope="module", params=[*sorted(FACTORIES), _NAMED_FOLDER])
def classifier(request: pytest.FixtureRequest, tiny_text_model: Path) -> Classifier:
    if request.param == _NAMED_FOLDER:
        settings = Settings(
            text_model=str(tiny_text_model), text_model_labels='{"nasty": "toxicity"}'
        )
        return FACTORIES["text"](settings)
    return FACTORIES[request.param](Settings())


def prepared(*texts: str) -> Prepared:
    return Prepared(
        item=Item.from_row({"id": "a", "text": "x"}),
        texts=tuple(LocatedText(text, f"text:{i}") for i, text in enumerate(texts)),
    )


def test_it_has_a_name_a_version_and_known_categories(classifier: Classifier) -> None:
    assert isinstance(classifier, Classifier)
    assert classifier.name
    assert classifier.version
    assert classifier.categories <= set(CATEGORY_IDS)


def test_it_answers_once_per_item_in_order(classifier: Classifier) -> None:
    batch = [prepared(text) for text in TEXTS]
    assert len(classifier.classify(batch)) == len(batch)
    assert classifier.classify([]) == []


def test_an_empty_item_has_no_signal_of_harm(classifier: Classifier) -> None:
    (signals,) = classifier.classify([prepared()])
    assert all(signal.category is None for signal in signals)


def test_signals_stay_within_its_categories_and_name_model_and_part(
    classifier: Classifier,
) -> None:
    (signals,) = classifier.classify([prepared(*TEXTS)])
    for signal in signals:
        assert signal.category is None or signal.category in classifier.categories
        assert signal.model == classifier.name
        assert signal.model_version == classifier.version
        assert signal.part.split(":")[0] in {"text", "image", "turn", "video", "item"}


def test_text_evidence_quotes_the_text_it_points_to(classifier: Classifier) -> None:
    (signals,) = classifier.classify([prepared(*TEXTS[:3])])
    for signal in signals:
        for evidence in signal.evidence:
            if isinstance(evidence, TextSpan):
                text = TEXTS[int(signal.part.split(":")[1])]
                assert text[evidence.start : evidence.end].startswith(evidence.quote)


def test_company_changes_no_probability(classifier: Classifier) -> None:
    alone = [classifier.classify([prepared(text)])[0] for text in TEXTS]
    together = classifier.classify([prepared(text) for text in reversed(TEXTS)])[::-1]
    for one, other in zip(alone, together, strict=True):
        assert [s.name for s in one] == [s.name for s in other]
        assert [s.probability for s in one] == pytest.approx(
            [s.probability for s in other], abs=1e-3
        )
