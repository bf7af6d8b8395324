"""The left side of the review page: what was submitted, with what the classifiers pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import streamlit as st

from dashboard import connection, templates
from dashboard.evidence import ItemEvidence
from dashboard.hostile_text import SHOWN_CHARACTERS, is_shortened, show_text
from dashboard.session import Session
from dashboard.view_settings import ViewSettings
from moderation.items import Item, Turn

#: Why a rule wants no picture of the item to be shown.
NOT_SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "never_render_known_hash": "a rule says that such pictures are never shown to anybody",
        "transcript_only": "a rule says that words are enough to decide this",
    }
)

#: Turns shown before and after a flagged one, and of a conversation without any flag.
TURNS_AROUND = 6
TURNS_UNFLAGGED = 60

#: Widest that one picture is drawn, in pixels.
PICTURE_WIDTH = 460


def show_item(
    item: Item, evidence: ItemEvidence, language: str, display: str, person: Session
) -> None:
    """All parts of an item, words first: reading comes before looking.

    Args:
        item: what was submitted.
        evidence: what the classifiers pointed at.
        language: BCP 47 of most of its text.
        display: how the rules want it to be shown, a `RuleHit.display`.
        person: who looks.
    """
    view = person.view
    for index, segment in enumerate(item.texts):
        _written(
            f"text:{index}",
            segment.field,
            segment.text,
            segment.language or language,
            evidence,
            view,
        )
    if item.turns:
        _conversation(item.turns, evidence, language, view)
    for index, video in enumerate(item.videos):
        name = f"Video {index + 1}, subtitles"
        _written(
            f"video:{index}", name, video.subtitles or "(no subtitles)", language, evidence, view
        )
    if item.images and display in NOT_SHOWN:
        templates.show("not_shown", total=len(item.images), why=NOT_SHOWN[display])
    elif item.images:
        _pictures(item, evidence, person)
    if item.thread:
        templates.show("thread", segments=item.thread, language=language)


def _written(
    part: str, name: str, text: str, language: str, evidence: ItemEvidence, view: ViewSettings
) -> None:
    seen = evidence.of(part)
    shown = len(text) if part in view.unfolded else SHOWN_CHARACTERS
    templates.show(
        "item_text",
        name=templates.plain_name(name),
        title=name == "title",
        language=language,
        labels=seen.labels[:4],
        notes=seen.notes[:3],
        body=show_text(text, seen.highlights, shown=shown),
    )
    if part not in view.unfolded and is_shortened(text, seen.highlights):
        _unfold_button(part, f"Show more of this text ({len(text):,} characters)", view)


def _conversation(
    turns: Sequence[Turn], evidence: ItemEvidence, language: str, view: ViewSettings
) -> None:
    flagged = evidence.flagged_turns
    everything = "turns" in view.unfolded
    wanted = range(len(turns)) if everything else sorted(_windows(len(turns), list(flagged)))
    rows: list[dict[str, Any]] = []
    previous = -1
    for index in wanted:
        if index > previous + 1:
            rows.append({"gap": index - previous - 1})
        rows.append(_turn_row(index, turns[index], evidence, language))
        previous = index
    if previous < len(turns) - 1:
        rows.append({"gap": len(turns) - 1 - previous})
    labels = [label for part in ("item", "turns") for label in evidence.of(part).labels]
    templates.show(
        "conversation",
        name="Conversation",
        total=len(turns),
        flagged=len(flagged),
        labels=labels[:4],
        rows=rows,
    )
    if not everything and len(rows) < len(turns):
        _unfold_button("turns", f"Show all {len(turns)} turns", view)


def _windows(count: int, flagged: Sequence[int]) -> set[int]:
    if not flagged:
        return set(range(min(count, TURNS_UNFLAGGED)))
    wanted: set[int] = set()
    for turn in flagged:
        wanted.update(range(max(0, turn - TURNS_AROUND), min(count, turn + TURNS_AROUND + 1)))
    return wanted


def _turn_row(index: int, turn: Turn, evidence: ItemEvidence, language: str) -> dict[str, Any]:
    return {
        "index": index,
        "speaker": turn.speaker or "?",
        "role": turn.role,
        "seconds": turn.seconds,
        "language": turn.language or language,
        "body": show_text(turn.text, evidence.of(f"turn:{index}").highlights, shown=1500),
        "flag": evidence.flagged_turns.get(index),
    }


def _pictures(item: Item, evidence: ItemEvidence, person: Session) -> None:
    view, total = person.view, len(item.images)
    columns = 1 if total == 1 else 2 if total <= 4 else 3
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = "Picture" if total == 1 else f"{total} pictures"
        st.html(f'<span class="part-name">{name}</span>', width="content")
        view.reveal_all_button(total, person.key("b"))
        view.grey_button(person.key("g"))
        st.html(
            '<span class="dim note">blur is a comfort, not a protection</span>', width="content"
        )
    places = [place for _ in range(0, total, columns) for place in st.columns(columns, gap="small")]
    for index in range(total):
        with places[index], st.container(gap="xxsmall"):
            _picture(item, index, evidence, view)


def _picture(item: Item, index: int, evidence: ItemEvidence, view: ViewSettings) -> None:
    seen = evidence.of(f"image:{index}")
    revealed = index in view.revealed
    picture = view.cached_picture(
        index,
        lambda: connection.pictures().show(item.images, index, revealed=revealed, grey=view.grey),
    )
    templates.show(
        "picture",
        picture=picture,
        boxes=seen.boxes[:30],
        labels=seen.labels[:3],
        notes=seen.notes[:3],
        number=index + 1,
        total=len(item.images),
        revealed=revealed,
        max_width=PICTURE_WIDTH,
    )
    if not picture.trouble:
        view.reveal_button(index)


def _unfold_button(part: str, label: str, view: ViewSettings) -> None:
    st.button(
        label, key=f"unfold-{part}", type="tertiary", on_click=view.unfolded.add, args=(part,)
    )
