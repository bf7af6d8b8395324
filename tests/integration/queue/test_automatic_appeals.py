"""Appeals against what policy decided alone."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.items import Item
from moderation.policy.effects import Visibility
from moderation.queue import DecisionRefused, QueueRules, appeal_item, open_appeal
from moderation.queue.agreement import automation_precision, overturn_rates, stored_looks
from moderation.queue.decision_feed import decisions_after
from moderation.records import audit, delete_expired_content
from moderation.records.errors import NotFound
from moderation.records.strikes import strikes_of
from moderation.tuning.stored_facts import load_facts


def _removed(house: House, item_id: str = "a") -> None:
    house.post(
        item_id=item_id,
        author={"id": "writer"},
        review=False,
        visibility=Visibility.UNAVAILABLE,
    )


def test_an_automatic_removal_is_nobodys_work_and_no_strike(house: House) -> None:
    house.reviewer("ana", seniority=1)
    _removed(house)
    appeal_item(house.database, "a", opened_by="author")
    item = Item.from_row({"id": "next", "text": "hello", "author": {"id": "writer"}})
    assert strikes_of(house.database, [item]) == [[]]
    house.post(author={"id": "writer"}, category="hate")
    claimed = house.claim("ana", queues=["general"])
    assert house.queue.open_case(claimed).author_history == ()
    house.queue.release(claimed)
    answer = house.queue.decide(
        house.claim("ana", queues=["appeals"]), "unavailable", category="harassment"
    )
    assert [row.action for row in house.queue.decisions_of("ana")] == ["unavailable"]
    # What a person confirmed is a strike; the automatic decision before it adds none.
    assert len(strikes_of(house.database, [item])[0]) == 1
    assert stored_looks(house.database) == {}
    assert automation_precision(house.database) == {}
    rates = overturn_rates(house.database, by="reviewer")
    assert (rates["automatic"].count, rates["automatic"].of) == (0, 1)
    assert answer.supersedes is not None
    assert audit.verify(house.database).entries > 0


def test_the_feed_does_not_pass_what_was_just_stored_about_an_old_verdict(house: House) -> None:
    _removed(house)
    house.clock.forward(hours=48)
    appeal_item(house.database, "a", opened_by="author")
    page = decisions_after(house.database)
    assert [one["decided_at"] for one in page.decisions] == [house.clock.now - 48 * 3600]
    assert page.next_after == 0
    house.clock.forward(minutes=1)
    assert decisions_after(house.database).next_after == page.decisions[0]["id"]


def test_an_undone_answer_leaves_the_appeal_of_an_item_open(house: House) -> None:
    house.reviewer("ana", seniority=1)
    _removed(house)
    appeal_item(house.database, "a", opened_by="author")
    answer = house.queue.decide(house.claim("ana"), "allow")
    again = house.queue.undo(answer, "ana")
    with pytest.raises(DecisionRefused, match="appealed already"):
        appeal_item(house.database, "a", opened_by="author")
    house.queue.decide(again, "limit")
    told = decisions_after(house.database).decisions[-1]
    assert told["restored"] == ["visibility", "strike"]


def test_only_whom_it_touches_appeals_and_in_time(small_house: House) -> None:
    house = small_house
    house.post(item_id="fine", review=False)
    _removed(house)
    with pytest.raises(DecisionRefused, match="nothing was taken"):
        appeal_item(house.database, "fine", opened_by="author")
    with pytest.raises(DecisionRefused, match="upheld"):
        appeal_item(house.database, "a", opened_by="reporter")
    with pytest.raises(NotFound, match="'b'"):
        appeal_item(house.database, "b", opened_by="author")
    appeal_item(house.database, "fine", opened_by="reporter")
    house.clock.forward(hours=24 * 184)
    with pytest.raises(DecisionRefused, match="183 days"):
        appeal_item(house.database, "a", opened_by="author")


def test_what_a_person_decides_is_appealed_by_its_decision(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post(item_id="a")
    with pytest.raises(DecisionRefused, match="looks at item a anyway"):
        appeal_item(house.database, "a", opened_by="author")
    decision = house.queue.decide(house.claim("lin"), "limit")
    with pytest.raises(DecisionRefused, match=f"appeal decision {decision.id} instead"):
        appeal_item(house.database, "a", opened_by="author")


def test_who_checked_it_at_random_does_not_answer(small_house: House) -> None:
    house = small_house
    house.rules = QueueRules(audit_share=1.0)
    house.reviewer("lin", seniority=1)
    _removed(house)
    house.queue.decide(house.claim("lin"), "unavailable")
    appeal_item(house.database, "a", opened_by="author")
    assert house.queue.claim("lin") is None
    house.reviewer("new", seniority=0)
    assert house.queue.claim("new") is None, "appeals are for people who were trained"


def test_deleted_content_is_not_appealed(small_house: House) -> None:
    house = small_house
    _removed(house)
    house.clock.forward(hours=48)
    delete_expired_content(house.database, older_than=house.clock.now)
    with pytest.raises(DecisionRefused, match="was deleted"):
        appeal_item(house.database, "a", opened_by="author")


def test_a_backtest_reads_people_and_what_an_undone_answer_leaves_in_force(house: House) -> None:
    house.reviewer("lin", seniority=1)
    house.reviewer("ana", seniority=1)
    _removed(house)
    appeal_item(house.database, "a", opened_by="author")
    assert list(load_facts(house.database).decided) == [-1]
    house.post(item_id="b")
    first = house.queue.decide(house.claim("lin", queues=["general"]), "limit")
    decided = list(load_facts(house.database, item_ids=["b"]).decided)
    assert decided != [-1]
    open_appeal(house.database, first.id or 0, opened_by="author")
    # lin decided b; ana may get either appeal.
    claimed = house.claim("ana")
    other = claimed if claimed.item_id == "b" else house.claim("ana")
    answer = house.queue.decide(other, "allow")
    assert list(load_facts(house.database, item_ids=["b"]).decided) != decided
    house.queue.undo(answer, "ana")
    assert list(load_facts(house.database, item_ids=["b"]).decided) == decided
