"""`moderation policy …` as a policy team meets it, on real folders and a real database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.cli.policy import app
from moderation.records import Database, open_database
from moderation.tuning.policy_in_force import PolicyInForce
from tests.integration.policy.conftest import TODAY

runner = CliRunner(env={"COLUMNS": "250", "TERM": "dumb"})


@pytest.fixture
def folder(policies: Path, tmp_path: Path) -> Path:
    """A copy of the shipped packs to change."""
    return Path(shutil.copytree(policies, tmp_path / "policies"))


def run(*arguments: str, code: int = 0) -> str:
    result = runner.invoke(app, list(arguments))
    if result.exit_code != code:
        raise AssertionError(f"{result.output}\n{result.exception!r}")
    return result.output


def alter(folder: Path, name: str, before: str, after: str) -> None:
    text = (folder / name).read_text("utf-8")
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1), "utf-8")


def test_lint_passes_the_shipped_packs_and_counts_what_waits_for_counsel(folder: Path) -> None:
    said = run("lint", str(folder))
    assert "19 packs" in said
    assert "places wait for counsel" in said
    assert "0 errors, 0 warnings." in said


def test_lint_names_file_line_rule_and_field_of_a_typo(folder: Path) -> None:
    alter(folder, "de.yaml", "category: hate", "category: haet")
    line = next(
        number
        for number, text in enumerate((folder / "de.yaml").read_text("utf-8").splitlines(), 1)
        if "haet" in text
    )
    said = run("lint", str(folder), code=1)
    for part in (f"de.yaml:{line}", "DE-86A-01", "category", "'haet' is not a category"):
        assert part in said


def test_lint_runs_the_golden_items(folder: Path) -> None:
    alter(folder, "in.yaml", "minutes: 120", "minutes: 60")
    said = run("lint", str(folder), code=1)
    assert "L12" in said
    assert "golden E7" in said
    said = run("test", str(folder), code=1)
    assert "sla_minutes is 60, expected 120" in said


def test_golden_items_are_all_as_expected(folder: Path) -> None:
    said = run("test", str(folder)).splitlines()[-1]
    passed, _, total, *_ = said.split()
    assert passed == total
    assert int(total) >= 50


def test_diff_speaks_in_sentences_and_in_rows(policies: Path, folder: Path) -> None:
    alter(folder, "baseline.yaml", "{category: hate, gte: 0.90}", "{category: hate, gte: 0.84}")
    said = run("diff", str(policies), str(folder))
    assert "Everywhere, hate now holds at 0.84 instead of 0.90." in said
    assert "B-HATE-01" in said
    row = json.loads(run("diff", str(policies), str(folder), "--json"))
    assert (row["rule_id"], row["before"], row["after"]) == ("B-HATE-01", "0.90", "0.84")
    assert "Nothing changes" in run("diff", str(policies), str(policies))


def test_explain_takes_a_file_a_golden_item_or_a_stored_item(
    folder: Path, tmp_path: Path, database: Database, database_url: str
) -> None:
    given = {"item": {"surface": "listing"}, "scores": {"counterfeit": 0.97}}
    (tmp_path / "item.json").write_text(json.dumps(given), "utf-8")
    said = run("explain", str(tmp_path / "item.json"), "--region", "US", "--policies", str(folder))
    assert "US: unavailable" in said
    assert "counterfeit scored 0.97, the threshold is 0.95" in said
    assert "B-GROOM-01" in run("explain", "E6", "--region", "DE", "--policies", str(folder))
    stored = run(
        "explain", "item-1", "--region", "IN", "--policies", str(folder),
        "--database", database_url,
    )  # fmt: skip
    assert "IN-ORDER-01" in stored


def test_explain_says_what_it_can_take(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'none.sqlite'}"
    result = runner.invoke(app, ["explain", "no-such-thing", "--database", database])
    assert result.exit_code == 1
    assert "neither a file nor a golden item" in str(result.exception)


def test_a_version_lives_from_proposal_to_roll_back_with_two_people(
    folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'versions.sqlite'}"
    where = ("--database", url)

    def propose() -> str:
        said = run("propose", str(folder), "--by", "ana", "--note", "first", *where)
        return said.split()[0]

    first = propose()
    refused = runner.invoke(app, ["approve", first, "--by", "ana", *where])
    assert refused.exit_code == 1
    assert "cannot approve it" in str(refused.exception)
    run("approve", first, "--by", "lin", *where)
    run("activate", first, "--by", "lin", *where)
    alter(folder, "baseline.yaml", "{category: hate, gte: 0.90}", "{category: hate, gte: 0.84}")
    second = propose()
    assert second != first
    assert "0.84 instead of 0.90" in run("diff", "live", second, *where)
    run("approve", second, "--by", "lin", *where)
    run("activate", second, "--by", "lin", *where)
    with open_database(url) as opened:
        in_force = PolicyInForce(opened, folder, today=TODAY)
        assert in_force.current().live.content_hash.startswith(second)
        run("rollback", "--note", "too strict", "--by", "lin", *where)
        assert in_force.refresh().live.content_hash.startswith(first)
    history = run("history", *where)
    assert history.count("live") >= 3
    assert "too strict" in history


def test_broken_packs_are_not_proposed(folder: Path, tmp_path: Path) -> None:
    alter(folder, "in.yaml", "actions: [geo_restrict,", "actions: [remove,")
    url = f"sqlite:///{tmp_path / 'versions.sqlite'}"
    said = run("propose", str(folder), "--by", "ana", "--database", url, code=1)
    assert "L1" in said
    assert not (tmp_path / "versions.sqlite").exists()


def test_without_a_live_version_the_folder_is_in_force(folder: Path, tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path / 'empty.sqlite'}") as opened:
        in_force = PolicyInForce(opened, folder, today=TODAY)
        assert in_force.current() is in_force.refresh()
        assert "baseline" in in_force.current().live.in_force


def test_backtest_and_thresholds_on_a_stored_history(
    folder: Path, tmp_path: Path, database: Database, database_url: str
) -> None:
    assert database.name
    where = ("--database", database_url, "--since", "1d")
    said = run(
        "thresholds", "--precision", "0.8", "--recall", "0.8", "--category", "hate",
        "--write", str(tmp_path / "proposed"), "--policies", str(folder), *where,
    )  # fmt: skip
    assert "thresholds written" in said
    assert "0 errors" in run("lint", str(tmp_path / "proposed"))
    said = run(
        "backtest", str(tmp_path / "proposed"), "--against", str(folder), "--region", "DE",
        "--output", str(tmp_path / "out"), *where,
    )  # fmt: skip
    assert "400" in said
    assert (tmp_path / "out" / "flips.parquet").is_file()
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "hate" in page


def test_a_backtest_without_history_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'none.sqlite'}"
    result = runner.invoke(app, ["backtest", str(folder), "--database", database])
    assert result.exit_code == 1
    assert "there is no database yet" in str(result.exception)


def test_the_schema_is_checked_against_the_code(folder: Path) -> None:
    run("schema", str(folder), "--check")
    (folder / "policy-pack.schema.json").write_text("{}", "utf-8")
    run("schema", str(folder), "--check", code=1)
    run("schema", str(folder))
    run("schema", str(folder), "--check")


def test_a_version_is_scheduled_tried_as_shadow_and_canary_and_compared(
    folder: Path, tmp_path: Path
) -> None:
    where = ("--database", f"sqlite:///{tmp_path / 'versions.sqlite'}")
    assert "No version was ever tried" in run("compare", *where)
    name = run("propose", str(folder), "--by", "ana", *where).split()[0]
    assert "runs as shadow" in run("shadow", name, "--by", "ana", *where)
    refused = runner.invoke(app, ["canary", name, "--percent", "5", *where])
    assert "an approved version" in str(refused.exception)
    run("approve", name, "--by", "lin", *where)
    assert "acts on 5 percent" in run("canary", name, "--percent", "5", "--by", "lin", *where)
    assert "0 items, 0 of them change" in run("compare", *where)
    assert "has ended" in run("canary", "--off", "--by", "lin", *where)
    assert "give --off" in str(runner.invoke(app, ["shadow", *where]).exception)
    said = run("activate", name, "--at", "2031-01-01", "--until", "2031-02-01T12:00", *where)
    assert "starts at 2031-01-01 00:00 UTC and ends at 2031-02-01 12:00 UTC" in said
    assert "is live." in run("activate", name, "--by", "lin", *where)
    assert "and ends at" in run("activate", name, "--until", "2031-03-01", *where)
    told = run("history", *where)
    for state in ("shadow_ended", "canary", "scheduled", "live"):
        assert state in told
    assert "30d for" in str(runner.invoke(app, ["activate", name, "--at", "soon"]).exception)
