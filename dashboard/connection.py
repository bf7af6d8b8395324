"""What all sessions of the dashboard share: the open database, the picture decoder, the packs."""

from __future__ import annotations

import streamlit as st

from dashboard.pictures import Pictures
from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.policy import PackSet
from moderation.queue import Queue, QueueRules
from moderation.records.database import Database, open_database
from moderation.settings import Settings
from moderation.translation import ChineseGloss, MarianTranslator, Translator
from moderation.tuning.phrase_changes import PhraseBank
from moderation.tuning.policy_in_force import PolicyInForce


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
    return Queue(database(), QueueRules.of(settings().queue_rules))


@st.cache_resource(show_spinner=False)
def pictures() -> Pictures:
    """The decoder of pictures."""
    return Pictures(settings())


@st.cache_resource(show_spinner=False)
def phrases() -> PhraseBank:
    """The phrase banks, changed with an entry in the audit log."""
    return PhraseBank(PhraseStore.from_settings(settings()), database())


@st.cache_resource(show_spinner=False)
def gloss() -> ChineseGloss:
    """The Chinese dictionary, read when it is first needed."""
    return ChineseGloss()


@st.cache_resource(show_spinner=False)
def languages() -> LanguageIdentifier:
    """Tells the languages of a text's runs."""
    return LanguageIdentifier()


@st.cache_resource(show_spinner=False)
def translator() -> Translator:
    """The translation models that the settings name, each loaded when it is first needed."""
    return MarianTranslator.from_settings(settings())


@st.cache_resource(show_spinner="Reading the policy…")
def policy() -> PolicyInForce:
    """What is in force, and what is tried beside it.

    Raises:
        PackError: nothing can be put into force; the message names file, line and rule.
    """
    return PolicyInForce(
        database(), settings().policies_dir, today=settings().policy_date, keep=False
    )


def packs() -> PackSet:
    """The packs in force now: the live version, or those of the folder where none is live."""
    return policy().refresh().live
