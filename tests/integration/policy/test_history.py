"""What was stored reads back as the same facts that screening had."""

from __future__ import annotations

import numpy as np

from moderation.items import Item
from moderation.policy import Facts, PackSet, evaluate
from moderation.records import Database
from moderation.signals import Assessment
from moderation.tuning.stored_facts import load_facts

REGIONS = ("DE", "US", "IN", "SG")


def test_stored_items_get_the_verdicts_that_screening_gave(
    database: Database, shipped: PackSet, invented: list[tuple[Item, Assessment, bool]]
) -> None:
    history = load_facts(database)
    position = {item_id: row for row, item_id in enumerate(history.facts.ids)}
    assert len(position) == len(invented)
    stored = evaluate(shipped, history.facts, REGIONS)
    items, assessments = [i for i, _, _ in invented], [a for _, a, _ in invented]
    fresh = evaluate(shipped, Facts.from_items(items, assessments), REGIONS)
    for row, item in enumerate(items):
        assert stored.row(position[item.id]) == fresh.row(row), item.id


def test_only_the_period_that_was_asked_for_is_read(database: Database) -> None:
    received = load_facts(database).received_at
    assert len(load_facts(database, since=float(received.max()) + 1)) == 0
    assert len(load_facts(database, until=float(received.max()) + 1)) == len(received)


def test_human_decisions_come_with_the_items(
    database: Database, invented: list[tuple[Item, Assessment, bool]]
) -> None:
    history = load_facts(database)
    truth = {item.id: harmful for item, _, harmful in invented}
    decided = (history.decided >= 0).nonzero()[0]
    assert len(decided) > 100
    for row in decided.tolist():
        assert bool(history.decided[row] > 0) is truth[history.facts.ids[row]]
    assert np.all(history.decided_category[history.decided == 0] == -1)
