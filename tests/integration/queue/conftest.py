"""A database of each kind, fresh for every test, and a few words to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from review_work import Clock, House

from moderation.records import open_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An empty database with a clock that the test sets, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_database")
    else:
        url = request.getfixturevalue("postgres_database")
    clock = Clock()
    with open_database(url, media_dir=tmp_path / "media", clock=clock) as database:
        yield House(database, clock, url)


@pytest.fixture
def small_house(sqlite_database: str, tmp_path: Path) -> Iterator[House]:
    """As `house`, on SQLite only, where the database makes no difference."""
    clock = Clock()
    with open_database(sqlite_database, media_dir=tmp_path / "media", clock=clock) as database:
        yield House(database, clock, sqlite_database)
