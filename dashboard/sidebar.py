"""The side: who is signed in, the queues, and the lease of the job in hand."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from dashboard import connection, templates, wording
from dashboard import session as sessions
from dashboard.session import Session
from moderation.errors import ModerationError
from moderation.items import ISO_REGIONS, Surface
from moderation.queue import ClaimedJob, LeaseLost, Standing, own_standing
from moderation.queue import take_break as record_break
from moderation.queue.backlog import Backlog, backlog
from moderation.records.people import change_reviewer
from moderation.records.people_tables import Reviewer
from moderation.taxonomy import CATEGORIES

#: How often a lease is renewed while the page is open, in seconds.
HEARTBEAT_SECONDS = 45


def show(person: Session, reviewer: Reviewer) -> None:
    """Who is here, and the queues; on every page."""
    waiting = waiting_for(person, reviewer)
    with st.sidebar:
        with st.container(horizontal=True, vertical_alignment="top", gap="xxsmall", key="who"):
            templates.show(
                "who",
                name=reviewer.display_name or reviewer.id,
                languages=[wording.language_title(tag) for tag in reviewer.languages],
            )
            st.button(
                "Sign out",
                key="sign-out",
                type="tertiary",
                icon=":material/logout:",
                on_click=leave,
                args=(person,),
            )
        _queues(person, reviewer, waiting)


def waiting_for(person: Session, reviewer: Reviewer) -> Backlog:
    """What waits in the surfaces and regions that the person chose, or works on."""
    return backlog(
        connection.database(),
        surfaces=person.surfaces or reviewer.surfaces or None,
        regions=person.regions or reviewer.regions or None,
    )


def show_own(person: Session, reviewer: Reviewer) -> None:
    """The lease of the job in hand and the person's own shift, which nobody else sees; after the
    page, because the page may have claimed a job."""
    standing = own_standing(connection.database(), person.reviewer_id, connection.queue().rules)
    with st.sidebar, st.container(gap="xxsmall"):
        _lease()
        st.html('<div class="side-title">My shift</div>')
        templates.show("shift", standing=standing, share=min(1.0, _share(standing)))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Take a break",
                key="break",
                type="tertiary",
                help="It counts as work. The item in your hands goes back to its queue.",
                on_click=take_break,
                args=(person,),
            )
            with st.popover("Opt out", type="tertiary"):
                _opt_outs(reviewer)


def _share(standing: Standing) -> float:
    return standing.weighted_minutes / standing.hard_cap if standing.hard_cap else 0.0


def _opt_outs(reviewer: Reviewer) -> None:
    with st.form("opt-outs", border=False):
        chosen = st.multiselect(
            "Categories that you do not want to see",
            list(CATEGORIES),
            default=reviewer.opt_outs,
            format_func=wording.category_title,
            help="No reason is asked, and nobody is told.",
        )
        if st.form_submit_button("Save"):
            change_reviewer(connection.database(), reviewer.id, opt_outs=chosen, by=reviewer.id)
            st.rerun()


def take_break(person: Session) -> None:
    """A break is written down, so that it counts as work; the item goes back."""
    give_back(person)
    person.working = False
    record_break(connection.database(), person.reviewer_id)
    person.tell("info", "Enjoy your break. It counts as work; nothing is in your hands.")


def _queues(person: Session, reviewer: Reviewer, waiting: Backlog) -> None:
    names = sorted({row.queue for row in waiting.rows})
    if reviewer.queues:
        names = [name for name in names if name in reviewer.queues]
    st.html('<div class="side-title">Queues</div>')
    with st.container(key="queues", gap="xxsmall"):
        _queue_button(person, None, "All my queues", waiting)
        for name in names:
            _queue_button(person, name, wording.queue_title(name), waiting.of_queue(name))
        with st.popover(_narrowed_title(person), type="tertiary"):
            _narrow(person, reviewer)


def _narrowed_title(person: Session) -> str:
    chosen = [*map(wording.surface_title, person.surfaces), *person.regions]
    return f"Only {', '.join(chosen)}" if chosen else "Surfaces and regions"


def _narrow(person: Session, reviewer: Reviewer) -> None:
    surfaces = reviewer.surfaces or [surface.value for surface in Surface]
    regions = reviewer.regions or sorted(ISO_REGIONS)
    with st.form("narrow", border=False):
        chosen_surfaces = st.multiselect(
            "Only these surfaces",
            surfaces,
            default=[one for one in person.surfaces if one in surfaces],
            format_func=wording.surface_title,
            placeholder="All",
        )
        chosen_regions = st.multiselect(
            "Only what viewers there wait for",
            regions,
            default=[one for one in person.regions if one in regions],
            placeholder="All",
            help="What waits for no region in particular comes too.",
        )
        if st.form_submit_button("Apply", help="From your next item on."):
            person.surfaces, person.regions = chosen_surfaces, chosen_regions
            st.rerun()


def _queue_button(person: Session, queue: str | None, title: str, waiting: Backlog) -> None:
    chosen = person.working and person.queue == queue
    st.button(
        f"{title}\u2002{waiting.waiting}",
        key=f"queue-{queue or 'all'}",
        width="stretch",
        type="primary" if chosen else "secondary",
        on_click=choose,
        args=(person, queue),
    )
    if waiting.rows:
        templates.show("pile", **pile_words(waiting))


def pile_words(waiting: Backlog) -> dict[str, object]:
    """What is said below the name of a queue."""
    rows = waiting.rows
    return {
        "oldest": max(0.0, waiting.at - min(row.oldest_opened_at for row in rows)),
        "next_due": min(row.next_due_at for row in rows) - waiting.at,
        "overdue": sum(row.overdue for row in rows),
        "first": sum(row.open + row.claimed for row in rows if row.lane == 0),
        "second": sum(row.open + row.claimed for row in rows if row.lane == 1),
    }


def choose(person: Session, queue: str | None) -> None:
    """Work on that queue; a job of another one goes back."""
    if person.claimed is not None and queue is not None and person.claimed.queue != queue:
        give_back(person)
    person.queue = queue
    person.working = True


def give_back(person: Session) -> None:
    """Put the job in hand back into its queue."""
    if person.claimed is not None:
        # A lease that is lost already needs no giving back.
        with suppress(ModerationError):
            connection.queue().release(person.claimed)
    person.hold(None)


def leave(person: Session) -> None:
    """Sign out; nobody waits for a job that nobody looks at."""
    give_back(person)
    sessions.end()


def _place(job: ClaimedJob) -> tuple[str, int, int]:
    return job.queue, job.lane, job.severity


@st.fragment(run_every=HEARTBEAT_SECONDS)
def _lease() -> None:
    person = sessions.current()
    if person is None or person.claimed is None:
        return
    if person.idle_seconds() > sessions.IDLE_RELEASE_SECONDS:
        give_back(person)
        person.working = False
        person.tell("info", "You were away for a while, so the item went back into its queue.")
        st.rerun()
    before = person.claimed
    try:
        person.claimed = connection.queue().heartbeat(before)
    except LeaseLost as lost:
        person.hold(None)
        person.working = False
        person.tell("warning", f"This item is not yours any more: {lost}")
        st.rerun()
    except ModerationError as error:
        st.html(str(templates.render("lease_trouble", message=str(error))))
        return
    if _place(person.claimed) != _place(before):
        # Read again: what is severe now is noted as a read of sensitive content.
        person.case = None
        person.tell("warning", f"This item became more urgent: {person.claimed.why[0]}.")
        st.rerun()
    templates.show("lease", until=wording.time_of_day(person.claimed.lease_until))
