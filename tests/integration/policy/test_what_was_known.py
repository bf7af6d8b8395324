"""A backtest knows what the rules knew: earlier strikes, labels, and decisions for one region."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation.items import Item
from moderation.policy import Facts, PackSet, evaluate
from moderation.queue import record_screenings
from moderation.records import Database, Decision, open_database
from moderation.records.strikes import strikes_of
from moderation.signals import Assessment
from moderation.tuning.backtest import run_backtest
from moderation.tuning.staffing import Staffing, workload
from moderation.tuning.stored_facts import load_facts
from tests.integration.policy.conftest import Screened

REGIONS = ("DE", "US")
NOW = 1_800_000_000.0
DAY = 86_400.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(sqlite_database: str, clock: Clock) -> Iterator[Database]:
    with open_database(sqlite_database, clock=clock) as opened:
        yield opened


def stored(database: Database, packs: PackSet, name: str, author: str = "mo") -> tuple[int, int]:
    """Key and job of an item that lures people away and needs a look."""
    item = Item.from_row({"id": name, "text": name, "author": {"id": author}})
    assessment = Assessment(item_id=name, scores={"offplatform_luring": 0.8, "hate": 0.7})
    verdicts = evaluate(packs, Facts.from_items([item], [assessment]), REGIONS).row(0)
    [entry] = record_screenings(database, [(item, Screened(item, assessment, verdicts))])
    assert entry.job_id is not None
    return entry.item_key, entry.job_id


def decide(
    database: Database, stored: tuple[int, int], action: str, at: float, *regions: str
) -> None:
    with database.write() as session:
        session.add(
            Decision(
                job_id=stored[1],
                item_key=stored[0],
                reviewer_id="lin",
                action=action,
                category="offplatform_luring" if action != "allow" else None,
                regions=list(regions),
                decided_at=at,
            )
        )


def test_strikes_of_an_author_count_from_the_moment_they_were_given(
    database: Database, shipped: PackSet, clock: Clock
) -> None:
    for number in range(2):
        decide(database, stored(database, shipped, f"old-{number}"), "unavailable", NOW + 60)
    clock.now = NOW + DAY
    stored(database, shipped, "next")
    stored(database, shipped, "stranger", author="li")
    history = load_facts(database)
    rules = {
        history.facts.ids[row]: {
            hit.rule_id for hit in evaluate(shipped, history.facts, ["US"]).row(row)["US"].rules
        }
        for row in range(len(history))
    }
    assert "B-LURE-02" in rules["next"]
    assert not any("B-LURE-02" in rules[name] for name in ("old-0", "old-1", "stranger"))
    items = [Item.from_row({"id": "x", "text": "x", "author": {"id": a}}) for a in ("mo", "li", "")]
    found = strikes_of(database, items)
    assert [len(own) for own in found] == [2, 0, 0]
    assert found[0][0].name == "offplatform_luring"
    assert 0.9 < found[0][0].age_days < 1.1


def test_a_decision_that_was_overturned_is_no_strike(database: Database, shipped: PackSet) -> None:
    decide(database, (place := stored(database, shipped, "old")), "unavailable", NOW)
    with database.write() as session:
        session.add(
            Decision(
                job_id=place[1], item_key=place[0], reviewer_id="sen", kind="appeal",
                action="allow", decided_at=NOW + 5, supersedes=1,
            )
        )  # fmt: skip
    item = Item.from_row({"id": "x", "text": "x", "author": {"id": "mo"}})
    assert strikes_of(database, [item]) == [[]]


def test_what_a_reviewer_found_later_was_not_known_when_the_item_came(
    database: Database, shipped: PackSet, clock: Clock
) -> None:
    decide(database, stored(database, shipped, "later"), "unavailable", NOW + 60)
    decide(database, stored(database, shipped, "before"), "unavailable", NOW - 60)
    facts = load_facts(database).facts
    label = facts.reviewer_labels["offplatform_luring_confirmed"]
    assert dict(zip(facts.ids, label.tolist(), strict=True)) == {"later": False, "before": True}


def test_a_decision_for_one_region_counts_there_alone(database: Database, shipped: PackSet) -> None:
    for number in range(4):
        place = stored(database, shipped, f"item-{number}", author=f"a{number}")
        decide(database, place, "allow", NOW)
        decide(database, place, "limit", NOW + 1, "DE")
    history = load_facts(database)
    assert (history.decided_in("US") == 0).all()
    assert (history.decided_in("DE") > 0).all()
    result = run_backtest(history, shipped, shipped, REGIONS)
    by_region = result.quality.query("slice == 'region' and set == 'live'")
    precision = by_region[by_region["measure"] == "precision of action"].set_index("name")["value"]
    assert (precision["DE"], precision["US"]) == (1.0, 0.0)
    assert not result.quality["enough"].any()
    [row] = result.queues.to_dict("records")
    assert (row["live"], row["candidate"]) == (4, 4)
    assert row["live_hours"] == pytest.approx(4 * 45 / 3600)


def test_a_breach_is_a_decision_after_the_clock_has_run_out() -> None:
    import numpy as np

    arrived, minutes = np.array([0.0, 0.0, 0.0]), np.array([1, 1, 3], dtype=np.int32)
    load = workload(arrived, minutes, Staffing(reviewers=1, seconds_per_item=45))
    assert (load.late, load.late_rows.tolist()) == (1, [1])
    assert workload(arrived, minutes, Staffing(2, 45)).late == 0
