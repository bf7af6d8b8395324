"""What a reviewer is told when something is wrong: what it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import templates
from moderation.errors import ModerationError


@contextmanager
def told() -> Iterator[None]:
    """Turns an error that somebody can mend into a page that says how."""
    try:
        yield
    except ModerationError as error:
        show(error)
        st.stop()


def show(error: ModerationError) -> None:
    """The error as a page of its own, with a way to try again."""
    templates.show("trouble", kind=_kind(error), message=str(error))
    _, middle, _ = st.columns([2, 1, 2])
    with middle:
        st.button("Try again", key="try-again", width="stretch", type="primary")


def _kind(error: ModerationError) -> str:
    # The first sentence of an error's docstring says what kind of trouble it is.
    return (type(error).__doc__ or "Something is wrong.").strip().split("\n")[0].rstrip(".")
