"""The project's own training text: patterns, disguises, seed corpus, recipes."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from pyarrow import Table

from moderation.tuning.rereading import DISPUTED, READINGS, digest, reread
from moderation.tuning.training import loss_of
from moderation.tuning.training_evasion import disguise, vary_placeholders
from moderation.tuning.training_mixture import Mixture
from moderation.tuning.training_patterns import (
    FUNCTION_LABELS,
    Adverts,
    FunctionalPairs,
    Harmless,
    function_languages,
    functional_sentence,
)
from moderation.tuning.training_recipe import InvalidRecipe, read_recipe
from moderation.tuning.training_rows import (
    LABELS,
    OUTPUTS,
    SEED_FOLDER,
    LabelledText,
    UnreadableData,
    read_seed,
    read_split,
    sampling_probabilities,
)


def test_functional_patterns_exist_in_at_least_twelve_languages() -> None:
    assert len(function_languages()) >= 12


@pytest.mark.parametrize("language", function_languages())
def test_every_pattern_of_a_language_can_be_filled(language: str) -> None:
    rng = random.Random(1)
    for function in FUNCTION_LABELS:
        if (language, function) in {("vi", "h_reference"), ("vi", "h_polite")}:
            continue
        for _ in range(6):
            row = functional_sentence(language, function, rng)
            assert "{" not in row.text
            assert row.text.strip()


def test_the_same_words_are_hateful_or_not_by_their_function() -> None:
    rng = random.Random(2)
    assert functional_sentence("en", "h_derogation", rng).labels["hate"] == 1
    for function in ("n_quote", "n_counter", "n_negation", "n_object", "t_unprotected"):
        assert functional_sentence("en", function, rng).labels["hate"] == 0


def test_held_out_functions_and_languages_are_never_drawn() -> None:
    pairs = FunctionalPairs(["n_counter"], ["tr"])
    rng = random.Random(3)
    drawn = [pairs.draw(rng) for _ in range(400)]
    assert "tr" not in {row.language for row in drawn}
    assert "n_counter" not in {row.aspect for row in drawn}


def test_the_held_out_suite_has_nothing_else() -> None:
    pairs = FunctionalPairs(["n_counter"], ["tr"], held_out_only=True)
    rng = random.Random(3)
    drawn = [pairs.draw(rng) for _ in range(200)]
    assert all(row.language == "tr" or row.aspect == "n_counter" for row in drawn)


def test_harmless_sentences_and_adverts_are_filled() -> None:
    rng = random.Random(4)
    harmless, adverts = Harmless(), Adverts()
    for _ in range(300):
        row = harmless.draw(rng)
        assert not any(row.labels.values())
        assert "{" not in row.text
        assert "{" not in adverts.draw(rng).text.replace("def add", "")


def test_disguises_change_form_on_either_kind_of_text_and_keep_some_of_it() -> None:
    rng = random.Random(5)
    for text in ("have a lovely evening everyone", "大家晚上好,今天吃什么,加油"):
        forms = {disguise(text, rng) for _ in range(60)}
        assert len(forms) > 20
        assert all(form.strip() for form in forms)


def test_placeholders_of_the_seed_corpus_vary() -> None:
    rng = random.Random(6)
    forms = {vary_placeholders("call 00000 or shop.example.com, id anna_ex", rng) for _ in range(9)}
    assert len(forms) == 9
    assert not any("example" in form or "_ex" in form for form in forms)


def test_seed_rows_are_kept_back_in_blocks_and_appear_once() -> None:
    train, kept = list(read_seed(kept_back=False)), list(read_seed(kept_back=True))
    assert 0.05 < len(kept) / (len(kept) + len(train)) < 0.12
    singles = sum(
        1
        for file in (SEED_FOLDER / "corpus").glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "turns" not in json.loads(line)
    )
    both = [row for row in (*train, *kept) if row.source == "seed"]
    assert len(both) == singles


def test_self_harm_rows_say_distress_or_encouragement() -> None:
    rows = [row for row in read_seed(kept_back=False) if row.labels["self_harm"]]
    values = [row.labels["self_harm.encouragement"] for row in rows if row.source == "seed"]
    assert 0.1 < float(np.mean(values)) < 0.5


def test_targets_mark_unknown_labels_with_no_weight() -> None:
    row = LabelledText("x", "en", "s", {"toxicity": 1.0}, {"hate": 0.0})
    target, weight = row.targets(0.2)
    assert target[OUTPUTS.index("toxicity")] == 1
    assert weight[OUTPUTS.index("toxicity")] == 1
    assert weight[OUTPUTS.index("hate")] == pytest.approx(0.2)
    assert weight.sum() == pytest.approx(1.2)


def test_probable_labels_are_read_from_their_column(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    rows: list[dict[str, object]] = [
        {"text": "a", "toxicity": 1, "weak0": "fraud,spam", "weak1": "hate,toxicity"},
        {"text": "b", "toxicity": None, "weak0": None, "weak1": ""},
    ]
    table = Table.from_pylist([row | {"lang": "en", "source": "s"} for row in rows])
    parquet.write_table(table, tmp_path / "train" / "s.parquet")
    first, second = read_split(tmp_path, "train")
    assert first.weak == {"fraud": 0.0, "spam": 0.0, "hate": 1.0}
    assert first.labels == {"toxicity": 1.0}
    assert not second.weak


def test_rows_that_were_read_again_carry_the_second_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reread").mkdir()
    readings = {
        "about a group": "group",
        "a question": "harmless",
        "an answer to prejudice": "against_prejudice",
    }
    lines = [f"{digest(text)},{reading}" for text, reading in readings.items()]
    (tmp_path / "reread" / "forum.csv").write_text("\n".join(["sha256,reading", *lines, ""]))
    monkeypatch.setattr("moderation.tuning.rereading.SEED_FOLDER", tmp_path)
    toxic, fine = {"toxicity": 1.0}, {"toxicity": 0.0}
    rows = [
        LabelledText("about a group", "zh", "forum", fine, {"hate": 0.0, "spam": 0.0}),
        LabelledText("a question", "zh", "forum", toxic),
        LabelledText("an answer to prejudice", "zh", "forum", toxic),
        LabelledText("called toxic, read by nobody", "zh", "forum", toxic),
        LabelledText("called harmless, read by nobody", "zh", "forum", fine),
        LabelledText("of another source", "zh", "elsewhere", toxic),
    ]
    group, question, answer, unread, other = reread(rows)
    assert group.labels == {"toxicity": 1.0, "hate": 1.0}
    assert group.weak == {"spam": 0.0}
    assert question.labels == DISPUTED
    assert answer.labels == {"toxicity": 0.0, "harassment": 0.0, "hate": 0.0}
    assert {group.source, question.source, answer.source} == {"forum_reread"}
    assert unread == rows[4]
    assert other == rows[5]
    assert len(list(reread(rows, unread=False))) == 4


def test_every_second_reading_is_one_of_four() -> None:
    for file in (SEED_FOLDER / "reread").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert len({row["sha256"] for row in rows}) == len(rows) > 1000
        assert {row["reading"] for row in rows} == set(READINGS)


def test_rare_languages_and_labels_are_drawn_more_often() -> None:
    many = [LabelledText("a", "en", "s", {"toxicity": 0.0}) for _ in range(99)]
    one = LabelledText("b", "sw", "s", {"toxicity": 1.0})
    chances = sampling_probabilities([*many, one], 0.5)
    assert chances[-1] > 5 * chances[0]
    assert chances.sum() == pytest.approx(1)


def test_the_shipped_recipe_is_valid_and_draws_from_all_its_own_sources() -> None:
    recipe = read_recipe("base")
    mixture = Mixture(recipe, None)
    rng = random.Random(7)
    sources = {mixture.draw(rng).source for _ in range(300)}
    assert {"seed", "functions", "harmless", "adverts"} <= sources


def test_a_recipe_with_a_typo_names_file_and_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: x\nlerning_rate: 1\n", encoding="utf-8")
    with pytest.raises(InvalidRecipe, match=r"mine\.yaml: version"):
        read_recipe(str(path))
    with pytest.raises(InvalidRecipe, match=r"recipes of the package: .*base"):
        read_recipe("none_such")


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="no parquet files"):
        list(read_split(tmp_path, "train"))


def test_the_loss_ignores_unknown_outputs() -> None:
    import torch

    logits = torch.tensor([[2.0, -50.0]])
    target = torch.tensor([[1.0, 1.0]])
    known_first = loss_of(logits, target, torch.tensor([[1.0, 0.0]]))
    assert float(known_first) == pytest.approx(0.1269, abs=1e-3)
    assert len(LABELS) == 13
