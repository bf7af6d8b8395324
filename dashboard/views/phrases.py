"""Phrase banks: which phrases count, where they come from and until when; one more is tried before
it is kept, and one that was removed can be brought back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from dashboard import connection, session, templates, troubles, wording
from moderation.classifiers.matching.phrases import USUAL_STRENGTH, NewPhrase, Phrase
from moderation.errors import ModerationError
from moderation.records import Role
from moderation.records.people import get_reviewer
from moderation.taxonomy import CATEGORIES
from moderation.tuning.phrase_trial import STORED, Trial

_STATES = ("In use", "Expired", "Removed")
_TRIAL = "phrase-trial"


def page() -> None:
    """The phrases with filters; beside them the chosen one, and the form for a new one."""
    person = session.required()
    with troubles.told():
        found = connection.phrases().store.all_phrases()
        may_change = Role.POLICY in get_reviewer(connection.database(), person.reviewer_id).roles
    now = datetime.now(UTC)
    live = sum(entry.is_live(now) for entry in found)
    templates.show("page_head", title="Phrases", words=f"{live} in use")
    with st.container():  # always there, so that what is below keeps its place
        for message in person.take_messages():
            st.success(message.text, icon=":material/check:")
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        chosen = _list(found, now)
    with right:
        if chosen is not None:
            _detail(chosen, now, person, may_change)
        if may_change:
            _add(person)
        else:
            st.caption("People with the role policy add and remove phrases.")


def _state(entry: Phrase, now: datetime) -> str:
    if entry.removed_at is not None:
        return _STATES[2]
    return _STATES[0] if entry.is_live(now) else _STATES[1]


def _list(found: list[Phrase], now: datetime) -> Phrase | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Search", placeholder="phrase, source, note", max_chars=200, width=240
        )
        category = st.selectbox(
            "Category",
            sorted({entry.phrase.category for entry in found}),
            index=None,
            placeholder="All",
            format_func=wording.category_title,
            width=200,
        )
        language = st.selectbox(
            "Language",
            sorted({entry.phrase.language for entry in found}),
            index=None,
            placeholder="All",
            format_func=wording.language_title,
            width=140,
        )
        state = st.selectbox("State", _STATES, index=None, placeholder="All", width=130)
    shown = [
        entry
        for entry in reversed(found)
        if _fits(entry, wanted)
        and category in {None, entry.phrase.category}
        and language in {None, entry.phrase.language}
        and state in {None, _state(entry, now)}
    ]
    if not shown:
        templates.show("no_phrases", searched=bool(found))
        return None
    st.dataframe(
        _table(shown, now),
        hide_index=True,
        width="stretch",
        height=min(620, 38 + 32 * len(shown)),
        row_height=32,
    )
    by_number = {entry.id: entry for entry in shown}
    number = st.selectbox(
        "Look at a phrase",
        list(by_number),
        index=None,
        placeholder="Choose one to end, remove or bring back",
        format_func=lambda number: _name(by_number[number]),
        width=420,
        key="phrase",
    )
    return None if number is None else by_number[number]


def _name(entry: Phrase) -> str:
    return f"{entry.id}: {templates.short_plain(entry.phrase.text, 60)}"


def _fits(entry: Phrase, wanted: str) -> bool:
    phrase = entry.phrase
    said = " ".join([phrase.text, phrase.source, phrase.note, entry.added_by])
    return wanted.strip().casefold() in said.casefold()


def _table(shown: list[Phrase], now: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Number": entry.id,
                "Phrase": templates.short_plain(entry.phrase.text, 60),
                "Category": wording.category_title(entry.phrase.category),
                "Language": wording.language_title(entry.phrase.language),
                "State": _state(entry, now),
                "Until": _day(entry.phrase.expires_at),
                "From": templates.short_plain(entry.phrase.source, 60),
                "Added by": templates.short_plain(entry.added_by, 40),
            }
            for entry in shown
        ]
    )


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _detail(entry: Phrase, now: datetime, person: session.Session, may_change: bool) -> None:
    phrase, bank, who = entry.phrase, connection.phrases(), person.reviewer_id
    with st.container(border=True):
        st.markdown(f"**{templates.plain_markdown(templates.short_plain(phrase.text, 200))}**")
        counts = "also within longer words" if phrase.anywhere else "as words of their own"
        state = _state(entry, now).lower()
        lines = [
            f"Number {entry.id}, {state}; strength {phrase.strength:g}, {counts}",
            f"From: {phrase.source}",
            f"Added {_day(entry.added_at)} by {entry.added_by}",
        ]
        if phrase.note:
            lines.append(f"Note: {phrase.note}")
        if entry.removed_at is not None:
            lines.append(f"Removed {_day(entry.removed_at)} by {entry.removed_by}")
        for line in lines:
            st.caption(templates.plain_markdown(templates.short_plain(line, 300)))
        if not may_change:
            return
        if entry.removed_at is not None:
            if st.button("Bring back", icon=":material/undo:", key="phrase-restore"):
                _do(person, lambda: bank.restore(entry.id, who), f"Phrase {entry.id} is back.")
            return
        until = st.date_input(
            "Counts until (UTC)",
            value=None if phrase.expires_at is None else phrase.expires_at.date(),
            help="The phrase ends to count at the beginning of this day; empty is never.",
            key=f"phrase-until-{entry.id}",
        )
        with st.container(horizontal=True):
            if st.button("Set the date", icon=":material/event:", key="phrase-expire"):
                ends = _midnight(until)
                _do(person, lambda: bank.expire(entry.id, ends, who), "The date is set.")
            if st.button("Remove", icon=":material/delete:", key="phrase-remove"):
                said = f"Phrase {entry.id} is out of use. Choose it to bring it back."
                _do(person, lambda: bank.remove(entry.id, who), said)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _add(person: session.Session) -> None:
    st.markdown("**Add a phrase**")
    with st.form("phrase-new", border=True):
        text = st.text_input(
            "Phrase",
            max_chars=200,
            help="Case, width and spaces make no difference; disguised spellings are found too.",
        )
        category = st.selectbox(
            "What a hit means",
            list(CATEGORIES),
            index=None,
            placeholder="Choose a category",
            format_func=wording.category_title,
        )
        source = st.text_input(
            "Where it comes from", max_chars=500, help="The list, partner, case or person."
        )
        language = st.text_input(
            "Language", value="und", max_chars=3,
            help="ISO 639 code (zh); texts of another language are spared. und: any language.",
        )  # fmt: skip
        strength = st.slider(
            "Strength", 0.05, 1.0, USUAL_STRENGTH, 0.05,
            help="The probability that a hit carries. The usual one asks for a person.",
        )  # fmt: skip
        anywhere = st.checkbox("Also within longer words")
        until = st.date_input("Counts until (UTC)", value=None, help="Empty is never.")
        note = st.text_input("Note for whoever meets a hit", max_chars=500)
        tried = st.form_submit_button("Test before saving", icon=":material/science:")
    if tried:
        try:
            if category is None:
                raise ModerationError("Say what a hit means: choose a category.")
            new = NewPhrase(
                text, category, source, language.strip() or "und", strength, anywhere, note,
                _midnight(until),
            )  # fmt: skip
            with st.spinner(f"Looking through the newest {STORED:,} stored items"):
                [st.session_state[_TRIAL]] = connection.phrases().test([new], person.reviewer_id)
        except ModerationError as error:
            st.session_state.pop(_TRIAL, None)
            st.error(templates.plain_markdown(str(error)), icon=":material/error:")
    trial = st.session_state.get(_TRIAL)
    if trial is not None:
        _show_trial(trial)
        _save(trial, person)


def _show_trial(trial: Trial) -> None:
    collections = []
    for name, hits in (("stored items", trial.stored), ("harmless texts", trial.harmless)):
        low, high = hits.share.interval if hits.texts else (0.0, 1.0)
        interval = f"95% between {low:.2%} and {high:.2%}"
        collections.append((name, hits.texts, hits.hits, interval, hits.examples))
    templates.show(
        "phrase_trial",
        phrase=trial.phrase.text,
        doubtful=trial.is_doubtful,
        collections=collections,
    )


def _save(trial: Trial, person: session.Session) -> None:
    with st.container(horizontal=True):
        name = "Save all the same" if trial.is_doubtful else "Save"
        if st.button(name, icon=":material/save:", type="primary", key="phrase-save"):

            def keep() -> None:
                added = connection.phrases().add([trial.phrase], person.reviewer_id)
                del st.session_state[_TRIAL]
                if not added:
                    raise ModerationError("The same phrase is in use already; nothing was changed.")

            _do(person, keep, "The phrase is in use.")
        if st.button("Drop it", icon=":material/close:", key="phrase-drop"):
            del st.session_state[_TRIAL]
            st.rerun()


def _do(person: session.Session, work: Callable[[], object], done: str) -> None:
    """Does it, and says so at the top of the page."""
    try:
        work()
    except ModerationError as error:
        st.error(templates.plain_markdown(str(error)), icon=":material/error:")
        return
    person.tell("success", done)
    st.rerun()
