"""The nine worked items and their negative tests, against the packs as shipped."""

from __future__ import annotations

import pytest

from moderation.policy import PackSet
from moderation.policy.golden import (
    GoldenCase,
    differences,
    golden_problems,
    golden_verdicts,
    read_golden,
)
from moderation.settings import Settings

CASES = read_golden(Settings().policies_dir)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.golden.id)
def test_a_golden_item_leads_to_what_it_must(shipped: PackSet, case: GoldenCase) -> None:
    assert list(golden_problems(shipped, (case,))) == []


def test_all_nine_worked_items_are_there() -> None:
    assert {f"E{number}" for number in range(1, 10)} <= {case.golden.id for case in CASES}


def test_a_golden_item_that_fails_says_what_came_out_instead(shipped: PackSet) -> None:
    case = next(case for case in CASES if case.golden.id == "E4")
    wrong = case.golden.expect["US"].model_copy(update={"visibility": "hold"})
    verdict = golden_verdicts(shipped, case.golden)["US"]
    assert list(differences(wrong, verdict)) == ["visibility is visible, expected hold"]
