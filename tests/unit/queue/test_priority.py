"""The priority in SQL and in Python is one number, and it means what it says."""

from __future__ import annotations

import math
import sqlite3
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.queue.priority import (
    AGEING_WEIGHT,
    PRIORITY_SQL,
    explain,
    opening_weight,
    priority,
)

NOW = 1_700_000_000.0
_CONNECTION = sqlite3.connect(":memory:")


def _job(**changed: object) -> SimpleNamespace:
    job = {
        "severity": 1,
        "probability": 0.8,
        "views_per_minute": 10.0,
        "reliability": 1.0,
        "opened_at": NOW,
        "due_at": NOW + 3600.0,
        "lane": 2,
        "category": "hate",
        "parts": {},
    }
    return SimpleNamespace(**(job | changed))


def _in_sql(job: SimpleNamespace, now: float) -> float:
    names = ("severity", "probability", "views_per_minute", "reliability", "opened_at", "due_at")
    columns = ", ".join(f":{name} AS {name}" for name in names)
    values = {name: getattr(job, name) for name in names} | {"now": now}
    query = f"SELECT {PRIORITY_SQL} FROM (SELECT {columns})"
    return float(_CONNECTION.execute(query, values).fetchone()[0])


@settings(max_examples=150, deadline=None)
@given(
    severity=st.integers(0, 4),
    probability=st.floats(0, 1),
    views=st.floats(0, 1e6),
    reliability=st.floats(0.25, 3),
    minutes=st.floats(1, 4320),
    elapsed=st.floats(-0.5, 50),
)
def test_sql_and_python_compute_the_same_priority(
    severity: int,
    probability: float,
    views: float,
    reliability: float,
    minutes: float,
    elapsed: float,
) -> None:
    job = _job(
        severity=severity,
        probability=probability,
        views_per_minute=views,
        reliability=reliability,
        due_at=NOW + minutes * 60,
    )
    now = NOW + elapsed * minutes * 60
    assert _in_sql(job, now) == pytest.approx(priority(job, now), rel=1e-9, abs=1e-9)


def test_a_new_job_has_the_weight_that_the_index_finds_it_by() -> None:
    job = _job()
    assert priority(job, NOW) == pytest.approx(opening_weight(1, 0.8, 10.0, 60.0, 1.0))
    assert priority(job, NOW) == pytest.approx(8 * 0.8 * math.log2(601))


@pytest.mark.parametrize(
    ("worse", "milder"),
    [
        ({"severity": 1}, {"severity": 2}),
        ({"probability": 0.9}, {"probability": 0.5}),
        ({"views_per_minute": 100.0}, {"views_per_minute": 1.0}),
        ({"reliability": 1.8}, {"reliability": 0.4}),
    ],
)
def test_more_harm_is_more_urgent(worse: dict[str, float], milder: dict[str, float]) -> None:
    assert priority(_job(**worse), NOW) > priority(_job(**milder), NOW)


def test_ageing_sets_in_at_sixty_percent_and_never_ends() -> None:
    def ageing(share: float) -> float:
        return priority(_job(probability=0.0), NOW + share * 3600)

    assert ageing(0.3) == ageing(0.6) == 0
    assert ageing(0.8) == pytest.approx(8 * AGEING_WEIGHT * 0.5)
    assert ageing(1.0) == pytest.approx(8 * AGEING_WEIGHT)
    assert ageing(4.0) == pytest.approx(8 * AGEING_WEIGHT * 3)
    assert ageing(1000) > ageing(100)


def test_the_words_tell_all_parts() -> None:
    job = _job(
        lane=0,
        reliability=1.6,
        parts={
            "lane_reason": "danger to life or to a child (P0)",
            "reports": 2,
            "rules": ["eu.hate.1"],
            "regions": ["DE", "FR"],
            "reach_assumed": True,
        },
    )
    assert explain(job, NOW) == [
        "goes before everything else: danger to life or to a child (P0)",
        "Hate (P1), 80% likely",
        "reported 2 times; its reporters are usually right",
        "reach unknown; taken as 600 views until it is due",
        "due in 60 min",
        "rule eu.hate.1 (for viewers in DE, FR)",
    ]
