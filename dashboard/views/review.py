"""The review page: one item, why it is here, and what to do with it."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from dashboard import action_bar, connection, sidebar, templates, troubles, wording
from dashboard import session as sessions
from dashboard.evidence import gather
from dashboard.item_panels import show_copies, show_item
from dashboard.session import Session
from dashboard.why_panels import show_all, strictest_display, used_categories
from moderation.errors import ModerationError
from moderation.queue import CaseFile, ExposureReached, LeaseLost
from moderation.records.errors import NotFound
from moderation.records.people import get_reviewer


def page() -> None:
    """Show the item in hand, or claim the next one, or say that there is none."""
    person = sessions.required()
    _say(person)
    with troubles.told():
        if person.claimed is None and person.working:
            _claim(person)
        if person.claimed is None:
            _nothing_in_hand(person)
            return
        case = _case(person)
    if case is None:
        st.rerun()
    _show(case, person)
    action_bar.show(case, person)


def _say(person: Session) -> None:
    for message in person.take_messages():
        if message.kind == "success":
            st.toast(message.text, icon=":material/check:", duration="long")
        elif message.kind == "error":
            st.error(message.text, icon=":material/error:")
        elif message.kind == "warning":
            st.warning(message.text, icon=":material/warning:")
        else:
            st.info(message.text, icon=":material/info:")


def resume(person: Session) -> None:
    """After a reload of the page, what was in hand is in hand again."""
    if person.claimed is None and person.items_seen == 0:
        held = connection.queue().held(person.reviewer_id)
        if held:
            person.hold(held[0])
            person.working = True


def _claim(person: Session) -> None:
    wanted = None if person.queue is None else [person.queue]
    try:
        person.hold(
            connection.queue().claim(
                person.reviewer_id,
                queues=wanted,
                surfaces=person.surfaces or None,
                regions=person.regions or None,
            )
        )
    except ExposureReached as reached:
        person.working = False
        st.info(str(reached).capitalize(), icon=":material/self_improvement:")


def _case(person: Session) -> CaseFile | None:
    if person.case is None and person.claimed is not None:
        try:
            person.case = connection.queue().open_case(person.claimed)
        except LeaseLost as lost:
            person.hold(None)
            person.working = False
            person.tell("warning", f"This item is not yours any more: {lost}")
        except NotFound as gone:
            # Skipped, not released: it would be the next item again.
            with suppress(ModerationError):
                connection.queue().skip(person.claimed, "its content is gone")
            person.hold(None)
            person.tell("warning", f"An item was passed over, it cannot be shown: {gone}")
    return person.case  # type: ignore[no-any-return]


def _nothing_in_hand(person: Session) -> None:
    reviewer = get_reviewer(connection.database(), person.reviewer_id)
    waiting = sidebar.waiting_for(person, reviewer)
    if person.working:
        name = wording.queue_title(person.queue) if person.queue else "your queues"
        elsewhere = waiting.waiting
        templates.show("empty", name=name, elsewhere=elsewhere)
        _, middle, _ = st.columns([2, 1, 2])
        with middle:
            st.button("Look again", key="look-again", shortcut="n", type="primary", width="stretch")
            action_bar.undo_button(person)
        return
    templates.show(
        "start", waiting=waiting.waiting, first=sum(r.open for r in waiting.rows if r.lane == 0)
    )
    _, middle, _ = st.columns([2, 1, 2])
    with middle:
        st.button(
            "Start reviewing",
            key="start",
            type="primary",
            shortcut="n",
            width="stretch",
            disabled=not waiting.waiting,
            on_click=sidebar.choose,
            args=(person, person.queue),
        )
        action_bar.undo_button(person)


def _show(case: CaseFile, person: Session) -> None:
    job, assessment = case.job, case.assessment
    for prompt in job.prompts[:1]:
        st.info(prompt, icon=":material/self_improvement:")
    templates.show(
        "headline",
        lane=job.lane,
        category=job.category,
        surface=job.surface,
        language=assessment.language,
        languages=[tag for tag in assessment.languages if tag != assessment.language][:2],
        queue=job.queue,
        purpose=job.purpose,
        item_id=job.item_id,
    )
    left, right = st.columns([1.55, 1], gap="medium")
    evidence = gather(assessment, used_categories(case))
    with left, st.container(gap="small"):
        try:
            show_item(case.item, evidence, assessment.language, strictest_display(case), person)
        except ModerationError as error:
            # One part that cannot be shown must not hide the rest of the page.
            st.warning(f"A part of this item cannot be shown: {error}", icon=":material/warning:")
        if job.members:
            show_copies(job.members, person)
            action_bar.choose_apart(case, person)
    with right:
        show_all(case)
