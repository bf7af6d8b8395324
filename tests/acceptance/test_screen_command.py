"""`moderation screen`, as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from moderation.settings import Settings

pytestmark = pytest.mark.timeout(240)

INSULT = "You worthless idiot, I will find you and break your legs."


def run(
    arguments: Sequence[str | Path],
    folder: Path,
    *,
    stdin: bytes | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Runs the command with its data in that folder; only the text model, which is quick."""
    done = subprocess.run(
        [sys.executable, "-m", "moderation.cli", "screen", *map(str, arguments)],
        env=os.environ
        | {
            "MODERATION_DATA_DIR": str(folder / "data"),
            "MODERATION_CLASSIFIERS": "text",
            "COLUMNS": "160",
        }
        | environment,
        input=stdin,
        capture_output=True,
        timeout=200,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def results(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_good_rows_are_screened_beside_bad_ones_which_are_named(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(
        '{"id": "1", "text": "周末去公园散步"}\n'
        '{"id": "2", "text": \n'
        '{"id": "3", "text": "x", "author": {"age": "nineteen"}}\n'
        f'{{"id": "4", "text": "{INSULT}"}}\n'
        '{"id": "5"}\n',
        encoding="utf-8",
    )
    output = tmp_path / "out.jsonl"
    done = run([file, "--output", output, "--regions", "DE,US"], tmp_path)
    assert done.returncode == 1
    assert "line 2: not a JSON object" in done.stderr
    assert "line 3: author.age" in done.stderr
    assert "line 5: the item is empty" in done.stderr
    assert "3 bad rows" in done.stderr
    walk, insult = results(output)
    assert (walk["id"], insult["id"]) == ("1", "4")
    assert walk["verdicts"]["DE"]["action"] == "allow"  # type: ignore[index]
    assert insult["scores"]["harassment"] > walk["scores"]["harassment"]  # type: ignore[index]
    assert set(insult["verdicts"]) == {"DE", "US"}  # type: ignore[call-overload]


def test_standard_input_to_standard_output(tmp_path: Path) -> None:
    done = run(["-", "-o", "-"], tmp_path, stdin=b'{"id": "1", "text": "hello"}\n')
    assert done.returncode == 0
    assert json.loads(done.stdout)["id"] == "1"


def test_parquet_in_and_out_with_record(tmp_path: Path) -> None:
    file = tmp_path / "items.parquet"
    pd.DataFrame({"id": ["a", "b"], "text": ["hello", INSULT], "label": [0, 1]}).to_parquet(file)
    output = tmp_path / "out.parquet"
    done = run([file, "-o", output, "--record"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "label" in done.stderr
    assert "1 wait for a person" in done.stderr
    table = pd.read_parquet(output)
    assert list(table["id"]) == ["a", "b"]
    assert table["scores"][1]["harassment"] > 0.5
    assert json.loads(table["verdicts"][1])


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    rows = [json.dumps({"id": str(n), "text": f"note number {n} " * 8}) for n in range(320)]
    file.write_text("\n".join(rows))
    output = tmp_path / "out.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "moderation.cli", "screen", str(file), "-o", str(output)],
        env=os.environ | {"MODERATION_CLASSIFIERS": "text"},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (output.exists() and output.stat().st_size):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with output.open("ab") as stream:
        stream.write(b'{"id": "torn')
    done = run([file, "-o", output, "--resume"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["id"] for row in results(output)] == [str(n) for n in range(320)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.jsonl"], "there is no such file"),
        (["items.jsonl", "--regions", "UK"], "unknown region 'UK'"),
        (["items.jsonl", "-o", "missing/out.jsonl"], "there is no folder"),
        (["items.jsonl", "-o", "out.xlsx"], ".jsonl or .parquet"),
        (["items.jsonl", "-o", "full.jsonl"], "No space left"),
    ],
)
def test_what_cannot_be_done_is_one_clear_sentence(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "1", "text": "hello"}\n')
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    placed = [str(tmp_path / a) if a.endswith((".jsonl", ".xlsx")) else a for a in arguments]
    done = run(placed, tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_typo_in_a_policy_pack_is_told_with_file_line_and_rule(tmp_path: Path) -> None:
    packs = tmp_path / "policies"
    shutil.copytree(Settings().policies_dir, packs)
    baseline = packs / "baseline.yaml"
    lines = baseline.read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines) if "category: hate" in line and "-" not in line)
    lines[number] = lines[number].replace("category", "categroy")
    baseline.write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "items.jsonl").write_text('{"id": "1", "text": "hello"}\n')
    done = run([tmp_path / "items.jsonl"], tmp_path, MODERATION_POLICIES_DIR=str(packs))
    assert done.returncode == 2
    assert "baseline.yaml" in done.stderr
    assert str(number + 1) in done.stderr
    assert "categroy" in done.stderr
    assert "B-HATE" in done.stderr


def test_a_setting_that_is_wrong_is_named_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "1", "text": "hello"}\n')
    done = run([tmp_path / "items.jsonl"], tmp_path, MODERATION_THREADS="many")
    assert done.returncode == 2
    assert "MODERATION_THREADS" in done.stderr
    done = run([tmp_path / "items.jsonl"], tmp_path, MODERATION_CLASSIFIERS="text,nsfv")
    assert done.returncode == 2
    assert "'nsfv'" in done.stderr
