"""What a backtest reads is the newest that was said, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from moderation.items import Item
from moderation.policy import Facts, PackSet, evaluate
from moderation.queue import record_screening
from moderation.records import open_database
from moderation.signals import Assessment, Problem
from moderation.tuning import stored_facts
from moderation.tuning.stored_facts import load_facts
from tests.integration.policy.conftest import Screened


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_several_assessments_all_of_the_newest_counts(
    kind: str, request: pytest.FixtureRequest, shipped: PackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_facts, "BATCH", 2)  # an item's assessments fall into two batches
    unread = Problem(part="image:0", code="undecodable", message="not an image")
    with open_database(request.getfixturevalue(f"{kind}_database")) as database:
        for name in ("a", "b", "c"):
            item = Item.from_row(
                {
                    "id": name,
                    "text": "half a pair \ud83d and an ordinary sentence",
                    "author": {"id": f"author-{name}", "age": "13_15", "account_age_days": 3},
                }
            )
            first = Assessment(
                item_id=name, scores={"hate": 0.1}, models={"text": "1"}, problems=(unread,)
            )
            second = Assessment(item_id=name, scores={"hate": 0.6}, models={"text": "2"})
            for said in (first, second):
                verdicts = evaluate(shipped, Facts.from_items([item], [said]), ["DE"]).row(0)
                record_screening(database, item, Screened(item, said, verdicts))
        facts = load_facts(database).facts
    fresh = Facts.from_items([item], [second])
    assert facts.ids == ("a", "b", "c")
    assert not facts.problems
    assert facts.author_age.tolist() == fresh.author_age.tolist() * 3
    assert facts.account_age_days.tolist() == [3, 3, 3]
    both = evaluate(shipped, facts, ["DE"])
    assert both.row(2) == evaluate(shipped, fresh, ["DE"]).row(0)
