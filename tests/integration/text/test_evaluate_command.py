"""`moderation evaluate` on files as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from moderation.cli.evaluate import evaluate
from moderation.tuning.labelled import Columns, read_labelled
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
        ('{"txt": "a"}\n', "line 1: has no 'text'; it has txt"),
        ("[1]\n", "line 1: not a JSON object"),
        ('{"text": "a", "toxicity": "much"}\n', "line 1, column 'toxicity': 'much' is neither"),
        ('{"text": "a", "labels": ["rudeness"]}\n', "'rudeness' is no label"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableData, match=message):
        list(read_labelled(path))


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match=r"holds no file that ends in one of \.parquet"):
        list(read_labelled(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", b'text,toxicity\r\n"lovely, thanks",0\r\nyou idiot,yes\r\n', [0.0, 1.0]),
        ("a.csv", "\ufefftext;toxicity\nca\u00e7a va;0\nyou idiot;1.0\n".encode(), [0.0, 1.0]),
        ("a.tsv", "text\ttoxicity\nhi\t0\nyou idiot\t1\n".encode("utf-16"), [0.0, 1.0]),
        ("a.csv", b"text,labels\nhi,none\nyou idiot,toxicity; hate\n", [0.0, 1.0]),
        ("a.csv", b"text,labels\nhi,[]\nyou idiot,\"['toxicity']\"\n", [0.0, 1.0]),
        ("a.csv", b"text,toxicity\nhi,\n" + b"x" * 300_000 + b",1\n", [None, 1.0]),
        ("a.jsonl", b'{"text": "hi", "labels": "none"}\n', [0.0]),
    ],
)
def test_tables_are_read_as_people_save_them(
    tmp_path: Path, name: str, content: bytes, rows: list[float | None]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert [row.labels.get("toxicity") for row in read_labelled(tmp_path)] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,toxicity\ncaf\xe9,0\n", "not in UTF-8.*save the file as UTF-8"),
        (b"text,toxicity\nhello, you,1\n", "line 2: has more fields"),
        (b"comment,toxicity\nhello,1\n", "it has comment, toxicity.*--text-column"),
        (b"text,labels\nhello,offensive\n", "--label offensive=toxicity"),
        (b"text,toxicity\nhello,7\n", "'7' is neither 1 nor 0"),
    ],
)
def test_a_bad_table_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableData, match=message):
        list(read_labelled(path))


def test_columns_and_labels_of_others_are_given_a_meaning(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("comment,rude,labels\nhi,0,normal\nbye,1,normal\n", encoding="utf-8")
    columns = Columns("comment", means={"rude": "toxicity", "normal": "none"})
    assert [r.labels["toxicity"] for r in read_labelled(path, columns)] == [0.0, 1.0]
    with pytest.raises(UnreadableData, match="'rudeness' is no label"):
        Columns(means={"rude": "rudeness"})


@pytest.mark.parametrize("rows", [1, 12])
def test_too_few_rows_give_no_figure_and_say_so(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,toxicity\n" + "hello there,0\n" * rows, encoding="utf-8")
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(
        app, [str(path), "--output", str(tmp_path / "out"), "--no-identity"]
    )
    assert result.exit_code == 0, result.output
    assert "Too few rows" in result.output
    assert (tmp_path / "out" / "evaluation.html").is_file()
