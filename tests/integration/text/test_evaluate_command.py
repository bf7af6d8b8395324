"""`moderation evaluate` on files as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from moderation.cli.evaluate import evaluate
from moderation.tuning.labelled import read_labelled
from moderation.tuning.training_rows import UnreadableData

GOOD = ["lovely weather today", "what a great game", "see you at noon", "thanks for the help"]
BAD = ["you are a worthless idiot", "shut up you moron", "you stupid pig", "what a pathetic loser"]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [{"text": f"{t} {i}", "labels": [], "lang": "en"} for t in GOOD for i in range(3)]
    rows += [
        {"text": f"{t} {i}", "labels": ["toxicity"], "lang": "en"} for t in BAD for i in range(3)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def test_a_report_is_written_for_people_and_for_programs(labelled: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(
        app, [str(labelled), "--output", str(tmp_path / "out"), "--resamples", "10"]
    )
    assert result.exit_code == 0, result.output
    assert "toxicity" in result.output
    (found,) = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    (cell,) = [c for c in found["cells"] if (c["category"], c["by"]) == ("toxicity", "all")]
    assert cell["rows"] == 24
    assert cell["average_precision"]["value"] > 0.8
    assert "<svg" in (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")


def test_label_columns_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame(
        {"text": ["a", "b"], "hate": pd.array([1, None], dtype="Int8"), "violence": [0, 1]}
    ).to_parquet(path)
    first, second = read_labelled(path)
    assert first.labels == {"hate": 1.0, "threat_incitement": 0.0}
    assert second.labels == {"threat_incitement": 1.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{oops\n', "line 2"),
        ('{"txt": "a"}\n', "row 1: has no 'text'"),
        ('{"text": "a", "labels": ["rudeness"]}\n', "'rudeness' is no label"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableData, match=message):
        list(read_labelled(path))


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match=r"holds no \.parquet or \.jsonl"):
        list(read_labelled(tmp_path))
