"""The queues at a glance: how much waits, where, since when, and until when."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import connection, templates, troubles, wording
from moderation.queue.backlog import Backlog, backlog

_COLOURS = {
    "P0": "#c03a3a",
    "P1": "#c96a1c",
    "P2": "#a8871a",
    "P3": "#3c7fa6",
    "P4": "#6d7f86",
}

_DUE = ("overdue", "within an hour", "within a day", "later")
_DUE_COLOURS = ("#c03a3a", "#c96a1c", "#3c7fa6", "#6d7f86")

_HEIGHT = 260


def page() -> None:
    """Counts, charts and one table; no content of any item."""
    with troubles.told():
        waiting = backlog(connection.database())
    templates.show("page_head", title="Queues", words="What waits for a person now.")
    _tiles(waiting)
    if not waiting.rows:
        templates.show("empty", name="any queue", elsewhere=0)
        return
    table = _table(waiting)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        _bars(table, "queue", "Queue")
    with middle:
        _due(table)
    with right:
        _bars(table, "language", "Language")
    with st.container(gap="small"):
        _rows(table)


def _tiles(waiting: Backlog) -> None:
    rows = waiting.rows
    next_due = min((row.next_due_at for row in rows), default=None)
    oldest = min((row.oldest_opened_at for row in rows), default=None)
    tiles = [
        ("Waiting", f"{sum(row.open for row in rows):,}", ""),
        ("In hands", f"{sum(row.claimed for row in rows):,}", ""),
        ("Near-copies", f"{sum(row.copies for row in rows):,}", "decided with another"),
        (
            "First of all",
            f"{sum(row.open for row in rows if row.lane == 0):,}",
            "life or legal clock",
        ),
        ("Overdue", f"{sum(row.overdue for row in rows):,}", ""),
        (
            "Next due",
            wording.short_due(next_due - waiting.at) if next_due else "–",
            "",
        ),
        ("Oldest", wording.duration(waiting.at - oldest) if oldest else "–", ""),
    ]
    templates.show("tiles", tiles=tiles)


def _table(waiting: Backlog) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "queue": [wording.queue_title(row.queue) for row in waiting.rows],
            "language": [wording.language_title(row.language) for row in waiting.rows],
            "category": [wording.category_title(row.category) for row in waiting.rows],
            "severity": [f"P{row.severity}" for row in waiting.rows],
            "lane": [row.lane for row in waiting.rows],
            "waiting": [row.open for row in waiting.rows],
            "in hands": [row.claimed for row in waiting.rows],
            "copies": [row.copies for row in waiting.rows],
            "overdue": [row.overdue for row in waiting.rows],
            "within an hour": [row.due_within_hour for row in waiting.rows],
            "within a day": [row.due_within_day for row in waiting.rows],
            "oldest": [wording.duration(waiting.at - row.oldest_opened_at) for row in waiting.rows],
            "next due": [wording.due(row.next_due_at - waiting.at) for row in waiting.rows],
        }
    ).assign(jobs=lambda t: t["waiting"] + t["in hands"])


def _bars(table: pd.DataFrame, field: str, title: str) -> None:
    templates.show("chart_title", title=f"By {title.lower()}")
    found = table.groupby([field, "severity"], as_index=False).agg({"jobs": "sum"})
    chart = (
        alt.Chart(found)
        .mark_bar(height={"band": 0.7}, cornerRadius=2)
        .encode(
            x=alt.X("jobs:Q", title=None, axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(f"{field}:N", title=None, sort="-x", axis=alt.Axis(labelLimit=130)),
            color=alt.Color(
                "severity:N",
                title=None,
                scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())),
                legend=alt.Legend(orient="bottom"),
            ),
            order=alt.Order("severity:N"),
            tooltip=[
                alt.Tooltip(f"{field}:N", title=title),
                alt.Tooltip("severity:N", title="Severity"),
                alt.Tooltip("jobs:Q", title="Items"),
            ],
        )
        .properties(height=_HEIGHT)
    )
    st.altair_chart(chart, width="stretch")


def _due(table: pd.DataFrame) -> None:
    templates.show("chart_title", title="When it is due")
    found = table.assign(
        later=table["jobs"] - table["overdue"] - table["within an hour"] - table["within a day"]
    ).melt(value_vars=list(_DUE), var_name="due", value_name="items")
    totals = found.groupby("due", as_index=False).agg({"items": "sum"})
    chart = (
        alt.Chart(totals)
        .mark_bar(height={"band": 0.7}, cornerRadius=2)
        .encode(
            x=alt.X("items:Q", title=None, axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("due:N", title=None, sort=list(_DUE), axis=alt.Axis(labelLimit=130)),
            color=alt.Color(
                "due:N",
                legend=None,
                scale=alt.Scale(domain=list(_DUE), range=list(_DUE_COLOURS)),
            ),
            tooltip=[
                alt.Tooltip("due:N", title="Due"),
                alt.Tooltip("items:Q", title="Items"),
            ],
        )
        .properties(height=_HEIGHT)
    )
    st.altair_chart(chart, width="stretch")


def _rows(table: pd.DataFrame) -> None:
    shown = [
        "queue",
        "language",
        "category",
        "severity",
        "waiting",
        "in hands",
        "copies",
        "overdue",
        "oldest",
        "next due",
    ]
    st.dataframe(
        table[shown],
        hide_index=True,
        width="stretch",
        row_height=32,
        column_config={name: st.column_config.Column(name.capitalize()) for name in shown},
    )
