"""Fixtures of the policy tests: the shipped packs, read once."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from moderation.policy import PackSet, load_packs
from moderation.settings import Settings

#: A day on which every shipped pack is in force and no review is overdue.
TODAY = datetime.date(2026, 12, 1)


@pytest.fixture(scope="session")
def policies() -> Path:
    return Settings().policies_dir


@pytest.fixture(scope="session")
def shipped(policies: Path) -> PackSet:
    return load_packs(policies, today=TODAY)
