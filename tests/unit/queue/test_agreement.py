"""Agreement figures against values from the literature and from hand."""

from __future__ import annotations

import math

import pytest

from moderation.queue.agreement import Rate, agreement, pairwise


def _looks(first: str, second: str) -> list[tuple[int, str, str]]:
    rows = [(item, "a", answer) for item, answer in enumerate(first)]
    return rows + [(item, "b", answer) for item, answer in enumerate(second)]


def test_cohen_kappa_of_the_textbook_table() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa 0.4 (Wikipedia's worked example).
    looks = _looks("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15)
    [pair] = pairwise(looks)
    assert pair.items == 50
    assert pair.raw == pytest.approx(0.7)
    assert pair.kappa == pytest.approx(0.4)


def test_krippendorff_alpha_of_his_own_example() -> None:
    # Krippendorff, Computing alpha-reliability (2011), section B: two observers, ten units,
    # binary data: alpha 0.095.
    looks = _looks("0100000000", "1110010100")
    found = agreement(looks)
    assert found.alpha == pytest.approx(0.095, abs=0.001)
    assert found.raw == pytest.approx(0.6)
    assert found.interval is not None
    assert found.interval[0] < 0.095 < found.interval[1]


def test_a_rare_class_shows_its_prevalence_beside_a_low_alpha() -> None:
    looks = _looks("n" * 98 + "yn", "n" * 98 + "ny")
    found = agreement(looks)
    assert found.raw == pytest.approx(0.98)
    assert found.prevalence["y"] == pytest.approx(0.01)
    assert found.alpha is not None
    assert found.alpha < 0.1


def test_items_seen_once_do_not_count() -> None:
    looks = [*_looks("aab", "aab"), (99, "a", "c")]
    found = agreement(looks)
    assert (found.items, found.looks, found.raw) == (3, 6, 1.0)
    assert "c" not in found.prevalence


def test_one_answer_only_has_no_alpha() -> None:
    found = agreement(_looks("aaaa", "aaaa"))
    assert found.alpha is None
    assert found.interval is None
    assert [pair.kappa for pair in pairwise(_looks("aaaa", "aaaa"))] == [None]


def test_three_people_with_gaps_are_compared() -> None:
    looks = [(0, "a", "x"), (0, "b", "x"), (0, "c", "y"), (1, "b", "y"), (1, "c", "y")]
    found = agreement(looks)
    assert found.raw == pytest.approx((2 + 2) / (6 + 2))
    assert len(pairwise(looks)) == 3


def test_the_bootstrap_can_be_made_again() -> None:
    looks = _looks("abababab", "ababbaab")
    assert agreement(looks, seed=3).interval == agreement(looks, seed=3).interval


def test_a_rate_carries_its_interval() -> None:
    rate = Rate(8, 10)
    low, high = rate.interval
    assert rate.share == 0.8
    assert (round(low, 2), round(high, 2)) == (0.49, 0.94)
    assert math.isnan(Rate(0, 0).share)
    assert Rate(0, 0).interval == (0.0, 1.0)
