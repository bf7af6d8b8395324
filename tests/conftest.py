"""What all tests share: settings in a folder of their own, and models that are loaded once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.screening import Screener
from moderation.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own `MODERATION_…` variables must not change what is tested."""
    kept = {"MODERATION_MODEL_CACHE", "MODERATION_REQUIRE_BROWSER"}
    found = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith("MODERATION_") and name not in kept
    }
    # A day on which every shipped pack is in force and no review is overdue, in every process.
    os.environ["MODERATION_POLICY_DATE"] = "2026-12-01"
    yield
    del os.environ["MODERATION_POLICY_DATE"]
    os.environ.update(found)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded defaults, with the data folder in a temporary place."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def screener(tmp_path_factory: pytest.TempPathFactory) -> Screener:
    """The real thing: all configured classifiers and the shipped packs, loaded once."""
    return Screener.from_settings(Settings(data_dir=tmp_path_factory.mktemp("data")))
