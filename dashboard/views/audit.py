"""The audit log: who did what, in an order that cannot be changed without being noticed."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from dashboard import connection, templates, troubles, wording
from moderation.records import audit
from moderation.records.audit_pages import kinds_of_entries, newest_entries
from moderation.records.errors import AuditBroken
from moderation.records.people import list_reviewers

_PAGE = 200


def page() -> None:
    """Entries, newest first, and a check of the whole chain."""
    templates.show(
        "page_head",
        title="Audit",
        words="Each entry carries the hash of the one before.",
    )
    database = connection.database()
    with troubles.told():
        people = [reviewer.id for reviewer in list_reviewers(database, disabled=True)]
        kinds = kinds_of_entries(database)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            actor = st.selectbox("Who", people, index=None, placeholder="Everybody", width=180)
            kind = st.selectbox(
                "What",
                kinds,
                index=None,
                placeholder="Everything",
                format_func=wording.plain,
                width=200,
            )
            subject = st.text_input(
                "About", placeholder="item:42, decision:7 …", max_chars=100, width=220
            )
            st.space("stretch")
            check = st.button("Check the chain", icon=":material/link:")
        if check:
            _check()
        entries = newest_entries(
            database, actor=actor, action=kind, subject=subject.strip(), limit=_PAGE
        )
    if not entries:
        templates.show("no_rules")
        return
    table = pd.DataFrame(
        [
            {
                "Number": entry.number,
                "When": wording.moment(entry.at),
                "Who": entry.actor,
                "What": wording.plain(entry.action),
                "About": entry.subject,
                "Detail": json.dumps(entry.detail, ensure_ascii=False, sort_keys=True),
                "Hash": entry.hash[:10],
            }
            for entry in entries
        ]
    )
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(680, 38 + 32 * len(entries)),
        row_height=32,
        column_config={"Detail": st.column_config.TextColumn(width=360)},
    )
    if len(entries) == _PAGE:
        st.caption(f"The newest {_PAGE}; narrow the search for older ones.")


def _check() -> None:
    try:
        report = audit.verify(connection.database())
    except AuditBroken as broken:
        st.error(f"The log was changed: {broken}", icon=":material/gpp_bad:")
    else:
        st.success(
            f"All {report.entries:,} entries are as they were written. "
            f"Note this hash elsewhere: {report.head[:32]}…",
            icon=":material/verified_user:",
        )
