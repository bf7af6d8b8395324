"""The page of phrase banks, on a real database, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.matching.phrases import NewPhrase
from moderation.records import open_database
from moderation.records.people import create_reviewer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh data folder with somebody who may change phrases, and somebody who may not."""
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path))
    st.cache_resource.clear()
    with open_database(f"sqlite:///{tmp_path / 'moderation.sqlite'}") as database:
        create_reviewer(database, "mira", languages=["en"], roles=["policy"])
        create_reviewer(database, "kim", languages=["en"], roles=["approver"])
    yield tmp_path
    st.cache_resource.clear()


def _page(name: str) -> None:
    from dashboard import session
    from dashboard.views import phrases

    if session.current() is None:
        session.begin(name)
    phrases.page()


def _open(name: str = "mira") -> AppTest:
    page = AppTest.from_function(_page, default_timeout=120, args=(name,)).run()
    assert not page.exception
    return page


def _store(folder: Path) -> PhraseStore:
    return PhraseStore(folder / "phrases.sqlite")


def _fill(page: AppTest, text: str) -> AppTest:
    fields = {field.label: field for field in page.text_input}
    fields["Phrase"].input(text)
    fields["Where it comes from"].input("case 7")
    [category] = [box for box in page.selectbox if box.label == "What a hit means"]
    category.select("offplatform_luring")
    return _press(page, "Test before saving")


def _press(page: AppTest, label: str) -> AppTest:
    [button] = [button for button in page.button if button.label == label]
    page = button.click().run()
    assert not page.exception
    return page


def test_a_phrase_is_tested_before_it_is_saved_and_removed_and_brought_back(folder: Path) -> None:
    page = _fill(_open(), "zorbo watches")
    assert _store(folder).phrases() == []
    page = _press(page, "Save")
    assert page.success[0].value == "The phrase is in use."
    [entry] = _store(folder).phrases()
    assert (entry.phrase.source, entry.added_by) == ("case 7", "mira")
    page = page.selectbox(key="phrase").select(entry.id).run()
    page = _press(page, "Remove")
    assert _store(folder).phrases() == []
    page = page.selectbox(key="phrase").select(entry.id).run()
    page = _press(page, "Bring back")
    assert [entry.id for entry in _store(folder).phrases()] == [entry.id]


def test_what_hits_harmless_text_is_saved_only_all_the_same(folder: Path) -> None:
    page = _fill(_open(), "the")
    labels = [button.label for button in page.button]
    assert "Save all the same" in labels
    assert "Save" not in labels
    _press(page, "Drop it")
    assert _store(folder).phrases() == []


def test_what_is_no_phrase_is_refused_in_words(folder: Path) -> None:
    page = _fill(_open(), "x")
    assert "1 characters after folding" in page.error[0].value
    assert "Save" not in [button.label for button in page.button]


def test_somebody_without_the_role_reads_and_changes_nothing(folder: Path) -> None:
    _store(folder).add([NewPhrase("zorbo *watches*", "counterfeit", "case 7")], "mira")
    page = _open("kim").selectbox(key="phrase").select(1).run()
    assert page.markdown[0].value == r"**zorbo \*watches\***"
    assert list(page.button) == []
