"""Agreement, overturned appeals and the precision of automation, from stored decisions."""

from __future__ import annotations

import pytest
from review_work import House

from moderation.queue import QueueRules, open_appeal
from moderation.queue.agreement import (
    agreement,
    automation_precision,
    overturn_rates,
    pairwise,
    stored_looks,
)


def test_blind_second_looks_give_agreement_per_language(house: House) -> None:
    house.rules = QueueRules(double_review_queues=frozenset({"general"}))
    house.reviewer("lin", "zh", "en")
    house.reviewer("ana", "zh", "en")
    for number in range(6):
        house.post(language="zh" if number < 4 else "en")
    while (first := house.queue.claim("lin")) is not None:
        house.queue.decide(first, "limit", seconds=1)
        second = house.claim("ana")
        # They differ on English only.
        house.queue.decide(second, "limit" if first.language == "zh" else "allow", seconds=1)
    groups = stored_looks(house.database, by="language")
    assert agreement(groups["zh"]).raw == 1.0
    assert agreement(groups["en"]).raw == 0.0
    [pair] = pairwise(stored_looks(house.database)["all"])
    assert (pair.first, pair.second, pair.items) == ("ana", "lin", 6)
    assert pair.raw == pytest.approx(4 / 6)


def test_an_undone_look_does_not_count(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post()
    wrong = house.queue.decide(house.claim("lin"), "unavailable")
    house.queue.decide(house.queue.undo(wrong, "lin"), "allow")
    assert [answer for _, _, answer in stored_looks(house.database)["all"]] == ["allow"]


def test_overturned_appeals_are_counted_per_language(small_house: House) -> None:
    house = small_house
    house.reviewer("lin", "zh", "es")
    house.reviewer("ana", "zh", "es")
    for language, answer in (("zh", "allow"), ("zh", "limit"), ("es", "limit")):
        house.post(language=language)
        decision = house.queue.decide(house.claim("lin"), "limit")
        open_appeal(house.database, decision.id or 0, opened_by="author")
        house.queue.decide(house.claim("ana"), answer)
    rates = overturn_rates(house.database)
    assert (rates["zh"].count, rates["zh"].of) == (1, 2)
    assert (rates["es"].count, rates["es"].of) == (0, 1)


def test_the_precision_of_automatic_decisions_is_measured_by_random_checks(house: House) -> None:
    house.rules = QueueRules(audit_share=1.0)
    house.reviewer("lin", "zh")
    for answer in ("allow", "allow", "limit"):
        house.post(language="zh", review=False)
        house.queue.decide(house.claim("lin"), answer)
    rate = automation_precision(house.database)["zh", "allow"]
    assert (rate.count, rate.of) == (2, 3)
    low, high = rate.interval
    assert low < 2 / 3 < high


def test_reports_raise_the_probability_but_never_to_certainty(house: House) -> None:
    house.reviewer("lin")
    report = {"kind": "insult", "source": "user"}
    house.post("the same words", item_id="a", review=False, report=report)
    one = house.claim("lin")
    house.queue.release(one)
    for _ in range(30):
        house.post("the same words", item_id="a", review=False, report=report)
    many = house.claim("lin")
    assert one.probability < many.probability <= 0.9
    assert any("reported 31 times" in line for line in many.why)
