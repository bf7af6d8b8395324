"""The real conversation classifier, loaded once, and live rooms over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.classifiers.conversation import ConversationClassifier
from moderation.records import Database, open_database
from moderation.screening import Screener
from moderation.service.live_rooms import LiveRooms
from moderation.settings import Settings


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> ConversationClassifier:
    return ConversationClassifier.from_settings(
        Settings(data_dir=tmp_path_factory.mktemp("conversation"))
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    kind = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    with open_database(request.getfixturevalue(kind), media_dir=tmp_path / "media") as opened:
        yield opened


@pytest.fixture
def rooms(database: Database, screener: Screener, classifier: ConversationClassifier) -> LiveRooms:
    return LiveRooms(database, screener, classifier)
