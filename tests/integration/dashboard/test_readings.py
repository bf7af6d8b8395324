"""What the pages of the dashboard read from a real database: backlog, own decisions, audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.why_panels import strictest_display
from moderation.classifiers.matching.known_images import NEVER_RENDER
from moderation.items import Surface
from moderation.queue import Queue
from moderation.queue.backlog import backlog
from moderation.queue.decision_log import own_decisions
from moderation.records import open_database
from moderation.records.audit_pages import kinds_of_entries, newest_entries
from moderation.records.database import Database
from moderation.signals import Signal
from tests.acceptance.dashboard_seed import seed


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A seeded review day."""
    settings = seed(tmp_path)
    with open_database(settings.effective_database_url) as opened:
        yield opened


def test_the_backlog_counts_what_waits_what_is_held_and_what_rides_along(
    database: Database,
) -> None:
    before = backlog(database)
    assert before.waiting == 9
    assert sum(row.copies for row in before.rows) == 2
    assert Queue(database).claim("lin") is not None
    after = backlog(database)
    assert after.waiting == 9
    assert sum(row.claimed for row in after.rows) == 1


def test_the_backlog_of_one_queue_is_a_part_of_the_whole(database: Database) -> None:
    whole = backlog(database)
    parts = [whole.of_queue(name) for name in {row.queue for row in whole.rows}]
    assert sum(part.waiting for part in parts) == whole.waiting


def test_the_backlog_counts_what_a_claim_with_the_same_choice_could_give(
    database: Database,
) -> None:
    whole = backlog(database)
    assert backlog(database, surfaces=[]).waiting == 0
    parts = [backlog(database, surfaces=[surface.value]).waiting for surface in Surface]
    assert sum(parts) == whole.waiting
    assert any(0 < part < whole.waiting for part in parts)
    nowhere = backlog(database, regions=["AQ"])
    given = 0
    while Queue(database).claim("lin", regions=["AQ"]) is not None:
        given += 1
    assert given == nowhere.waiting


def test_what_is_due_is_told_apart_from_what_is_late(database: Database) -> None:
    late = open_database(
        str(database.engine.url), clock=lambda: backlog(database).at + 2 * 3600, migrate=False
    )
    with late:
        rows = backlog(late).rows
    for row in rows:
        waiting = row.open + row.claimed
        assert row.overdue + row.due_within_hour + row.due_within_day <= waiting
    assert sum(row.overdue for row in rows) == 2


def test_an_own_decision_is_found_by_its_words_and_says_that_it_was_taken_back(
    database: Database,
) -> None:
    queue = Queue(database)
    for note in ("first note", "100% second"):
        claimed = queue.claim("lin")
        assert claimed is not None
        decision = queue.decide(claimed, "unavailable", category="hate", note=note)
    queue.undo(decision, "lin")
    found = own_decisions(database, "lin")
    assert [(row.decision.note, row.superseded_by) for row in found] == [
        ("100% second", "undo"),
        ("first note", None),
    ]
    assert [row.decision.note for row in own_decisions(database, "lin", text="FIRST")] == [
        "first note"
    ]
    assert [row.decision.note for row in own_decisions(database, "lin", text="100%")] == [
        "100% second"
    ]
    assert own_decisions(database, "lin", text="nothing like it") == []


def test_nobody_finds_the_decisions_of_others(database: Database) -> None:
    queue = Queue(database)
    claimed = queue.claim("lin")
    assert claimed is not None
    queue.decide(claimed, "allow")
    assert own_decisions(database, "mara") == []


def test_the_audit_log_is_leafed_through_newest_first(database: Database) -> None:
    claimed = Queue(database).claim("lin")
    assert claimed is not None
    decision = Queue(database).decide(claimed, "allow")
    entries = newest_entries(database)
    assert [entry.number for entry in entries] == sorted(
        (entry.number for entry in entries), reverse=True
    )
    [one] = newest_entries(database, subject=f"decision:{decision.id}")
    assert (one.actor, one.action) == ("lin", "decided")
    assert newest_entries(database, actor="mara", action="decided") == []
    assert newest_entries(database, before=1) == []
    assert {"decided", "reviewer_created"} <= set(kinds_of_entries(database))


def test_a_picture_from_a_bank_that_is_never_shown_needs_no_rule_to_stay_hidden(
    database: Database,
) -> None:
    queue = Queue(database)
    claimed = queue.claim("lin")
    assert claimed is not None
    case = queue.open_case(claimed)
    known = Signal(
        name="near_known_image",
        probability=0.5,
        part="image:0",
        model="known_images",
        model_version="1",
        aspect=NEVER_RENDER,
    )
    signals = (*case.assessment.signals, known)
    matched = replace(case, assessment=case.assessment.model_copy(update={"signals": signals}))
    assert strictest_display(matched) == "never_render_known_hash"
