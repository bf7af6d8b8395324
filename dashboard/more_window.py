"""The window behind "More": what a reviewer does rarely with the item in hand."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import connection, templates, wording
from dashboard import session as sessions
from dashboard.session import Session
from moderation.errors import ModerationError
from moderation.queue import ACTIONS, CaseFile, ClaimedJob, LeaseLost
from moderation.queue.backlog import backlog
from moderation.taxonomy import CATEGORIES


def _closed() -> None:
    person = sessions.current()
    if person is not None:
        person.close_overlay()


@st.dialog("More to do with this item", icon=":material/more_horiz:", on_dismiss=_closed)
def show(case: CaseFile, person: Session) -> None:
    """Comment, ask for a second opinion, move to another queue, or stop the clock."""
    job, number = case.job, person.items_seen
    note = st.text_area(
        "Note",
        placeholder="What the next reviewer should know",
        key=f"more-note-{number}",
        max_chars=2000,
    )
    if st.button("Leave a comment", key="more-comment", width="stretch"):
        _comment(person, job, note)
    if st.button(
        "Pause: wait for somebody outside",
        key="more-pause",
        width="stretch",
        help="The clock stands still until a lead resumes it. Say in the note what it waits for.",
    ):
        _pause(person, job, note)
    st.divider()
    _move(person, job, note)
    if job.purpose == "review":
        _second_opinion(person, job, note)


def _move(person: Session, job: ClaimedJob, note: str) -> None:
    names = {row.queue for row in backlog(connection.database()).rows} - {job.queue}
    queue = st.selectbox(
        "Another queue",
        sorted(names),
        index=None,
        format_func=wording.queue_title,
        placeholder="Choose a queue, or type the name of one",
        accept_new_options=True,
        key=f"more-queue-{person.items_seen}",
    )
    if st.button("Move it there", key="more-move", width="stretch", disabled=not queue):
        _give(
            person,
            job,
            lambda: connection.queue().move(job, str(queue), note),
            f"Moved to {templates.plain_markdown(wording.queue_title(str(queue)))}.",
        )


def _second_opinion(person: Session, job: ClaimedJob, note: str) -> None:
    st.divider()
    number = person.items_seen
    action = st.selectbox(
        "Your own view, which the other person does not see",
        ACTIONS,
        index=None,
        format_func=wording.action_title,
        placeholder="Action",
        key=f"more-action-{number}",
    )
    category = st.session_state.get(f"category-{number}")
    known = category if category in CATEGORIES and action != "allow" else None
    if st.button(
        "Ask for a second opinion",
        key="more-second",
        width="stretch",
        disabled=not action,
        help="With the category of the bar. If you disagree, a senior reviewer decides.",
    ):
        _give(
            person,
            job,
            lambda: connection.queue().second_opinion(job, str(action), category=known, note=note),
            "Somebody else looks at it too.",
        )


def _comment(person: Session, job: ClaimedJob, note: str) -> None:
    try:
        connection.queue().comment(job.job_id, person.reviewer_id, note)
    except ModerationError as error:
        st.warning(str(error))
        return
    person.close_overlay()
    person.case = None  # read anew, with the comment
    person.tell("success", "The comment stands beside the item.")
    st.rerun()


def _pause(person: Session, job: ClaimedJob, note: str) -> None:
    if not note.strip():
        st.warning("Say in the note what it waits for.")
        return
    _give(
        person,
        job,
        lambda: connection.queue().pause(job, note),
        "Paused; its clock stands still. A lead resumes it.",
    )


def _give(person: Session, job: ClaimedJob, act: Callable[[], object], done: str) -> None:
    """Let the item go; what was written stays in the window if that is refused."""
    with person.deciding:
        if person.claimed is None or person.claimed.job_id != job.job_id:
            return
        try:
            act()
        except LeaseLost as lost:
            person.tell("warning", f"Nothing was changed: {lost}")
        except ModerationError as error:
            st.warning(str(error))
            return
        else:
            person.tell("success", done)
        person.close_overlay()
        person.hold(None)
    st.rerun()
