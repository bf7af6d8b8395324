"""A reviewer's own decisions: find one, see what it was about, take it back or correct it."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from dashboard import connection, templates, troubles, wording
from dashboard import session as sessions
from dashboard.session import Session
from moderation.errors import ModerationError
from moderation.queue import ACTIONS
from moderation.queue.decision_log import LoggedDecision, own_decisions
from moderation.records.queue_tables import DecisionKind
from moderation.taxonomy import CATEGORIES


def page() -> None:
    """The newest decisions; choosing a row opens it."""
    person = sessions.required()
    templates.show("page_head", title="My decisions", words="Only you see this page.")
    for message in person.take_messages():
        st.info(message.text, icon=":material/info:")
    wanted = st.text_input(
        "Search",
        placeholder="Search by item, note, category, action or queue",
        label_visibility="collapsed",
        icon=":material/search:",
        max_chars=200,
        width=420,
    )
    with troubles.told():
        found = own_decisions(connection.database(), person.reviewer_id, text=wanted)
    if not found:
        templates.show("no_decisions", searched=bool(wanted))
        return
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        chosen = _table(found)
    with right:
        _detail(found[chosen], person)


def _table(found: list[LoggedDecision]) -> int:
    table = pd.DataFrame(
        {
            "When (UTC)": [wording.short_moment(row.decision.decided_at) for row in found],
            "Decision": [_state(row) for row in found],
            "Category": [wording.category_title(row.decision.category) for row in found],
            "Item": [templates.short_plain(row.item_id, 60) for row in found],
            "Queue": [wording.queue_title(row.queue) for row in found],
            "Language": [wording.language_title(row.language) for row in found],
            "Note": [templates.short_plain(row.decision.note, 200) for row in found],
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(640, 38 + 32 * len(found)),
        row_height=32,
        on_select="rerun",
        selection_mode="single-row",
        key="my-decisions",
    )
    rows = event["selection"]["rows"]
    return rows[0] if rows and rows[0] < len(found) else 0


def _state(row: LoggedDecision) -> str:
    words = wording.action_title(row.decision.action)
    if row.superseded_by == DecisionKind.UNDO:
        return f"{words} (taken back)"
    return f"{words} ({row.superseded_by})" if row.superseded_by else words


def _detail(row: LoggedDecision, person: Session) -> None:
    decision = row.decision
    seen = decision.snapshot or {}
    templates.show(
        "decision",
        row=row,
        decision=decision,
        state=_state(row),
        regions=decision.regions or sorted(seen.get("verdicts", {})),
        everywhere=not decision.regions,
        machine=decision.automatic_action,
        why=seen.get("why", []),
        view=seen.get("view", {}),
    )
    if row.superseded_by is not None or decision.id is None:
        return
    left = decision.decided_at + connection.queue().rules.undo_seconds - time.time()
    if left > 0 and decision.kind != DecisionKind.CORRECTION:
        st.button(
            "Take it back",
            key="take-back",
            type="primary",
            help=f"Possible for another {wording.duration(left)}; the item is in your hands again.",
            on_click=_take_back,
            args=(person, decision.id),
        )
    elif decision.final:
        _correction(person, decision.id)


def _take_back(person: Session, decision_id: int) -> None:
    from dashboard.sidebar import give_back

    give_back(person)
    try:
        claimed = connection.queue().undo(decision_id, person.reviewer_id)
    except ModerationError as error:
        person.tell("warning", f"It cannot be taken back: {error}")
        return
    person.hold(claimed)
    person.working = True
    person.tell("info", "It is in your hands again: see Review.")


def _correction(person: Session, decision_id: int) -> None:
    with st.expander("Correct this decision"), st.form("correct", border=False):
        action = st.selectbox("Action", ACTIONS, format_func=wording.action_title)
        category = st.selectbox(
            "Category", list(CATEGORIES), index=None, format_func=wording.category_title
        )
        note = st.text_input("Why", max_chars=2000)
        if st.form_submit_button("Correct", type="primary"):
            try:
                connection.queue().correct(
                    decision_id, person.reviewer_id, action, category=category, note=note
                )
            except ModerationError as error:
                st.error(str(error))
            else:
                person.tell("info", "Corrected. The earlier decision is kept beside the new one.")
                st.rerun()
