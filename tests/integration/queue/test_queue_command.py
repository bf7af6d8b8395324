"""`moderation queue` and the settings that organise review work."""

from __future__ import annotations

import json

import pytest
from review_work import House
from typer.testing import CliRunner

from moderation.cli import build
from moderation.policy.effects import Visibility
from moderation.queue import QueueRules, RulesRefused, open_appeal
from moderation.records import audit
from moderation.settings import Settings


def _say(house: House, *words: str) -> str:
    done = CliRunner().invoke(
        build(), ["queue", *words, "--database", house.url], env={"COLUMNS": "160"}
    )
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_a_lead_sees_what_waits_what_is_late_and_what_is_paused(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    assert "Nothing waits" in _say(house, "waiting")
    assert "Nothing is overdue" in _say(house, "overdue")
    assert "Nothing is paused" in _say(house, "paused")
    house.post(category="hate", queue="hate[bold]")
    claimed = house.claim("lin")
    house.queue.pause(claimed, "asked the author")
    house.post(category="hate")
    assert "asked the author" in _say(house, "paused")
    # The command line has the clock of the machine, years after the clock of the test.
    assert "item-2" in _say(house, "overdue")
    assert "waits again" in _say(house, "resume", str(claimed.job_id), "--by", "ana")
    assert "hate[bold]" in _say(house, "waiting")


def test_an_appeal_is_opened_at_the_command_line(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    house.clock.now = 4e9  # not long ago for the clock of the machine
    house.post()
    decision = house.queue.decide(house.claim("lin"), "unavailable")
    told = _say(house, "appeal", str(decision.id), "--for", "author", "--reason", "a quote")
    assert "appeal 1 waits" in told
    assert house.claim("ana").purpose == "appeal"
    house.post(item_id="b", review=False, visibility=Visibility.AGE_GATE)
    told = _say(house, "appeal", "--item", "b", "--for", "author")
    assert "appeal 2 waits" in told
    neither = ["queue", "appeal", "--for", "author", "--database", house.url]
    assert CliRunner().invoke(build(), neither).exit_code == 2


def test_quality_is_told_by_language_category_and_reviewer(small_house: House) -> None:
    house = small_house
    house.clock.now = 4e9
    house.rules = QueueRules(audit_share=1.0, double_review_queues=frozenset({"general"}))
    house.reviewer("lin", "zh")
    house.reviewer("ana", "zh")
    for action in ("limit", "limit", "allow"):
        house.post(language="zh", category="hate")
        house.queue.decide(house.claim("lin"), action)
        house.queue.decide(house.claim("ana"), "limit")
    house.reviewer("boss", "zh", seniority=2)
    settled = house.queue.decide(house.claim("boss"), "limit")
    open_appeal(house.database, settled.id or 0, opened_by="author")
    house.reviewer("kim", "zh")
    house.queue.decide(house.claim("kim"), "allow")
    house.post(language="zh", category="spam", review=False)
    house.queue.decide(house.claim("kim"), "allow")
    by_language = _say(house, "quality")
    assert "zh" in by_language
    assert "67%" in by_language
    assert "3 (too few)" in by_language
    assert "ana, lin" in by_language
    assert "1 of 1" in by_language
    assert "hate" in _say(house, "quality", "--by", "category")
    assert "boss" in _say(house, "quality", "--by", "reviewer")


def test_exposure_is_told_of_eight_only_and_a_cap_is_raised_with_a_reason(
    small_house: House,
) -> None:
    house = small_house
    house.reviewer("lin")
    assert "Fewer than 8" in _say(house, "exposure")
    told = _say(house, "raise-cap", "lin", "30", "--reason", "a raid at night", "--by", "ana")
    assert "30 weighted minutes higher" in told
    assert audit.history(house.database, "reviewer:lin")[-1].actor in {"ana", "workbench"}


def test_golden_items_are_added_and_withdrawn(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    recorded = house.post()
    house.queue.decide(house.claim("lin"), "limit")
    told = _say(house, "golden-add", str(recorded.item_key), "limit", "--or", "hold", "--by", "ana")
    assert "golden item 1 is in use" in told
    _say(house, "golden-withdraw", "1", "--because", "the policy changed", "--by", "ana")


def test_the_organisation_of_work_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"audit_share": 0.01, "double_review_severities": [0, 1], "lease_seconds": 300}
    monkeypatch.setenv("MODERATION_QUEUE_RULES", json.dumps(given))
    rules = QueueRules.of(Settings().queue_rules)
    assert rules.audit_share == 0.01
    assert rules.double_review_severities == {0, 1}
    assert rules.undo_seconds == QueueRules().undo_seconds


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"audit_shares": 0.1}, "there is no 'audit_shares'"),
        ({"audit_share": 1.5}, "between 0 and 1"),
        ({"golden_share": "often"}, "golden_share"),
        ({"appeal_days": -1}, "0 or more"),
        ({"lease_seconds": 10}, "60 or more"),
    ],
)
def test_a_wrong_organisation_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(RulesRefused, match=told):
        QueueRules.of(given)
