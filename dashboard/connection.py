"""What all sessions of the dashboard share: the open database, the picture decoder, the packs."""

from __future__ import annotations

import streamlit as st

from dashboard.attempts import Attempts
from dashboard.pictures import Pictures
from moderation.policy import PackSet, load_packs
from moderation.queue import Queue
from moderation.records.database import Database, open_database
from moderation.settings import Settings
from moderation.translation import ChineseGloss, MarianTranslator, Translator


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()


@st.cache_resource(show_spinner="Opening the database…")
def database() -> Database:
    """The open database.

    Raises:
        DatabaseUnavailable: with what to do; nothing is kept, so the next try opens it anew.
        DatabaseTooNew: it was written by a newer version.
    """
    return open_database(settings().effective_database_url)


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """The review queue of the database."""
    return Queue(database())


@st.cache_resource(show_spinner=False)
def pictures() -> Pictures:
    """The decoder of pictures."""
    return Pictures(settings())


@st.cache_resource(show_spinner=False)
def gloss() -> ChineseGloss:
    """The Chinese dictionary, read when it is first needed."""
    return ChineseGloss()


@st.cache_resource(show_spinner=False)
def translator() -> Translator:
    """The translation models that the settings name, each loaded when it is first needed."""
    return MarianTranslator.from_settings(settings())


@st.cache_resource(show_spinner=False)
def attempts() -> Attempts:
    """Failed sign-ins of this process."""
    return Attempts()


@st.cache_resource(show_spinner=False)
def _packs(_stamp: float) -> PackSet:
    return load_packs(settings().policies_dir)


def packs() -> PackSet:
    """The policy packs on disk, read again when a file has changed.

    Raises:
        PackError: a pack is broken; the message names file, line and rule.
    """
    folder = settings().policies_dir
    stamps = [file.stat().st_mtime for file in folder.glob("*.yaml")]
    return _packs(max(stamps, default=0.0))
