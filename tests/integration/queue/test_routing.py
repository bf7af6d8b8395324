"""Who is handed what: skips, languages, opt-outs, guarded queues, seniority."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.queue import DecisionRefused, LeaseLost
from moderation.records import ReviewerRefused, Role, change_reviewer
from moderation.taxonomy import Severity


def test_a_skipped_job_is_not_handed_back_to_the_same_person(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    mine = house.claim("lin")
    house.queue.skip(mine, "I know the author")
    assert house.queue.claim("lin") is None
    with pytest.raises(LeaseLost, match="skipped"):
        house.queue.claim_job("lin", mine.job_id)
    theirs = house.claim("ana")
    assert theirs.job_id == mine.job_id
    said = [event.detail.get("reason") for event in house.queue.open_case(theirs).comments]
    assert said == ["I know the author"]


def test_a_skip_needs_a_reason_and_a_release_does_not(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post()
    mine = house.claim("lin")
    with pytest.raises(DecisionRefused, match="why"):
        house.queue.skip(mine, " ")
    house.queue.release(mine)
    assert house.claim("lin").job_id == mine.job_id


def test_a_reviewer_gets_only_languages_that_they_read(house: House) -> None:
    house.reviewer("lin", "zh")
    house.reviewer("ana", "es", "en")
    house.queue.claim("ana")  # she is here
    house.post(language="es", category="hate", probability=0.99)
    chinese = house.post(language="zh-Hans", category="spam", probability=0.3)
    assert house.claim("lin").job_id == chinese.job_id
    assert house.queue.claim("lin") is None


def test_a_foreign_job_comes_only_when_nobody_else_is_there_and_it_is_said(house: House) -> None:
    house.reviewer("lin", "zh")
    house.reviewer("ana", "es")
    house.queue.claim("ana")
    house.post(language="es")
    house.post(language="ja")
    first = house.claim("lin")
    assert first.language == "ja"
    assert any("nobody on the team reads it" in line for line in first.why)
    assert house.queue.claim("lin") is None
    house.clock.forward(minutes=45)  # ana has gone, and the lease on the first job ran out
    languages = {house.claim("lin").language, house.claim("lin").language}
    assert languages == {"ja", "es"}


def test_own_languages_come_before_foreign_ones_in_the_same_lane(house: House) -> None:
    house.reviewer("lin", "zh")
    house.post(language="ja", category="hate", probability=0.99, views=1_000_000)
    own = house.post(language="zh", category="spam", probability=0.2, views=1)
    assert house.claim("lin").job_id == own.job_id


def test_danger_to_life_in_a_language_that_nobody_reads_comes_before_the_rest(house: House) -> None:
    house.reviewer("lin", "zh")
    danger = house.post(language="ja", severity=Severity.P0)
    house.post(language="zh", category="hate")
    assert house.claim("lin").job_id == danger.job_id


def test_an_image_without_text_is_for_everybody(small_house: House) -> None:
    house = small_house
    house.reviewer("lin", "zh")
    house.reviewer("ana", "es")
    recorded = house.post(language="und")
    assert house.claim("lin").job_id == recorded.job_id


def test_an_opt_out_is_respected_without_a_reason(house: House) -> None:
    house.reviewer("lin")
    change_reviewer(house.database, "lin", opt_outs=["self_harm"])
    house.post(category="self_harm")
    assert house.queue.claim("lin") is None


def test_child_safety_is_for_those_with_the_role_only(house: House) -> None:
    house.reviewer("lin", seniority=2, roles=["reviewer", "senior"])
    house.reviewer("sam", roles=[Role.REVIEWER, Role.CHILD_SAFETY])
    recorded = house.post("a report about a direct message", category="grooming")
    assert house.queue.claim("lin") is None
    assert house.claim("sam").job_id == recorded.job_id


def test_a_newcomer_is_not_handed_the_worst(house: House) -> None:
    house.reviewer("new", seniority=0)
    house.post(severity=Severity.P0)
    assert house.queue.claim("new") is None
    mild = house.post(category="spam")
    assert house.claim("new").job_id == mild.job_id


def test_a_reviewer_works_on_their_queues_only(small_house: House) -> None:
    house = small_house
    house.reviewer("lin", queues=["scams"])
    house.post(queue="general")
    scam = house.post(queue="scams", category="fraud_phishing")
    assert house.claim("lin").job_id == scam.job_id
    assert house.queue.claim("lin") is None


def test_a_claim_can_ask_for_a_queue_and_a_language(small_house: House) -> None:
    house = small_house
    house.reviewer("lin", "zh", "en")
    house.post(queue="general", language="zh")
    house.post(queue="scams", language="en")
    wanted = house.post(queue="scams", language="zh")
    assert house.claim("lin", queues=["scams"], languages=["zh"]).job_id == wanted.job_id
    assert house.queue.claim("lin", queues=["scams"], languages=["zh"]) is None


def test_an_escalated_job_is_for_seniors_and_comes_first(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("sen", seniority=2)
    recorded = house.post(category="spam", probability=0.2)
    house.post(category="hate", probability=0.99, views=1_000_000)
    house.queue.escalate(house.queue.claim_job("lin", recorded.job_id or 0), "is this a threat?")
    other = house.claim("lin")
    assert other.job_id != recorded.job_id
    escalated = house.claim("sen")
    assert escalated.job_id == recorded.job_id
    assert "escalated by a reviewer" in escalated.why[0]
    assert house.queue.open_case(escalated).comments[0].detail["note"] == "is this a threat?"


def test_a_moved_job_waits_in_its_new_queue(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana", queues=["legal"])
    house.post()
    house.queue.move(house.claim("lin"), "legal", "an order is cited")
    assert house.claim("ana").queue == "legal"


def test_a_comment_is_seen_by_the_next_reviewer(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    house.post()
    mine = house.claim("lin")
    house.queue.comment(mine.job_id, "lin", "the second picture is a meme")
    house.queue.release(mine)
    comments = house.queue.open_case(house.claim("ana")).comments
    assert comments[0].detail["text"] == "the second picture is a meme"


def test_a_live_room_outranks_a_post_that_nobody_watches(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate", probability=0.9, views=20)
    live = house.post(
        category="hate",
        probability=0.7,
        views=None,
        surface="live_transcript",
        audience={"room_size": 800},
    )
    claimed = house.claim("lin")
    assert claimed.job_id == live.job_id
    assert any("800 listeners" in line for line in claimed.why)


def test_reports_of_a_reporter_who_is_often_wrong_weigh_less(house: House) -> None:
    house.reviewer("lin")
    report = {"kind": "insult", "source": "user"}
    for _ in range(6):
        house.post(report=report, review=False, reporter_id="careful")
        house.post(report=report, review=False, reporter_id="careless")
    while (claimed := house.queue.claim("lin")) is not None:
        reporter = house.queue.open_case(claimed).reports[0].reporter_id
        house.queue.decide(claimed, "limit" if reporter == "careful" else "allow", seconds=0)
    ignored = house.post(report=report, review=False, reporter_id="careless")
    heeded = house.post(report=report, review=False, reporter_id="careful")
    first, second = house.claim("lin"), house.claim("lin")
    assert (first.job_id, second.job_id) == (heeded.job_id, ignored.job_id)
    assert any("usually right" in line for line in first.why)
    assert any("often wrong" in line for line in second.why)


def test_the_report_itself_says_who_sent_it(house: House) -> None:
    house.reviewer("lin")
    report = {"kind": "insult", "source": "user", "reporter_id": "careless"}
    for _ in range(6):
        house.post(report=report, review=False)
    while (claimed := house.queue.claim("lin")) is not None:
        assert house.queue.open_case(claimed).reports[0].reporter_id == "careless"
        house.queue.decide(claimed, "allow", seconds=0)
    house.post(report=report, review=False)
    assert any("often wrong" in line for line in house.claim("lin").why)


def test_a_trusted_flagger_goes_before_the_rest(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate", probability=0.99, views=1_000_000)
    flagged = house.post(
        category="spam",
        probability=0.1,
        review=False,
        report={"kind": "illegal", "source": "trusted_flagger"},
    )
    claimed = house.claim("lin")
    assert (claimed.job_id, claimed.lane) == (flagged.job_id, 1)


def test_a_reviewer_works_on_their_surfaces_only(house: House) -> None:
    house.reviewer("lin", surfaces=["live_chat"])
    house.post()
    live = house.post(surface="live_chat")
    assert house.claim("lin").job_id == live.job_id
    assert house.queue.claim("lin") is None


def test_a_claim_can_ask_for_a_surface(house: House) -> None:
    house.reviewer("lin")
    house.post(category="hate")
    listing = house.post(category="spam", surface="listing")
    assert house.queue.claim("lin", surfaces=["profile"]) is None
    assert house.claim("lin", surfaces=["listing"]).job_id == listing.job_id


def test_a_reviewer_works_on_what_viewers_of_their_regions_wait_for(house: House) -> None:
    house.reviewer("lin", regions=["BR"])
    house.reviewer("ana", regions=["DE"])
    german = house.post()
    assert house.queue.claim("lin") is None
    assert house.queue.claim("ana", regions=["BR"]) is None
    assert house.claim("ana", regions=["DE"]).job_id == german.job_id


def test_surfaces_and_regions_that_do_not_exist_are_refused(small_house: House) -> None:
    with pytest.raises(ReviewerRefused, match="surfaces are"):
        small_house.reviewer("lin", surfaces=["billboard"])
    with pytest.raises(ReviewerRefused, match="region"):
        small_house.reviewer("lin", regions=["Bavaria"])
