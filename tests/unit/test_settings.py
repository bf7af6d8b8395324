"""Settings come from the environment and are all documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from moderation.cli import build
from moderation.errors import UnknownRegion
from moderation.settings import Settings


def test_every_setting_says_what_it_does_and_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MODERATION_API_KEYS", "s3cret,other")
    printed = CliRunner().invoke(build(), ["settings"]).output
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"MODERATION_{name.upper()}" in printed
    assert "2 keys" in printed
    assert "s3cret" not in printed


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_REGIONS", "DE, US")
    assert Settings().regions == ("DE", "US")
    monkeypatch.setenv("MODERATION_REGIONS", "DE, UK")
    with pytest.raises(UnknownRegion, match="UK"):
        Settings()


def test_the_database_is_a_file_in_the_data_folder_unless_named() -> None:
    assert Settings(data_dir=Path("d")).effective_database_url == "sqlite:///d/moderation.sqlite"
    named = Settings(database_url="postgresql://h/n")
    assert named.effective_database_url == "postgresql://h/n"


def test_a_wrong_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_THREADS", "-1")
    with pytest.raises(ValidationError):
        Settings()
