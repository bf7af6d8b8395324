"""The bar at the bottom: category, note, and one button with one key per decision."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import streamlit as st

from dashboard import connection, more_window, sidebar, templates, wording
from dashboard import session as sessions
from dashboard.session import LastDecision, Message, Session
from moderation.errors import ModerationError
from moderation.queue import ACTIONS, CaseFile, ClaimedJob, LeaseLost
from moderation.taxonomy import CATEGORIES, CONDUCT_TAGS, CONTEXT_TAGS

#: Keys beside 1, 2, 3 … for the actions. Streamlit keeps C and R for itself.
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "escalate": "e",
        "skip": "s",
        "more": "m",
        "undo": "u",
        "help": "h",
        "reveal": "b",
        "grey": "g",
        "next": "n",
    }
)

#: What those keys do, as the help says it.
KEY_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "escalate": ("Escalate", "A senior reviewer decides."),
        "skip": ("Skip", "Somebody else looks at it; one more key says why."),
        "more": ("More", "Comment, second opinion, another queue, or wait for somebody outside."),
        "undo": ("Undo", "Take the last decision back, for five minutes."),
        "reveal": ("Reveal, blur", "All pictures of the item."),
        "grey": ("Grey, colours", "All pictures, from now on."),
        "next": ("Next", "Start, or look again when nothing waits."),
        "help": ("Help", "This window; Esc closes it."),
    }
)

#: A press sooner than this after an item was claimed was meant for the one before.
SHORTEST_LOOK_SECONDS = 0.5

#: Reasons for which a reviewer passes an item on.
SKIP_REASONS: tuple[str, ...] = (
    "I cannot read this language",
    "I know somebody in it",
    "I do not want to see this",
    "The rule is not clear to me",
    "Something cannot be shown",
)


def show(case: CaseFile, person: Session) -> None:
    """The bar for the item in hand."""
    number = person.items_seen
    with st.bottom, st.container(key="action-bar", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            _inputs(case, number)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            _buttons(case, person)
    if person.overlay == "skip":
        _skip_window(person)
    elif person.overlay == "more":
        more_window.show(case, person)
    elif person.overlay == "help":
        _help_window()


def _inputs(case: CaseFile, number: int) -> None:
    names = list(CATEGORIES)
    likely = case.job.category
    st.selectbox(
        "Category",
        names,
        index=names.index(likely) if likely is not None and likely in CATEGORIES else None,
        format_func=wording.category_title,
        placeholder="Category",
        key=f"category-{number}",
        label_visibility="collapsed",
        width=235,
    )
    st.multiselect(
        "For viewers in",
        sorted(case.verdicts),
        placeholder="For viewers everywhere",
        key=f"regions-{number}",
        label_visibility="collapsed",
        width=200,
    )
    st.multiselect(
        "Context that you confirm",
        (*CONTEXT_TAGS, *CONDUCT_TAGS),
        format_func=wording.plain,
        placeholder="Context",
        key=f"context-{number}",
        label_visibility="collapsed",
        width=140,
    )
    st.text_input(
        "Note",
        placeholder="Note for the record (optional)",
        key=f"note-{number}",
        max_chars=2000,
        label_visibility="collapsed",
        width="stretch",
    )


def _buttons(case: CaseFile, person: Session) -> None:
    regions = ", ".join(sorted(case.verdicts)) or "all regions"
    for position, action in enumerate(ACTIONS, 1):
        st.button(
            wording.action_title(action),
            key=f"decide-{action}-{person.items_seen}",
            shortcut=person.key(str(position)),
            help=f"{wording.action_meaning(action)} Holds for {regions}, unless you choose some.",
            on_click=_decide,
            args=(person, case.job, action),
        )
    st.button(
        "Escalate",
        key=f"escalate-{person.items_seen}",
        shortcut=person.key(KEYS["escalate"]),
        help=wording.action_meaning("escalate"),
        on_click=_escalate,
        args=(person, case.job),
    )
    st.space("stretch")
    for name in ("skip", "more", "help"):
        st.button(
            wording.plain(name),
            key=name,
            shortcut=person.key(KEYS[name]),
            type="tertiary",
            on_click=person.open_overlay,
            args=(name,),
        )
    undo_button(person)


def _close_overlay() -> None:
    person = sessions.current()
    if person is not None:
        person.close_overlay()


@st.dialog("Pass this item on", icon=":material/skip_next:", on_dismiss=_close_overlay)
def _skip_window(person: Session) -> None:
    templates.show("skip")
    for position, reason in enumerate(SKIP_REASONS, 1):
        if st.button(reason, key=f"skip-{position}", shortcut=str(position), width="stretch"):
            person.close_overlay()
            _skip(person, reason)
            st.rerun()
    st.divider()
    if st.button("I need to stop for today", key="skip-stop", type="tertiary", width="stretch"):
        person.close_overlay()
        _stop(person)
        st.rerun()


@st.dialog("Keys", icon=":material/keyboard:", on_dismiss=_close_overlay)
def _help_window() -> None:
    keys = [
        (str(number), wording.action_title(action), wording.action_meaning(action))
        for number, action in enumerate(ACTIONS, 1)
    ]
    templates.show(
        "keys", keys=keys + [(KEYS[name].upper(), *words) for name, words in KEY_WORDS.items()]
    )


def choose_apart(case: CaseFile, person: Session) -> None:
    """Near-copies that the decision does not fit."""
    st.pills(
        "Leave for a look of their own",
        [member.job_id for member in case.job.members[:12]],
        format_func={
            m.job_id: templates.short_plain(m.item_id, 32) for m in case.job.members
        }.__getitem__,
        selection_mode="multi",
        key=f"apart-{person.items_seen}",
    )


def undo_button(person: Session) -> None:
    """Take the last decision back, while its window is open."""
    last = person.last
    possible = last is not None and time.time() < last.until
    if not possible and person.claimed is None:
        return
    st.button(
        "Undo",
        key="undo",
        shortcut=person.key(KEYS["undo"]),
        type="tertiary",
        disabled=not possible,
        help=last.words if last is not None and possible else "Nothing to take back.",
        on_click=_undo,
        args=(person,),
    )


def _value(name: str, person: Session) -> object:
    return st.session_state.get(f"{name}-{person.items_seen}")


def _may_act(person: Session, shown: ClaimedJob) -> bool:
    """Whether the press was meant for the item that is in hand now. A key that was hit twice must
    not decide an item that nobody has seen yet."""
    held = person.claimed
    same = held is not None and held.job_id == shown.job_id
    return same and person.view.seconds() >= SHORTEST_LOOK_SECONDS


def _decide(person: Session, shown: ClaimedJob, action: str) -> None:
    # The second of two quick presses can come while the first is still being stored: it waits,
    # and then finds that its item is no longer in hand.
    with person.deciding:
        _decide_once(person, shown, action)


def _decide_once(person: Session, shown: ClaimedJob, action: str) -> None:
    claimed = person.claimed
    if claimed is None or not _may_act(person, shown):
        return
    category = _value("category", person)
    queue = connection.queue()
    try:
        decision = queue.decide(
            claimed,
            action,
            # What is allowed is nothing; the category stands ready for the other actions.
            category=str(category) if category and action != "allow" else None,
            note=str(_value("note", person) or ""),
            seconds=person.view.seconds(),
            regions=list(_value("regions", person) or ()),  # type: ignore[call-overload]
            context_tags=list(_value("context", person) or ()),  # type: ignore[call-overload]
            apart=list(_value("apart", person) or ()),  # type: ignore[call-overload]
            view=person.view.to_record(),
        )
    except LeaseLost as lost:
        person.hold(None)
        person.working = False
        person.tell("warning", f"Nothing was decided: {lost}")
        return
    except ModerationError as error:
        # The item stays on the screen with everything that was written.
        person.messages.append(Message("error", f"Nothing was decided: {error}"))
        return
    words = f"{wording.action_title(action)}: {templates.short_plain(claimed.item_id, 40)}"
    person.last = LastDecision(
        decision.id or 0, words, decision.decided_at + queue.rules.undo_seconds
    )
    person.hold(None)
    person.tell("success", f"{templates.plain_markdown(words)}. Press U to take it back.")


def _escalate(person: Session, shown: ClaimedJob) -> None:
    if not _may_act(person, shown):
        return
    note = str(_value("note", person) or "")
    _try(
        person,
        lambda: connection.queue().escalate(_held(person), note),
        "Escalated to a senior reviewer.",
    )


def _skip(person: Session, reason: str) -> None:
    _try(person, lambda: connection.queue().skip(_held(person), reason), "Passed on.")


def _held(person: Session) -> ClaimedJob:
    if person.claimed is None:
        raise LeaseLost("nothing is in your hands")
    return person.claimed


def _stop(person: Session) -> None:
    connection.queue().stop(person.claimed, person.reviewer_id)
    person.hold(None)
    person.working = False
    person.tell("info", "The item is back in its queue. Nobody else is told that you stopped.")


def _undo(person: Session) -> None:
    if person.last is None:
        return
    sidebar.give_back(person)
    try:
        claimed = connection.queue().undo(person.last.decision_id, person.reviewer_id)
    except ModerationError as error:
        person.tell("warning", f"It cannot be taken back: {error}")
        person.last = None
        return
    person.hold(claimed)
    person.working = True
    person.last = None
    person.tell("success", "Taken back. Decide again.")


def _try(person: Session, act: Callable[[], None], done: str) -> None:
    if person.claimed is None:
        return
    try:
        act()
    except ModerationError as error:
        person.tell("warning", str(error))
        if not isinstance(error, LeaseLost):
            return
    else:
        person.tell("success", done)
    person.hold(None)
