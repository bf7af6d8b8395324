"""The door, without a browser: Streamlit's own test runner on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboard
from moderation.records import open_database
from moderation.records.people import change_reviewer, create_reviewer
from moderation.records.sign_ins import ALLOWED_FAILURES

_PAGE = str(Path(dashboard.__file__).with_name("app.py"))
_PASSWORD = "long enough to be safe"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh data folder that the dashboard's settings lead to."""
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path))
    st.cache_resource.clear()
    with open_database(f"sqlite:///{tmp_path / 'moderation.sqlite'}") as database:
        create_reviewer(database, "lin", password=_PASSWORD, languages=["zh"])
    yield tmp_path
    st.cache_resource.clear()


def _try(page: AppTest, name: str, password: str) -> AppTest:
    page.text_input[0].input(name)
    page.text_input[1].input(password)
    return page.button[0].click().run(timeout=30)


def _open() -> AppTest:
    return AppTest.from_file(_PAGE, default_timeout=30).run()


def test_name_and_password_open_the_door(folder: Path) -> None:
    page = _try(_open(), " Lin ", _PASSWORD)
    assert not page.exception
    assert [button.label for button in page.button if button.key == "sign-out"] == ["Sign out"]


def test_nothing_about_the_person_is_in_the_address(folder: Path) -> None:
    page = _try(_open(), "lin", _PASSWORD)
    assert dict(page.query_params) == {}


def test_a_wrong_password_and_an_unknown_name_are_told_alike(folder: Path) -> None:
    words = [_try(_open(), name, "not the password").error[0].value for name in ("lin", "nobody")]
    assert words[0] == words[1]


def test_too_many_failures_lock_the_name_even_for_the_right_password(folder: Path) -> None:
    page = _open()
    for _ in range(ALLOWED_FAILURES):
        page = _try(page, "lin", "not the password")
    page = _try(page, "lin", _PASSWORD)
    assert "Too many failed attempts" in page.error[0].value


def test_a_disabled_account_is_put_out_with_the_next_click(folder: Path) -> None:
    page = _try(_open(), "lin", _PASSWORD)
    with open_database(f"sqlite:///{folder / 'moderation.sqlite'}") as database:
        change_reviewer(database, "lin", disabled=True)
    page = page.run()
    assert [field.label for field in page.text_input] == ["Name", "Password"]


def test_without_any_account_the_door_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path))
    st.cache_resource.clear()
    assert "moderation reviewers create" in _open().warning[0].value
    st.cache_resource.clear()
