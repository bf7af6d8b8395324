"""A proposed policy tried on stored history: the numbers, the page, the thresholds."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moderation.policy import ACTION_WORDS, PackSet, evaluate
from moderation.policy.diff import diff
from moderation.records import Database
from moderation.tuning.backtest import Backtest, run_backtest
from moderation.tuning.backtest_report import write_report
from moderation.tuning.staffing import Staffing
from moderation.tuning.stored_facts import load_facts
from moderation.tuning.threshold_changes import (
    ThresholdNotWritten,
    changed_files,
    propose_thresholds,
)
from moderation.tuning.thresholds import Labelled, Targets, find_thresholds

TODAY = datetime.date(2026, 12, 1)
REGIONS = ("DE", "US", "IN")


@pytest.fixture(scope="module")
def candidate(shipped: PackSet) -> PackSet:
    """Hate is held from 0.70 on, everywhere."""
    files = dict(shipped.files)
    files["baseline.yaml"] = files["baseline.yaml"].replace(
        b"{category: hate, gte: 0.90}", b"{category: hate, gte: 0.70}"
    )
    return PackSet.from_files(files, today=TODAY)


@pytest.fixture(scope="module")
def backtest(database: Database, shipped: PackSet, candidate: PackSet) -> Backtest:
    return run_backtest(load_facts(database), candidate, shipped, REGIONS, staffing=Staffing(1, 60))


def test_it_counts_exactly_the_items_that_change(
    backtest: Backtest, database: Database, shipped: PackSet, candidate: PackSet
) -> None:
    facts = load_facts(database).facts
    old, new = evaluate(shipped, facts, REGIONS), evaluate(candidate, facts, REGIONS)
    for region in REGIONS:
        changed = [
            row
            for row in range(len(facts))
            if old.row(row)[region].effects != new.row(row)[region].effects
            or old.row(row)[region].needs_review != new.row(row)[region].needs_review
        ]
        total = backtest.totals.set_index("region").loc[region]
        assert total["changed"] == len(changed) > 20
        flips = backtest.flips[backtest.flips["region"] == region]
        assert set(flips["item_id"]) == {facts.ids[row] for row in changed}
        first = flips.set_index("item_id").loc[facts.ids[changed[0]]]
        assert first["before"] == old.row(changed[0])[region].action
        assert first["after"] == new.row(changed[0])[region].action == "hold"


def test_every_change_is_told_by_language_surface_category_and_direction(
    backtest: Backtest,
) -> None:
    assert set(backtest.changes["category"]) == {"hate"}
    assert set(backtest.changes["direction"]) == {"stricter"}
    assert set(backtest.changes["language"]) == {"en", "zh", "es"}
    assert backtest.changes["items"].sum() == len(backtest.flips)


def test_action_volumes_add_up_to_all_items(backtest: Backtest) -> None:
    sums = backtest.volume.groupby("region")[["live", "candidate"]].sum()
    assert (sums == backtest.items).all().all()
    assert set(backtest.volume["action"]) == set(ACTION_WORDS)


def test_holding_more_raises_recall_and_says_how_sure_it_is(backtest: Backtest) -> None:
    rows = backtest.quality.query("slice == 'all' and measure == 'recall of action'")
    recall = rows.set_index("set")
    assert recall.loc["candidate", "value"] > recall.loc["live", "value"] + 0.2
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()
    few = backtest.quality.query("slice == 'surface' and name == 'listing'")
    assert not few["enough"].any()


def test_the_page_tells_the_change_the_numbers_and_where_data_is_missing(
    backtest: Backtest, shipped: PackSet, candidate: PackSet, tmp_path: Path
) -> None:
    page = write_report(backtest, tmp_path / "report", diff(shipped, candidate)).read_text("utf-8")
    assert "Everywhere, hate now holds at 0.70 instead of 0.90." in page
    assert "too little data" in page
    assert "invented text" not in page
    assert "http" not in page.replace("http-equiv", "")
    flips = pd.read_parquet(tmp_path / "report" / "flips.parquet")
    assert len(flips) == len(backtest.flips)


def test_the_same_policy_changes_nothing(database: Database, shipped: PackSet) -> None:
    same = run_backtest(load_facts(database), shipped, shipped, REGIONS)
    assert same.totals["changed"].sum() == 0
    assert same.flips.empty
    assert same.examples().empty


def test_thresholds_keep_their_target_and_can_be_proposed(
    database: Database, shipped: PackSet
) -> None:
    labelled = Labelled.from_history(load_facts(database))
    answers = find_thresholds(labelled, Targets(0.80, 0.80), categories=["hate"])
    by_purpose = {answer.purpose: answer for answer in answers}
    action, review = by_purpose["action"], by_purpose["review"]
    assert action.threshold is not None
    assert review.threshold is not None
    assert action.precision.interval[0] >= 0.80
    assert review.recall.interval[0] >= 0.80
    assert action.low is not None
    assert action.low <= action.threshold <= (action.high or 0)
    files, written = propose_thresholds(shipped, answers)
    assert list(changed_files(shipped.files, files)) == ["baseline.yaml"]
    assert {each.rule_id for each in written} <= {"B-HATE-01", "B-HATE-02"}
    proposed = PackSet.from_files(files, today=TODAY)
    [leaf] = [leaf for leaf, _ in proposed.rule("B-HATE-01").when.leaves()]
    assert leaf.score is not None
    assert leaf.score.gte == action.threshold
    before = shipped.files["baseline.yaml"].decode().splitlines()
    after = files["baseline.yaml"].decode().splitlines()
    assert 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 2


def test_a_threshold_for_one_language_becomes_an_override(
    database: Database, shipped: PackSet
) -> None:
    labelled = Labelled.from_history(load_facts(database))
    answers = find_thresholds(labelled, Targets(0.7, 0.7), categories=["hate"], by_language=True)
    english = [a for a in answers if a.language == "en" and a.purpose == "action"]
    files, written = propose_thresholds(shipped, english)
    if english[0].threshold is None:
        assert "too little data" in english[0].reason
        assert written == ()
        return
    told = [change.sentence for change in diff(shipped, PackSet.from_files(files, today=TODAY))]
    assert any(f"{english[0].threshold:.2f} instead of 0.90" in sentence for sentence in told)


def test_too_little_data_gives_no_threshold_and_says_so() -> None:
    labelled = Labelled(
        np.full((30, 28), 0.9, dtype=np.float32),
        np.ones((30, 28), dtype=np.int8),
        np.array(["en"] * 30, dtype=object),
        np.array(["post"] * 30, dtype=object),
    )
    for answer in find_thresholds(labelled, categories=["spam"]):
        assert answer.threshold is None
        assert answer.reason == "too little data: 30 harmful items, 50 are needed"


def test_a_category_without_a_rule_cannot_be_written(shipped: PackSet) -> None:
    n = 400
    harmful = np.zeros((n, 28), dtype=np.int8)
    harmful[: n // 2] = 1
    scores = np.repeat(np.where(harmful[:, :1] == 1, 0.95, 0.05), 28, axis=1).astype(np.float32)
    names = np.array(["en"] * n, dtype=object)
    answers = find_thresholds(
        Labelled(scores, harmful, names, names), categories=["civic_information"]
    )
    with pytest.raises(ThresholdNotWritten, match="no rule that acts on the score of civic"):
        propose_thresholds(shipped, answers)
