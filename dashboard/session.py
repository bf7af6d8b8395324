"""What one browser session knows: who is signed in, what they hold, what they did last.

Everything lives in `st.session_state`, in the memory of the server: nothing about the person is in
the address bar or in a cookie, and closing the page signs them out.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboard.view_settings import ViewSettings
from moderation.queue import ClaimedJob

#: Without any click or key for this long, the person is signed out.
IDLE_SIGN_OUT_SECONDS = 3600.0

#: Without any click or key for this long, a job in hand goes back to the queue.
IDLE_RELEASE_SECONDS = 1200.0

_KEY = "dashboard"


@dataclass(slots=True)
class LastDecision:
    """What can be taken back, until when."""

    decision_id: int
    words: str
    until: float  #: seconds since 1970


@dataclass(slots=True)
class Message:
    """Something the person must be told at the top of the page, once."""

    kind: str  #: success, info, warning or error
    text: str


@dataclass(slots=True)
class Session:
    """One signed-in person in one browser tab."""

    reviewer_id: str
    working: bool = False  #: whether the next job is to be claimed
    queue: str | None = None  #: the chosen queue; None is all of them
    surfaces: list[str] = field(default_factory=list)  #: the chosen ones; none is all of them
    regions: list[str] = field(default_factory=list)  #: of viewers; none is all of them
    claimed: ClaimedJob | None = None
    case: Any = None  #: the `CaseFile` of the claimed job, read once
    last: LastDecision | None = None
    view: ViewSettings = field(default_factory=ViewSettings)
    overlay: str | None = None  #: `help` or `skip`: a window is open and takes the keys
    messages: list[Message] = field(default_factory=list)
    active_at: float = field(default_factory=time.monotonic)
    items_seen: int = 0  #: makes the keys of the widgets of each item its own
    deciding: threading.Lock = field(default_factory=threading.Lock)  #: one decision at a time

    def hold(self, claimed: ClaimedJob | None) -> None:
        """Take a job in hand (or none), with a fresh view."""
        self.claimed = claimed
        self.case = None
        self.view = self.view.for_next_item()
        self.items_seen += 1

    def key(self, name: str) -> str | None:
        """The keyboard shortcut of a button of the page; none while a window lies over it, because
        Streamlit would press the button below the window."""
        return name if self.overlay is None else None

    def open_overlay(self, name: str) -> None:
        """Open a window over the page."""
        self.overlay = name

    def close_overlay(self) -> None:
        """The page has the keys again."""
        self.overlay = None

    def tell(self, kind: str, text: str) -> None:
        """Say something at the top of the page with the next run."""
        self.messages.append(Message(kind, text))

    def take_messages(self) -> list[Message]:
        """What is to be said now; it is said once."""
        messages, self.messages = self.messages, []
        return messages

    def idle_seconds(self) -> float:
        """Since the last click or key."""
        return time.monotonic() - self.active_at

    def touched(self) -> None:
        """The person did something."""
        self.active_at = time.monotonic()


def current() -> Session | None:
    """The session of this tab, if somebody is signed in."""
    return st.session_state.get(_KEY)


def required() -> Session:
    """The session of this tab; pages are only reached when somebody is signed in."""
    session = current()
    if session is None:
        st.stop()
    return session


def begin(reviewer_id: str) -> Session:
    """Somebody signed in."""
    st.session_state.clear()
    session = Session(reviewer_id)
    st.session_state[_KEY] = session
    return session


def end() -> None:
    """Forget everything about this tab."""
    st.session_state.clear()
