"""One reviewer, one job, one decision."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.queue import DecisionRefused, LeaseLost
from moderation.records import audit
from moderation.taxonomy import Severity


def test_a_screened_item_is_claimed_and_decided(house: House) -> None:
    house.reviewer("lin", "en")
    recorded = house.post("you are all idiots", category="harassment")
    claimed = house.claim("lin")
    assert claimed.job_id == recorded.job_id
    case = house.queue.open_case(claimed)
    assert case.item.texts[0].text == "you are all idiots"
    assert case.assessment.scores["harassment"] == pytest.approx(0.8)
    assert case.verdicts["DE"].policy_hash == "f00d"
    decision = house.queue.decide(claimed, "limit", category="harassment", note="insult")
    assert decision.final
    assert decision.snapshot is not None
    assert decision.snapshot["why"] == list(claimed.why)
    assert decision.policy_hash == "f00d"
    assert house.queue.claim("lin") is None
    assert audit.verify(house.database).entries > 0


def test_two_reviewers_never_get_the_same_job(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    house.post()
    first, second = house.claim("lin"), house.claim("ana")
    assert first.job_id != second.job_id
    assert house.queue.claim("lin") is None


def test_the_more_harmful_job_comes_first(house: House) -> None:
    house.reviewer("lin")
    house.post(category="spam", probability=0.99, views=10)
    worst = house.post(category="hate", probability=0.9, views=90_000)
    house.post(category="hate", probability=0.3, views=100)
    assert house.claim("lin").job_id == worst.job_id


def test_danger_to_life_goes_before_any_reach(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate", probability=0.99, views=10_000_000)
    threat = house.post(category="threat_incitement", probability=0.4, views=5)
    claimed = house.claim("lin")
    assert claimed.job_id == threat.job_id
    assert claimed.lane == 0
    assert "goes before everything else" in claimed.why[0]


def test_a_job_says_why_it_comes_in_words(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate", probability=0.82, views=2400)
    why = " / ".join(house.claim("lin").why)
    assert "Hate (P1), 82% likely" in why
    assert "about 100 views until it is due" in why
    assert "due in 60 min" in why


def test_a_lease_that_ran_out_is_refused_and_loses_nothing(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    mine = house.claim("lin")
    house.clock.forward(minutes=11)
    with pytest.raises(LeaseLost, match="lease") as caught:
        house.queue.decide(mine, "unavailable", note="a long thought")
    assert caught.value.draft["note"] == "a long thought"
    kept = [event for event in house.queue.history(mine.job_id) if event.kind == "refused"]
    assert kept[0].detail["note"] == "a long thought"
    theirs = house.claim("ana")
    assert theirs.job_id == mine.job_id
    with pytest.raises(LeaseLost, match="somebody else"):
        house.queue.decide(mine, "unavailable")
    assert house.queue.decide(theirs, "allow").action == "allow"


def test_a_heartbeat_keeps_the_lease(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    mine = house.claim("lin")
    for _ in range(4):
        house.clock.forward(minutes=8)
        mine = house.queue.heartbeat(mine)
    assert house.queue.claim("ana") is None
    assert house.queue.decide(mine, "allow").final


def test_a_reviewer_takes_a_lost_job_again(house: House) -> None:
    house.reviewer("lin")
    house.post()
    mine = house.claim("lin")
    house.clock.forward(minutes=11)
    again = house.queue.claim_job("lin", mine.job_id)
    assert house.queue.held("lin")[0].job_id == again.job_id
    assert house.queue.decide(again, "allow").final


def test_a_decision_is_undone_and_decided_again(house: House) -> None:
    house.reviewer("lin")
    house.post()
    wrong = house.queue.decide(house.claim("lin"), "unavailable")
    house.clock.forward(minutes=2)
    again = house.queue.undo(wrong, "lin")
    right = house.queue.decide(again, "allow")
    kinds = [decision.kind for decision in house.queue.decisions_of("lin")]
    assert kinds == ["review", "undo", "review"]
    house.clock.forward(minutes=6)
    with pytest.raises(DecisionRefused, match="correct it"):
        house.queue.undo(right, "lin")


def test_a_late_change_of_mind_supersedes(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.reviewer("sen", roles=["reviewer", "senior"])
    house.post()
    first = house.queue.decide(house.claim("lin"), "unavailable")
    with pytest.raises(DecisionRefused, match="senior"):
        house.queue.correct(first, "ana", "allow", note="too harsh")
    second = house.queue.correct(first, "sen", "allow", note="too harsh")
    assert second.supersedes == first.id
    with pytest.raises(DecisionRefused, match="successor"):
        house.queue.correct(first, "sen", "limit", note="again")


def test_the_same_content_is_stored_and_queued_once(house: House) -> None:
    first = house.post("hello there everybody", item_id="a")
    again = house.post("hello there everybody", item_id="a")
    assert (again.item_key, again.is_new, again.job_id) == (first.item_key, False, first.job_id)


def test_reports_join_the_waiting_job(house: House) -> None:
    house.reviewer("lin")
    first = house.post(item_id="a", text="hello there everybody")
    for _ in range(3):
        report = {"kind": "insult", "source": "user"}
        again = house.post(item_id="a", text="hello there everybody", report=report)
        assert again.job_id == first.job_id
    claimed = house.claim("lin")
    assert any("reported 3 times" in line for line in claimed.why)
    assert len(house.queue.open_case(claimed).reports) == 3


def test_an_edited_post_takes_its_waiting_job_along(house: House) -> None:
    house.reviewer("lin")
    first = house.post(item_id="a", text="hello there everybody")
    edited = house.post(item_id="a", text="a completely different sentence")
    assert edited.job_id == first.job_id
    case = house.queue.open_case(house.claim("lin"))
    assert case.item.texts[0].text == "a completely different sentence"


def test_an_edit_while_it_is_in_hand_waits_for_a_look_of_its_own(house: House) -> None:
    house.reviewer("lin")
    first = house.post(item_id="a", text="hello there everybody")
    claimed = house.claim("lin")
    edited = house.post(item_id="a", text="a completely different sentence")
    assert edited.job_id != first.job_id
    house.post(item_id="a", text="hello there everybody")  # and back again: that is in hand
    house.queue.decide(claimed, "allow")
    case = house.queue.open_case(house.claim("lin"))
    assert case.item.texts[0].text == "a completely different sentence"


def test_an_edit_into_another_language_waits_for_those_who_read_it(house: House) -> None:
    house.reviewer("lin", "zh")
    house.reviewer("ana", "en")
    house.queue.claim("lin"), house.queue.claim("ana")
    house.post(item_id="a", text="hello there everybody", language="en")
    house.post(item_id="a", text="大家好，今天的天气很好", language="zh")
    assert house.queue.claim("ana") is None
    assert house.claim("lin").language == "zh"


def test_one_person_who_reports_again_and_again_is_heard_once(house: House) -> None:
    house.reviewer("lin")
    report = {"kind": "insult", "source": "user", "reporter_id": "someone"}
    for _ in range(5):
        house.post(item_id="a", text="hello there everybody", report=report)
    claimed = house.claim("lin")
    assert any("reported once" in line for line in claimed.why)
    assert len(house.queue.open_case(claimed).reports) == 5


def test_what_becomes_dangerous_while_it_waits_is_for_the_trained(house: House) -> None:
    house.reviewer("new", seniority=0)
    house.reviewer("lin", seniority=1)
    house.post(item_id="a", text="hello there everybody", category="spam")
    report = {"kind": "threat", "source": "user"}
    house.post(
        item_id="a", text="hello there everybody", category="spam", severity=Severity.P0,
        report=report,
    )  # fmt: skip
    assert house.queue.claim("new") is None
    assert house.claim("lin").lane == 0


def test_an_item_that_nobody_asked_about_is_stored_without_a_job(house: House) -> None:
    house.reviewer("lin")
    recorded = house.post(review=False)
    assert recorded.job_id is None
    assert house.queue.claim("lin") is None


def test_waiting_counts_tell_queue_language_and_lane(house: House) -> None:
    house.reviewer("lin")
    house.post(language="zh", category="hate")
    house.post(language="zh", category="hate")
    house.post(language="en", severity=Severity.P0, queue="safety")
    rows = {(r["queue"], r["language"], r["lane"]): r["jobs"] for r in house.queue.waiting_counts()}
    assert rows == {("general", "zh", 2): 2, ("safety", "en", 0): 1}


def test_a_word_that_is_no_action_is_refused_and_the_lease_stays(house: House) -> None:
    house.reviewer("lin")
    house.post()
    claimed = house.claim("lin")
    with pytest.raises(DecisionRefused, match="unavailable"):
        house.queue.decide(claimed, "delete")
    assert house.queue.decide(claimed, "allow").final


def test_two_processes_that_store_the_same_items_open_one_job_each(house: House) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from review_work import screened

    from moderation.queue import record_screenings

    batch = [
        screened(f"item-{chr(97 + n)}", "the same reported words " + chr(97 + n) * 9)
        for n in range(12)
    ]
    with ThreadPoolExecutor(4) as pool:
        orders = [batch, batch[::-1], batch, batch[::-1]]
        done = list(pool.map(lambda order: record_screenings(house.database, order), orders))
    jobs = {recorded.job_id for recorded in done[0]}
    assert len(jobs) == 12
    assert all({recorded.job_id for recorded in other} == jobs for other in done)
    assert sum(recorded.is_new for other in done for recorded in other) == 12
