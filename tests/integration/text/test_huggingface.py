"""Any sequence-classification model can take the place of the shipped one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from transformers import BertForSequenceClassification
from typer.testing import CliRunner

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import text
from moderation.classifiers.text.huggingface import HuggingFaceClassifier
from moderation.classifiers.text.second_opinion import SecondOpinion
from moderation.cli.evaluate import evaluate
from moderation.errors import ModelUnavailable
from moderation.items import Item
from moderation.settings import Settings


def prepared(content: str) -> Prepared:
    return Prepared(
        item=Item.from_row({"id": "a", "text": "x"}), texts=(LocatedText(content, "text:0"),)
    )


def configured(folder: Path, labels: str) -> Settings:
    return Settings(text_model=str(folder), text_model_labels=labels)


def test_a_named_folder_replaces_the_shipped_model(tiny_text_model: Path) -> None:
    classifier = text(configured(tiny_text_model, '{"nasty": "toxicity"}'))
    assert isinstance(classifier, HuggingFaceClassifier)
    assert classifier.categories == {"toxicity"}
    bad, good = classifier.classify([prepared("cat bad sun"), prepared("cat good sun")])
    assert bad[0].probability > 0.7 > 0.3 > good[0].probability
    assert bad[0].evidence


def test_the_worst_window_of_a_long_text_counts(tiny_text_model: Path) -> None:
    classifier = HuggingFaceClassifier(str(tiny_text_model), {"nasty": "toxicity"})
    (signals,) = classifier.classify([prepared("good day " * 60 + "bad " + "sun cat " * 60)])
    assert signals[0].probability > 0.5


def test_company_in_the_batch_changes_nothing(tiny_text_model: Path) -> None:
    classifier = HuggingFaceClassifier(str(tiny_text_model), {"nasty": "toxicity"})
    alone = classifier.classify([prepared("bad dog")])[0][0].probability
    company = [prepared("good day " * n) for n in range(1, 12)]
    together = classifier.classify([*company, prepared("bad dog")])[-1][0].probability
    assert together == pytest.approx(alone, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("", "must be a JSON object"),
        ("[1]", "must be a JSON object"),
        ('{"awful": "toxicity"}', "has no label 'awful'"),
        ('{"nasty": "rudeness"}', "which is no category"),
    ],
)
def test_a_wrong_label_map_is_explained(tiny_text_model: Path, labels: str, message: str) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        text(configured(tiny_text_model, labels))


def test_a_folder_that_holds_no_model_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="MODERATION_TEXT_MODEL"):
        text(configured(tmp_path, '{"nasty": "toxicity"}'))


def with_second(folder: Path, **changes: str) -> Settings:
    named = {"text_second_model": str(folder), "text_second_labels": '{"nasty": "toxicity"}'}
    return Settings.model_validate(named | {"text_second_band": "0.0,0.6"} | changes)


def test_a_second_model_decides_where_the_first_is_unsure(tiny_text_model: Path) -> None:
    settings = with_second(tiny_text_model)
    alone = text(Settings())
    both = text(settings)
    assert isinstance(both, SecondOpinion)
    assert both.name == alone.name
    sure, unsure = "you are a worthless idiot and nobody likes you", "cat bad sun"
    before = alone.classify([prepared(sure), prepared(unsure)])
    after = both.classify([prepared(sure), prepared(unsure)])
    (first, second) = ({s.category: s for s in signals} for signals in after)
    (first_before, second_before) = ({s.category: s for s in signals} for signals in before)
    assert first["toxicity"].probability == first_before["toxicity"].probability
    assert second["toxicity"].probability > 0.7
    assert second_before["toxicity"].probability < 0.6 < first["toxicity"].probability
    assert "the first model said" in second["toxicity"].note
    assert {s.model_version for s in after[0]} == {both.version}
    company = both.classify([prepared("good day"), prepared(unsure)])[1]
    assert [s.probability for s in company] == pytest.approx(
        [s.probability for s in after[1]], abs=1e-3
    )
    assert both.classify([]) == []


@pytest.mark.parametrize("band", ["", "0.5", "0.7,0.3", "a,b", "0.2,1.5"])
def test_a_wrong_band_is_explained(tiny_text_model: Path, band: str) -> None:
    with pytest.raises(ModelUnavailable, match="must be two probabilities"):
        text(with_second(tiny_text_model, text_second_band=band))


def test_it_is_evaluated_beside_the_shipped_one(tiny_text_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"{day} cat {n},{int(day == 'bad')}" for n in range(12) for day in ("good", "bad")]
    path.write_text("text,toxicity\n" + "\n".join(lines), encoding="utf-8")
    app = typer.Typer()
    app.command()(evaluate)
    found = CliRunner().invoke(
        app,
        [str(path), "--against", str(tiny_text_model), "--against-labels", '{"nasty": "toxicity"}',
         "--output", str(tmp_path), "--resamples", "5", "--no-identity"],
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    _, second = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert second["model"].startswith(tiny_text_model.name)
    assert second["cells"][0]["average_precision"]["value"] > 0.9


def test_a_single_output_is_a_probability_and_what_was_not_read_is_told(
    tiny_text_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_text_model, tmp_path / "one"))
    model = BertForSequenceClassification.from_pretrained(
        folder, id2label={0: "nasty"}, problem_type="regression", ignore_mismatched_sizes=True
    )
    model.save_pretrained(folder)
    classifier = HuggingFaceClassifier(str(folder), {"nasty": "toxicity"})
    (long,) = classifier.classify([prepared("good day " * 5_000)])
    assert [signal.name for signal in long] == ["text.partly_read", "text.toxicity"]
    assert 0.05 < long[1].probability < 0.95
