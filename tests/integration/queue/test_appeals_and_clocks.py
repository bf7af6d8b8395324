"""Appeals, and clocks that pause, breach and move jobs ahead."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.items import Item
from moderation.queue import DecisionRefused, QueueRules, open_appeal
from moderation.records import Decision, delete_expired_content
from moderation.records.item_tables import Reporter
from moderation.records.strikes import strikes_of
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


def test_an_undone_answer_leaves_the_first_decision_and_its_strike_in_force(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    post = house.post(author={"id": "writer"})
    first = house.queue.decide(house.claim("lin"), "unavailable", category="harassment")
    open_appeal(house.database, first.id or 0, opened_by="author")
    answer = house.queue.decide(house.claim("ana"), "allow")
    item = Item.from_row({"id": "next", "text": "hello", "author": {"id": "writer"}})
    assert strikes_of(house.database, [item]) == [[]]
    again = house.queue.undo(answer, "ana")
    assert len(strikes_of(house.database, [item])[0]) == 1
    house.queue.decide(again, "allow")
    assert strikes_of(house.database, [item]) == [[]]
    assert post.is_new


def test_a_reporter_who_was_right_after_all_is_heard_again(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post(report={"kind": "insult", "source": "user", "reporter_id": "someone"})
    allowed = house.queue.decide(house.claim("lin"), "allow")
    assert _judged(house, "someone") == (0, 1)
    open_appeal(house.database, allowed.id or 0, opened_by="reporter")
    answer = house.queue.decide(house.claim("ana"), "limit")
    assert _judged(house, "someone") == (1, 0)
    again = house.queue.undo(answer, "ana")
    assert _judged(house, "someone") == (0, 1)
    house.queue.decide(again, "limit")
    corrected = house.queue.decisions_of("ana")[0]
    house.queue.correct(corrected, "ana", "allow", note="a quote after all")
    with pytest.raises(DecisionRefused, match="correct it once more"):
        house.queue.undo(house.queue.decisions_of("ana")[0], "ana")


def _judged(house: House, reporter: str) -> tuple[int, int]:
    with house.database.read() as session:
        found = session.get(Reporter, reporter)
    assert found is not None
    return found.upheld, found.rejected


def test_an_appeal_about_a_copy_is_for_none_of_those_who_looked_at_its_cluster(
    small_house: House,
) -> None:
    house = small_house
    house.rules = QueueRules(double_review_queues=frozenset({"general"}))
    house.reviewer("lin")
    house.reviewer("ana")
    for text in ("Easy money from home, write now!", "easy money from home - write now"):
        house.post(text)
    house.queue.decide(house.claim("lin"), "limit")
    house.queue.decide(house.claim("ana"), "limit")
    copy = next(d for d in house.queue.decisions_of("ana") if d.group_id is not None)
    open_appeal(house.database, copy.id or 0, opened_by="author")
    assert house.queue.claim("lin") is None
    assert house.queue.claim("ana") is None


def test_an_appeal_about_deleted_content_is_refused(small_house: House) -> None:
    house = small_house
    first = _removed(house)
    house.clock.forward(hours=48)
    delete_expired_content(house.database, older_than=house.clock.now)
    with pytest.raises(DecisionRefused, match="was deleted"):
        open_appeal(house.database, first.id or 0, opened_by="author")
