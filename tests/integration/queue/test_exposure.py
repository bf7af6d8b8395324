"""What a person has seen is theirs to know, and bounded."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.queue import (
    ExposureReached,
    QueueRules,
    own_standing,
    raise_cap,
    take_break,
    team_minutes,
)
from moderation.records import ReviewerRefused, audit, change_reviewer
from moderation.records.people_tables import Role
from moderation.taxonomy import Severity


def _work(house: House, name: str, category: str, minutes: float, items: int = 1) -> None:
    for _ in range(items):
        house.post(category=category)
        claimed = house.claim(name)
        house.clock.forward(minutes=minutes)
        if minutes > 9:
            claimed = house.queue.heartbeat(claimed)
        house.queue.decide(claimed, "limit")


def test_minutes_are_weighed_by_what_was_seen(house: House) -> None:
    house.reviewer("lin")
    _work(house, "lin", "self_harm", 4)
    _work(house, "lin", "fraud_phishing", 4)
    assert own_standing(house.database, "lin").weighted_minutes == pytest.approx(4 * 3.0 + 4 * 0.5)


def test_a_break_is_proposed_in_time(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    _work(house, "lin", "spam", 5, items=5)
    house.post()
    claimed = house.claim("lin")
    assert "25 minutes without a break" in claimed.prompts[0]
    house.queue.release(claimed)
    take_break(house.database, "lin")
    assert house.claim("lin").prompts == ()


def test_a_break_is_proposed_after_many_difficult_items(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    _work(house, "lin", "hate", 0.5, items=10)
    house.post()
    assert "10 difficult items" in house.claim("lin").prompts[0]


def test_a_pause_counts_as_a_break(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    _work(house, "lin", "spam", 5, items=6)
    house.clock.forward(minutes=20)
    house.post()
    assert house.claim("lin").prompts == ()


def test_the_hard_cap_stops_and_only_somebody_else_raises_it(house: House) -> None:
    house.rules = QueueRules(exposure_soft_cap=10, exposure_hard_cap=20)
    house.reviewer("lin")
    house.reviewer("boss")
    _work(house, "lin", "self_harm", 4)
    house.post()
    soft = house.claim("lin")
    assert any("Consider another queue" in prompt for prompt in soft.prompts)
    house.clock.forward(minutes=4)
    house.queue.decide(soft, "limit")
    _work(house, "lin", "self_harm", 4)
    with pytest.raises(ExposureReached, match="rest"):
        house.queue.claim("lin")
    with pytest.raises(ReviewerRefused, match="somebody else"):
        raise_cap(house.database, "lin", 30, by="lin", reason="I am fine")
    raise_cap(house.database, "lin", 30, by="boss", reason="a live incident")
    house.post()
    assert house.claim("lin") is not None
    entry = audit.history(house.database, "reviewer:lin")[-1]
    assert (entry.actor, entry.action) == ("boss", "exposure_cap_raised")


def test_where_there_are_managers_only_they_raise_a_cap(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    house.reviewer("boss", roles=[Role.MANAGER])
    for name in ("ana", "nobody"):
        with pytest.raises(ReviewerRefused, match="no manager"):
            raise_cap(house.database, "lin", 30, by=name, reason="a live incident")
    raise_cap(house.database, "lin", 30, by="boss", reason="a live incident")


def test_a_new_shift_starts_at_nothing(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    _work(house, "lin", "self_harm", 8)
    house.clock.forward(hours=7)
    assert own_standing(house.database, "lin").weighted_minutes == 0


def test_i_need_to_stop_gives_the_item_back_with_notes(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    mine = house.claim("lin")
    house.queue.stop(mine, "lin", "from minute two it is calm")
    assert house.queue.claim("lin") is None
    theirs = house.claim("ana")
    assert theirs.job_id == mine.job_id
    case = house.queue.open_case(theirs)
    assert case.comments[0].detail["note"] == "from minute two it is calm"
    # To others it looks like any release.
    assert {event.kind for event in house.queue.history(mine.job_id)} <= {
        "opened",
        "claimed",
        "released",
    }


def test_managers_see_sums_over_eight_people_only(small_house: House) -> None:
    house = small_house
    for number in range(8):
        house.reviewer(f"r{number}")
    for number in range(7):
        _work(house, f"r{number}", "hate", 1)
    assert team_minutes(house.database, 0) is None
    _work(house, "r7", "hate", 1)
    _work(house, "r7", "self_harm", 1)
    assert team_minutes(house.database, 0) == {"hate": pytest.approx(16.0)}


def test_after_much_of_one_kind_another_comes_first(house: House) -> None:
    house.rules = QueueRules(rotate_after_minutes=0, rotate_after_severe=3)
    house.reviewer("lin")
    _work(house, "lin", "hate", 0.5, items=3)
    hateful = house.post(category="hate", views=100_000.0)
    milder = house.post(category="spam", views=10.0)
    first = house.claim("lin")
    assert first.job_id == milder.job_id
    assert any("another kind of material" in line for line in first.why)
    # What nobody else takes still comes, and says so.
    second = house.claim("lin")
    assert second.job_id == hateful.job_id
    assert any("nothing else as urgent waits" in line for line in second.why)
    house.queue.release(first)
    house.queue.release(second)
    take_break(house.database, "lin")
    assert house.claim("lin").job_id == hateful.job_id


def test_rotation_never_holds_back_what_goes_before_everything(house: House) -> None:
    house.rules = QueueRules(rotate_after_minutes=5, rotate_after_severe=0)
    house.reviewer("lin")
    _work(house, "lin", "graphic_violence", 6)
    house.post(category="spam", views=100_000.0)
    threat = house.post(category="threat_incitement", severity=Severity.P0, views=10.0)
    claimed = house.claim("lin")
    assert (claimed.job_id, claimed.lane) == (threat.job_id, 0)


def test_rotation_can_be_switched_off(small_house: House) -> None:
    house = small_house
    house.rules = QueueRules(rotate_after_minutes=0, rotate_after_severe=0)
    house.reviewer("lin")
    _work(house, "lin", "hate", 3, items=12)
    hateful = house.post(category="hate", views=100_000.0)
    house.post(category="spam", views=10.0)
    assert house.claim("lin").job_id == hateful.job_id


def test_what_is_passed_on_was_seen_too(house: House) -> None:
    house.reviewer("lin", seniority=1)
    house.post(category="graphic_violence")
    claimed = house.claim("lin")
    house.clock.forward(minutes=4)
    house.queue.skip(claimed, "too much for today")
    assert own_standing(house.database, "lin").weighted_minutes == pytest.approx(12.0)


def test_an_opt_out_holds_for_random_checks_too(small_house: House) -> None:
    house = small_house
    house.rules = QueueRules(audit_share=1.0)
    house.reviewer("lin")
    change_reviewer(house.database, "lin", opt_outs=["graphic_violence"])
    house.post(category="graphic_violence", review=False)
    house.post(category="csae", review=False)
    assert house.queue.claim("lin") is None
