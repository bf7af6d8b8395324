"""The review dashboard: `moderation dashboard`, or `streamlit run dashboard/app.py`."""

from __future__ import annotations

import streamlit as st

from dashboard import connection, session, sidebar, sign_in, templates, troubles
from dashboard.icon import ICON
from dashboard.views import audit, my_decisions, overview, phrases, policy, review
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.people import get_reviewer
from moderation.records.people_tables import Reviewer, Role


def main() -> None:
    """Run once per click or key: who is there, and which page they want."""
    st.set_page_config(
        page_title="Moderation workbench",
        page_icon=ICON,
        layout="wide",
        initial_sidebar_state=264,
        menu_items={"About": "Moderation workbench: items, rules and people, in one place."},
    )
    templates.stylesheet()
    with troubles.told():
        database = connection.database()
        person = session.current()
        if person is None:
            sign_in.page(database)
            return
        reviewer = _still_welcome(database, person)
        if reviewer is None:
            sidebar.leave(person)
            sign_in.page(database)
            return
        person.touched()
        page = st.navigation(_pages(reviewer), position="top")
        review.resume(person)
        sidebar.show(person, reviewer)
        page.run()
        sidebar.show_own(person, reviewer)


def _still_welcome(database: Database, person: session.Session) -> Reviewer | None:
    """The reviewer, unless the account is gone or disabled, or nobody has been here for long."""
    if person.idle_seconds() > session.IDLE_SIGN_OUT_SECONDS:
        return None
    try:
        reviewer = get_reviewer(database, person.reviewer_id)
    except NotFound:
        return None
    return reviewer if reviewer.disabled_at is None else None


def _pages(reviewer: Reviewer) -> list[st.Page]:
    pages = [
        st.Page(review.page, title="Review", icon=":material/fact_check:", default=True),
        st.Page(overview.page, title="Queues", icon=":material/stacks:", url_path="queues"),
        st.Page(
            my_decisions.page, title="My decisions", icon=":material/history:", url_path="mine"
        ),
        st.Page(policy.page, title="Policy", icon=":material/gavel:", url_path="policy"),
    ]
    if {Role.POLICY, Role.APPROVER} & set(reviewer.roles):
        pages.append(
            st.Page(phrases.page, title="Phrases", icon=":material/match_word:", url_path="phrases")
        )
    if {Role.MANAGER, Role.APPROVER} & set(reviewer.roles):
        pages.append(
            st.Page(audit.page, title="Audit", icon=":material/verified_user:", url_path="audit")
        )
    return pages


if __name__ == "__main__":
    main()
