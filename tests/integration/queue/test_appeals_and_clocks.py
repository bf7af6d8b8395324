"""Appeals, and clocks that pause, breach and move jobs ahead."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.queue import DecisionRefused, open_appeal
from moderation.records import Decision
from moderation.taxonomy import Severity


def _removed(house: House) -> Decision:
    house.reviewer("lin", seniority=2)
    house.reviewer("ana", seniority=1)
    house.post()
    return house.queue.decide(house.claim("lin"), "unavailable", category="harassment")


def test_an_appeal_is_decided_by_somebody_else_and_restores(house: House) -> None:
    first = _removed(house)
    open_appeal(house.database, first.id or 0, opened_by="author", reason="it was a quote")
    assert house.queue.claim("lin") is None
    claimed = house.claim("ana")
    assert claimed.purpose == "appeal"
    case = house.queue.open_case(claimed)
    assert case.appeal is not None
    assert case.appeal.reason == "it was a quote"
    assert case.looks[0].action == "unavailable"
    answer = house.queue.decide(claimed, "allow", note="indeed")
    assert (answer.kind, answer.supersedes, answer.final) == ("appeal", first.id, True)
    with house.database.read() as session:
        appeal = session.get(type(case.appeal), case.appeal.id)
    assert appeal is not None
    assert appeal.state == "overturned"
    assert appeal.restored == ["visibility", "reach", "strike"]


def test_an_appeal_that_changes_nothing_is_upheld(small_house: House) -> None:
    house = small_house
    first = _removed(house)
    appeal = open_appeal(house.database, first.id or 0, opened_by="author")
    house.queue.decide(house.claim("ana"), "unavailable", category="harassment")
    with house.database.read() as session:
        stored = session.get(type(appeal), appeal.id)
    assert stored is not None
    assert (stored.state, stored.restored) == ("upheld", [])


def test_a_reporter_appeals_what_was_allowed(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    allowed = house.queue.decide(house.claim("lin"), "allow")
    with pytest.raises(DecisionRefused, match="nothing was taken"):
        open_appeal(house.database, allowed.id or 0, opened_by="author")
    open_appeal(house.database, allowed.id or 0, opened_by="reporter", reason="look again")
    assert house.claim("ana").purpose == "appeal"


def test_a_decision_is_appealed_once_and_within_half_a_year(small_house: House) -> None:
    house = small_house
    first = _removed(house)
    house.clock.forward(hours=24 * 182)
    open_appeal(house.database, first.id or 0, opened_by="author")
    with pytest.raises(DecisionRefused, match="already"):
        open_appeal(house.database, first.id or 0, opened_by="author")
    house.post()
    second = house.queue.decide(house.claim("lin"), "limit")
    house.clock.forward(hours=24 * 184)
    with pytest.raises(DecisionRefused, match="183 days"):
        open_appeal(house.database, second.id or 0, opened_by="author")


def test_an_undone_answer_leaves_the_appeal_open(small_house: House) -> None:
    house = small_house
    first = _removed(house)
    appeal = open_appeal(house.database, first.id or 0, opened_by="author")
    answer = house.queue.decide(house.claim("ana"), "allow")
    again = house.queue.undo(answer, "ana")
    house.queue.decide(again, "limit")
    with house.database.read() as session:
        stored = session.get(type(appeal), appeal.id)
    assert stored is not None
    assert (stored.state, stored.restored) == ("overturned", ["visibility", "strike"])


def test_an_appeal_near_its_deadline_goes_before_the_rest(house: House) -> None:
    first = _removed(house)
    appeal = open_appeal(house.database, first.id or 0, opened_by="author")
    house.clock.forward(hours=40)
    other = house.post(category="hate", probability=0.99, views=1_000_000)
    assert house.claim("ana").job_id == other.job_id
    house.clock.forward(hours=10)
    claimed = house.queue.claim("ana")
    assert claimed is not None
    assert (claimed.job_id, claimed.lane) == (appeal.job_id, 1)


def test_a_paused_clock_stands_still(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate")
    claimed = house.claim("lin")
    house.queue.pause(claimed, "asked the author for the original")
    house.clock.forward(hours=5)
    assert house.queue.claim("lin") is None
    house.queue.resume(claimed.job_id, "lin")
    again = house.claim("lin")
    assert again.due_at == pytest.approx(claimed.due_at + 5 * 3600)


def test_a_breached_clock_is_noted_once(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate")
    house.clock.forward(minutes=61)
    house.queue.tend()
    house.queue.tend()
    claimed = house.claim("lin")
    assert any("overdue by" in line for line in claimed.why)
    kinds = [event.kind for event in house.queue.history(claimed.job_id)]
    assert kinds.count("breached") == 1


def test_a_lead_sees_what_is_overdue_the_most_severe_first(house: House) -> None:
    house.reviewer("lin")
    house.post(category="spam")
    fraud = house.post(category="fraud_phishing", language="zh")
    danger = house.post(severity=Severity.P0, queue="safety")
    house.clock.forward(minutes=75)
    rows = house.queue.breaches()
    assert [row["job_id"] for row in rows] == [danger.job_id, fraud.job_id]
    assert [round(row["minutes_over"]) for row in rows] == [60, 15]
    assert (rows[1]["queue"], rows[1]["language"], rows[1]["severity"]) == ("general", "zh", 1)


def test_what_is_mild_waits_its_turn_but_not_for_ever(house: House) -> None:
    house.reviewer("lin")
    mild = house.post(category="spam", probability=0.05, views=1)
    house.clock.forward(hours=24 * 60)
    house.post(category="fraud_phishing", probability=0.1, views=10, severity=Severity.P3)
    assert house.claim("lin").job_id == mild.job_id
