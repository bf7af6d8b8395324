"""A real database with screened items and human decisions, made once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from moderation.items import Item
from moderation.policy import Facts, PackSet, Verdict, evaluate, load_packs
from moderation.queue import record_screenings
from moderation.records import Database, Decision, open_database
from moderation.settings import Settings
from moderation.signals import Assessment, Problem, Signal

TODAY = datetime.date(2026, 12, 1)
REGIONS = ("DE", "US", "IN")
ITEMS = 400


@dataclass(frozen=True)
class Screened:
    """What the records need to know of a screening."""

    item: Item
    assessment: Assessment
    verdicts: dict[str, Verdict]


@pytest.fixture(scope="session")
def policies() -> Path:
    return Settings().policies_dir


@pytest.fixture(scope="session")
def shipped(policies: Path) -> PackSet:
    return load_packs(policies, today=TODAY)


def invented_items() -> list[tuple[Item, Assessment, bool]]:
    """Items with a hate score, and whether a person would find them harmful."""
    chance = np.random.default_rng(7)
    found = []
    for number in range(ITEMS):
        harmful = bool(chance.random() < 0.4)
        score = float(np.clip(chance.normal(0.85 if harmful else 0.35, 0.12), 0.01, 0.99))
        row: dict[str, object] = {
            "id": f"item-{number}",
            "text": f"invented text number {number}",
            "surface": "listing" if number % 10 == 0 else "comment",
            "author": {"age": "18_plus", "account_age_days": number, "region": "US"},
        }
        if number % 50 == 1:
            row["order"] = {"kind": "court", "territory": "IN, worldwide", "verified": True}
        if number % 50 == 2:
            row["report"] = {"kind": "ncii_by_subject_or_agent", "complete": True}
        if number % 50 == 3:
            row["context_tags"] = ["news"]
        if number % 50 == 4:
            row["recipient_age"] = "13_15"
        distress = Signal(
            name="text.self_harm",
            category="self_harm",
            probability=0.9,
            aspect="encouragement" if number % 2 else "distress",
            model="stated",
            model_version="1",
        )
        assessment = Assessment(
            item_id=f"item-{number}",
            scores={"hate": score, "self_harm": 0.9 if number % 40 == 5 else 0.01},
            signals=(distress,) if number % 40 == 5 else (),
            language=("en", "zh", "es")[number % 3],
            languages=("en", "zh") if number % 7 == 0 else ("en",),
            problems=(Problem(part="image:0", code="undecodable", message="broken"),)
            if number % 50 == 6
            else (),
        )
        found.append((Item.from_row(row), assessment, harmful))
    return found


@pytest.fixture(scope="session")
def invented() -> list[tuple[Item, Assessment, bool]]:
    return invented_items()


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('records') / 'moderation.sqlite'}"


@pytest.fixture(scope="session")
def database(
    database_url: str, shipped: PackSet, invented: list[tuple[Item, Assessment, bool]]
) -> Iterator[Database]:
    """Every third item was decided by a person, by its true label."""
    items = [item for item, _, _ in invented]
    assessments = [assessment for _, assessment, _ in invented]
    verdicts = evaluate(shipped, Facts.from_items(items, assessments), REGIONS)
    screened = [
        (item, Screened(item, assessment, verdicts.row(row)))
        for row, (item, assessment, _) in enumerate(invented)
    ]
    with open_database(database_url) as opened:
        recorded = record_screenings(opened, screened)
        with opened.write() as session:
            for entry, (_, _, harmful) in zip(recorded, invented, strict=True):
                if entry.job_id is not None:
                    session.add(
                        Decision(
                            job_id=entry.job_id,
                            item_key=entry.item_key,
                            reviewer_id="lin",
                            action="unavailable" if harmful else "allow",
                            category="hate" if harmful else None,
                            decided_at=1.0,
                        )
                    )
        yield opened
