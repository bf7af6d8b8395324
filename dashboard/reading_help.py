"""Help with words that the reviewer does not read: a gloss word by word, and a translation.

Both are for the eyes only. Nothing is scored by them, and each says what it is: a gloss is no
translation, and a machine translation is unverified.
"""

from __future__ import annotations

import logging

import streamlit as st

from dashboard import connection, templates
from dashboard.session import Session
from moderation.errors import ModerationError
from moderation.records.people import get_reviewer, primary_language
from moderation.translation import GlossedWord, TranslationUnavailable
from moderation.translation.gloss import ATTRIBUTION, can_gloss

_log = logging.getLogger(__name__)

#: Least share of a text's letters for a language to be named beside it.
_TOLD = 0.1


def show(part: str, text: str, language: str, person: Session) -> None:
    """Below a text, what helps to read it; nothing for a language that the reviewer reads.

    Args:
        part: of the item, as in signals: `text:0`.
        text: as written.
        language: BCP 47.
        person: who looks.
    """
    if reads(person, language):
        return
    view = person.view
    words = gloss(text, language)
    if words:
        templates.show("gloss", words=words, source=ATTRIBUTION)
    if not connection.translator().translates(language):
        return
    if part not in view.translations:
        st.button(
            "Translate",
            key=f"translate-{part}",
            icon=":material/translate:",
            type="tertiary",
            on_click=_translate,
            args=(part, text, language, person),
        )
        return
    templates.show("translation", found=view.translations[part])


def reads(person: Session, language: str) -> bool:
    """Whether the reviewer reads the language; one who named none is taken to read English."""
    if person.view.reads is None:
        reviewer = get_reviewer(connection.database(), person.reviewer_id)
        person.view.reads = frozenset(map(primary_language, reviewer.languages or ("en",)))
    return primary_language(language) in person.view.reads


def gloss(text: str, language: str) -> list[GlossedWord]:
    """The words of a Chinese text; none for another, or without the dictionary."""
    if not can_gloss(text, language):
        return []
    try:
        return connection.gloss().gloss(text)
    except TranslationUnavailable as error:
        _log.warning("no gloss: %s", error)
        return []


def mixture(text: str, language: str) -> list[tuple[str, float]]:
    """The languages that a text mixes, with their shares of its letters; empty for one in
    ``language`` alone."""
    found = [(tag, share) for tag, share in connection.languages().shares(text) if share >= _TOLD]
    alone = {primary_language(tag) for tag, _ in found} <= {primary_language(language)}
    return [] if alone else found


def _translate(part: str, text: str, language: str, person: Session) -> None:
    try:
        person.view.translations[part] = connection.translator().translate(text, language)
    except ModerationError as error:
        person.tell("warning", f"No translation: {error}")
