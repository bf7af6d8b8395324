"""Double review, adjudication, golden items, random audits."""

from __future__ import annotations

import pytest
from review_work import House
from typer.testing import CliRunner

from moderation.cli import reviewers
from moderation.queue import (
    DecisionRefused,
    QueueRules,
    add_golden,
    golden_results,
    golden_to_renew,
    open_appeal,
    withdraw_golden,
)
from moderation.queue.sampling import is_sampled
from moderation.records import delete_expired_content
from moderation.taxonomy import Severity

TWICE = QueueRules(double_review_queues=frozenset({"general"}))


def _team(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.reviewer("sen", seniority=2, roles=["reviewer", "senior"])


def test_two_who_agree_decide(house: House) -> None:
    house.rules = TWICE
    _team(house)
    house.post()
    first = house.queue.decide(house.claim("lin"), "limit", category="harassment")
    assert not first.final
    assert house.queue.claim("lin") is None
    second = house.queue.decide(house.claim("ana"), "limit", category="harassment")
    assert second.final
    assert house.queue.claim("sen") is None


def test_the_second_look_is_blind(house: House) -> None:
    house.rules = TWICE
    _team(house)
    house.post()
    first = house.claim("lin")
    house.queue.decide(first, "limit", note="clearly an insult")
    second = house.claim("ana")
    case = house.queue.open_case(second)
    assert case.looks == ()
    assert case.comments == ()
    assert second.purpose == first.purpose == "review"
    assert second.why == first.why


def test_disagreement_goes_to_a_senior_who_sees_both(house: House) -> None:
    house.rules = TWICE
    _team(house)
    house.reviewer("kim")
    house.post()
    house.queue.decide(house.claim("lin"), "limit")
    house.queue.decide(house.claim("ana"), "allow")
    assert house.queue.claim("kim") is None
    claimed = house.claim("sen")
    assert claimed.purpose == "adjudication"
    assert [look.action for look in house.queue.open_case(claimed).looks] == ["limit", "allow"]
    decision = house.queue.decide(claimed, "allow", note="satire")
    assert decision.final
    assert decision.kind == "adjudication"


def test_a_second_opinion_asks_somebody_else(house: House) -> None:
    _team(house)
    house.post()
    mine = house.queue.second_opinion(house.claim("lin"), "hold")
    assert not mine.final
    assert house.queue.claim("lin") is None
    assert house.queue.decide(house.claim("ana"), "hold").final


def test_a_first_look_is_undone_only_before_the_second(house: House) -> None:
    house.rules = TWICE
    _team(house)
    house.post()
    first = house.queue.decide(house.claim("lin"), "limit")
    again = house.queue.undo(first, "lin")
    first = house.queue.decide(again, "allow")
    house.claim("ana")
    with pytest.raises(DecisionRefused, match="second time"):
        house.queue.undo(first, "lin")


def test_golden_items_cannot_be_told_from_others(house: House) -> None:
    _team(house)
    recorded = house.post(category="hate", probability=0.7)
    house.queue.decide(house.claim("lin"), "limit", category="hate")
    golden = add_golden(
        house.database, recorded.item_key, "limit", by="sen", alternatives=["hold"], category="hate"
    )
    house.post(category="hate", probability=0.7)
    house.rules = QueueRules(golden_share=1.0)
    planted, real = house.claim("ana"), house.claim("ana")
    if planted.item_key != recorded.item_key:
        planted, real = real, planted
    for name in ("queue", "language", "lane", "severity", "category", "purpose", "surface"):
        assert getattr(planted, name) == getattr(real, name), name
    assert len(planted.why) == len(real.why)
    decision = house.queue.decide(planted, "hold")
    assert not decision.final
    assert golden_results(house.database, "ana") == (1, 1)
    # Seen once is enough, and those who decided it know it anyway.
    house.queue.decide(real, "allow")
    assert house.queue.claim("ana") is None
    assert house.queue.claim("lin") is None
    withdraw_golden(house.database, golden.id or 0, because="overturned", by="sen")
    assert golden_results(house.database, "ana") == (0, 0)


def test_a_wrong_answer_to_a_golden_item_changes_nothing_for_its_author(small_house: House) -> None:
    house = small_house
    _team(house)
    recorded = house.post(author={"id": "writer"})
    right = house.queue.decide(house.claim("lin"), "allow")
    add_golden(house.database, recorded.item_key, "allow", by="sen")
    house.rules = QueueRules(golden_share=1.0)
    wrong = house.queue.decide(house.claim("ana"), "unavailable")
    assert right.final
    assert not wrong.final
    assert golden_results(house.database, "ana") == (1, 0)


def test_p0_material_is_never_golden(small_house: House) -> None:
    house = small_house
    _team(house)
    recorded = house.post(severity=Severity.P0)
    house.queue.decide(house.claim("lin"), "unavailable")
    with pytest.raises(DecisionRefused, match="P0"):
        add_golden(house.database, recorded.item_key, "unavailable", by="sen")


def test_a_share_of_what_was_allowed_automatically_is_checked(house: House) -> None:
    house.rules = QueueRules(audit_share=0.3)
    _team(house)
    opened = [house.post(review=False, item_id=f"post-{n}").job_id for n in range(40)]
    chosen = [n for n in range(40) if is_sampled(f"post-{n}", 0.3)]
    assert [n for n, job_id in enumerate(opened) if job_id is not None] == chosen
    assert 4 <= len(chosen) <= 20
    agreed = house.queue.decide(house.claim("lin"), "allow")
    differed = house.queue.decide(house.claim("lin"), "limit", category="harassment")
    assert (agreed.kind, agreed.final, agreed.automatic_action) == ("audit", False, "allow")
    assert (differed.kind, differed.final) == ("audit", True)


def test_the_sample_is_the_same_everywhere_and_of_the_asked_size() -> None:
    share = sum(is_sampled(f"item-{n}", 0.02) for n in range(20_000)) / 20_000
    assert share == pytest.approx(0.02, abs=0.004)
    assert is_sampled("item-7", 0.5) == is_sampled("item-7", 0.5)
    assert not is_sampled("item-7", 0.0)
    assert is_sampled("item-7", 1.0)


def test_an_old_golden_item_is_used_no_more_and_is_listed_to_be_renewed(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    recorded = house.post()
    house.queue.decide(house.claim("lin"), "limit")
    golden = add_golden(house.database, recorded.item_key, "limit", by="sen")
    listed = CliRunner().invoke(
        reviewers.app, ["golden", "--within-days", "100000", "--database", house.url]
    )
    assert golden.added_by in listed.output
    house.rules = QueueRules(golden_share=1.0)
    house.clock.forward(hours=24 * 160)
    assert [g.id for g in golden_to_renew(house.database, house.rules)] == [golden.id]
    house.clock.forward(hours=24 * 30)
    assert house.queue.claim("ana") is None


def test_a_golden_item_whose_decision_fell_on_appeal_measures_nobody(small_house: House) -> None:
    house = small_house
    for name in ("lin", "ana", "mei"):
        house.reviewer(name)
    recorded = house.post()
    decision = house.queue.decide(house.claim("lin"), "limit")
    add_golden(house.database, recorded.item_key, "limit", by="sen")
    open_appeal(house.database, decision.id or 0, opened_by="author")
    house.queue.decide(house.claim("ana"), "allow")
    house.rules = QueueRules(golden_share=1.0)
    assert house.queue.claim("mei") is None


def _with_a_golden_item(house: House) -> None:
    house.rules = QueueRules(golden_share=1.0)
    house.reviewer("ana")
    house.reviewer("lin")
    recorded = house.post()
    house.queue.decide(house.claim("ana"), "limit")
    add_golden(house.database, recorded.item_key, "limit", by="ana")


def test_a_golden_item_is_for_one_person_whatever_they_do_with_it(house: House) -> None:
    _with_a_golden_item(house)
    house.queue.pause(house.claim("lin"), "asked the author")
    assert house.queue.paused() == []
    assert house.queue.claim("lin") is None
    house.reviewer("kim")
    house.claim("kim")
    house.clock.forward(hours=1)
    house.rules = QueueRules()
    assert house.queue.claim("lin") is None


def test_a_golden_item_whose_content_is_gone_is_shown_to_nobody(small_house: House) -> None:
    house = small_house
    _with_a_golden_item(house)
    house.clock.forward(hours=1)
    delete_expired_content(house.database, older_than=house.clock.now)
    assert house.queue.claim("lin") is None
