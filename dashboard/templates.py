"""The HTML of the panels: templates in which every value is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dashboard import hostile_text, wording

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:])")

_FOLDER = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "action": wording.action_title,
        "category": wording.category_title,
        "clock": wording.clock,
        "count": wording.count,
        "due": wording.due,
        "duration": wording.duration,
        "hostile": hostile_text.show_text,
        "language": wording.language_title,
        "likelihood": wording.likelihood,
        "moment": wording.moment,
        "percent": lambda value: f"{value:.0%}",
        "plain": wording.plain,
        "queue": wording.queue_title,
        "short": hostile_text.short,
        "spoken": wording.spoken,
        "surface": wording.surface_title,
    }
    return environment


def render(template: str, **values: Any) -> Markup:
    """The template with its values, each escaped unless it is `Markup` already."""
    return Markup(_environment().get_template(f"{template}.html").render(**values))  # noqa: S704


def show(template: str, **values: Any) -> None:
    """Put a rendered template into the page; the browser strips scripts once more."""
    st.html(str(render(template, **values)))


def plain_name(field: str) -> str:
    """A field name of the platform, fit for a heading."""
    return wording.plain(hostile_text.short(field, 40))


def short_plain(text: str, characters: int) -> str:
    """Foreign text as one short line for places that show plain text."""
    return hostile_text.short(text, characters)


def plain_markdown(text: str) -> str:
    """Text whose Markdown signs mean nothing, for places where Streamlit renders Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def stylesheet() -> None:
    """Add the dashboard's own styles to the page."""
    st.html(_FOLDER.parent / "style.css")
