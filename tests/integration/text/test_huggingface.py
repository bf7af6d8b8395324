"""Any sequence-classification model can take the place of the shipped one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import typer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
from typer.testing import CliRunner

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import text
from moderation.classifiers.text.huggingface import HuggingFaceClassifier
from moderation.classifiers.text.second_opinion import SecondOpinion
from moderation.cli.evaluate import evaluate
from moderation.errors import ModelUnavailable
from moderation.items import Item
from moderation.settings import Settings


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two small layers that has learnt one thing: "bad" is toxic."""
    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "day", "cat", "dog", "sun"]
    raw = Tokenizer(WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    raw.pre_tokenizer = Whitespace()
    raw.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=32,
    )  # fmt: skip
    torch.manual_seed(1)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=32, num_labels=2,
            id2label={0: "fine", 1: "nasty"}, label2id={"fine": 0, "nasty": 1},
        )
    )  # fmt: skip
    ids = torch.randint(4, len(words), (256, 8), generator=torch.Generator().manual_seed(2))
    labels = (ids == 5).any(dim=1).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def prepared(content: str) -> Prepared:
    return Prepared(
        item=Item.from_row({"id": "a", "text": "x"}), texts=(LocatedText(content, "text:0"),)
    )


def configured(folder: Path, labels: str) -> Settings:
    return Settings(text_model=str(folder), text_model_labels=labels)


def test_a_named_folder_replaces_the_shipped_model(tiny_model: Path) -> None:
    classifier = text(configured(tiny_model, '{"nasty": "toxicity"}'))
    assert isinstance(classifier, HuggingFaceClassifier)
    assert classifier.categories == {"toxicity"}
    bad, good = classifier.classify([prepared("cat bad sun"), prepared("cat good sun")])
    assert bad[0].probability > 0.7 > 0.3 > good[0].probability
    assert bad[0].evidence


def test_the_worst_window_of_a_long_text_counts(tiny_model: Path) -> None:
    classifier = HuggingFaceClassifier(str(tiny_model), {"nasty": "toxicity"})
    (signals,) = classifier.classify([prepared("good day " * 60 + "bad " + "sun cat " * 60)])
    assert signals[0].probability > 0.5


def test_company_in_the_batch_changes_nothing(tiny_model: Path) -> None:
    classifier = HuggingFaceClassifier(str(tiny_model), {"nasty": "toxicity"})
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
def test_a_wrong_label_map_is_explained(tiny_model: Path, labels: str, message: str) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        text(configured(tiny_model, labels))


def test_a_folder_that_holds_no_model_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="MODERATION_TEXT_MODEL"):
        text(configured(tmp_path, '{"nasty": "toxicity"}'))


def with_second(folder: Path, **changes: str) -> Settings:
    named = {"text_second_model": str(folder), "text_second_labels": '{"nasty": "toxicity"}'}
    return Settings.model_validate(named | {"text_second_band": "0.0,0.6"} | changes)


def test_a_second_model_decides_where_the_first_is_unsure(tiny_model: Path) -> None:
    settings = with_second(tiny_model)
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
def test_a_wrong_band_is_explained(tiny_model: Path, band: str) -> None:
    with pytest.raises(ModelUnavailable, match="must be two probabilities"):
        text(with_second(tiny_model, text_second_band=band))


def test_it_is_evaluated_beside_the_shipped_one(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"{day} cat {n},{int(day == 'bad')}" for n in range(12) for day in ("good", "bad")]
    path.write_text("text,toxicity\n" + "\n".join(lines), encoding="utf-8")
    app = typer.Typer()
    app.command()(evaluate)
    found = CliRunner().invoke(
        app,
        [str(path), "--against", str(tiny_model), "--against-labels", '{"nasty": "toxicity"}',
         "--output", str(tmp_path), "--resamples", "5", "--no-identity"],
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    _, second = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert second["model"].startswith(tiny_model.name)
    assert second["cells"][0]["average_precision"]["value"] > 0.9


def test_a_single_output_is_a_probability_and_what_was_not_read_is_told(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "one"))
    model = BertForSequenceClassification.from_pretrained(
        folder, id2label={0: "nasty"}, problem_type="regression", ignore_mismatched_sizes=True
    )
    model.save_pretrained(folder)
    classifier = HuggingFaceClassifier(str(folder), {"nasty": "toxicity"})
    (long,) = classifier.classify([prepared("good day " * 5_000)])
    assert [signal.name for signal in long] == ["text.partly_read", "text.toxicity"]
    assert 0.05 < long[1].probability < 0.95
