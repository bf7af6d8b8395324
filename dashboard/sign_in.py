"""The door: name and password, slowed down after failures."""

from __future__ import annotations

import streamlit as st

from dashboard import session, templates, wording
from moderation.records.database import Database
from moderation.records.people import authenticate, list_reviewers
from moderation.records.sign_ins import locked_for, note_failure, note_success


def page(database: Database) -> None:
    """Ask for name and password until they fit."""
    _, middle, _ = st.columns([1, 1.1, 1])
    with middle:
        templates.show("sign_in")
        if not list_reviewers(database):
            st.warning(
                "There is no account yet. Create one with `moderation reviewers create NAME` "
                "on the machine that holds the database, then reload this page.",
                icon=":material/person_add:",
            )
        with st.form("sign-in", border=True):
            name = st.text_input("Name", max_chars=100, autocomplete="username")
            password = st.text_input(
                "Password", type="password", max_chars=1000, autocomplete="current-password"
            )
            if st.form_submit_button("Sign in", type="primary", width="stretch"):
                _try(database, name, password)


def _try(database: Database, name: str, password: str) -> None:
    name = name.strip().lower()
    wait = locked_for(database, name)
    if wait:
        st.error(
            f"Too many failed attempts for this name. Try again in {wording.duration(wait)}.",
            icon=":material/lock_clock:",
        )
        return
    reviewer = authenticate(database, name, password)
    if reviewer is None:
        note_failure(database, name)
        st.error("Name and password do not fit together.", icon=":material/error:")
        return
    note_success(database, name)
    session.begin(reviewer.id)
    st.rerun()
