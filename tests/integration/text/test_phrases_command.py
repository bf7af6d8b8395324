"""`moderation phrases`: tried before kept, listed, removed, and part of screening."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.cli import build
from moderation.items import Item
from moderation.screening import Screener
from moderation.settings import Settings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path))
    runner, app = CliRunner(), build()

    def call(*arguments: str, answer: str = "") -> tuple[int, str]:
        result = runner.invoke(app, ["phrases", *arguments], input=answer)
        return result.exit_code, result.output

    return call


def test_a_phrase_goes_from_trial_to_screening_and_out_again(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    kept = ("add", "zorbo watches", "--category", "counterfeit", "--source", "case 7")
    code, said = run(*kept, "--by", "lin")
    assert code == 0
    assert "0 of" in said
    assert "1 added" in said
    code, said = run("list")
    assert "zorbo" in said
    settings = Settings(data_dir=tmp_path, classifiers=("phrases",))
    (screening,) = Screener.from_settings(settings).screen(
        [Item.from_row({"id": "a", "text": "new ZORBO watches here"})]
    )
    assert screening.assessment.scores["counterfeit"] == pytest.approx(0.6)
    assert run("remove", "1")[0] == 0
    assert "no phrases" in run("list")[1]


def test_a_phrase_that_hits_harmless_text_is_kept_only_on_a_yes(run) -> None:  # type: ignore[no-untyped-def]
    common = ("add", "the", "--category", "spam", "--source", "a test")
    code, said = run(*common, answer="n\n")
    assert code == 1
    assert "harmless" in said
    assert "no phrases" in run("list")[1]
    assert run(*common, "--yes")[0] == 0
