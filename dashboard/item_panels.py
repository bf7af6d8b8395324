"""The left side of the review page: what was submitted, with what the classifiers pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import streamlit as st

from dashboard import connection, reading_help, templates, wording
from dashboard.evidence import ItemEvidence
from dashboard.hostile_text import SHOWN_CHARACTERS, is_shortened, show_text
from dashboard.pictures import Picture
from dashboard.session import Session
from dashboard.view_settings import ViewSettings
from moderation.items import Item, Turn
from moderation.queue import ClusterMember
from moderation.records.errors import NotFound
from moderation.records.item_store import load_item
from moderation.records.muted_segments import standing_segments
from moderation.translation import GlossedWord

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
#: Lines about a conversation as a whole: stages of a scam, who is piled on.
NOTES = 6

#: Near-copies listed with their words.
COPIES = 12

#: Largest that one picture is drawn, in pixels.
PICTURE_WIDTH = 460
PICTURE_HEIGHT = 400


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
    for index, segment in enumerate(item.texts):
        _written(
            f"text:{index}",
            segment.field,
            segment.text,
            segment.language or language,
            evidence,
            person,
        )
    if item.turns:
        _conversation(item, evidence, language, person)
    for index, video in enumerate(item.videos):
        if video.subtitles:
            name = f"Video {index + 1}, what is said"
            _written(f"video:{index}", name, video.subtitles, language, evidence, person)
    if (item.images or item.videos) and display in NOT_SHOWN:
        total = len(item.images) + len(item.videos)
        templates.show("not_shown", total=total, why=NOT_SHOWN[display])
    elif item.images or item.videos:
        _seen(item, evidence, person)
    if item.thread:
        templates.show("thread", segments=item.thread, language=language)


def _written(
    part: str, name: str, text: str, language: str, evidence: ItemEvidence, person: Session
) -> None:
    seen, view = evidence.of(part), person.view
    shown = len(text) if part in view.unfolded else SHOWN_CHARACTERS
    templates.show(
        "item_text",
        name=templates.plain_name(name),
        title=name == "title",
        language=language,
        mixture=reading_help.mixture(text, language),
        labels=seen.labels[:4],
        notes=seen.notes[:3],
        body=show_text(text, seen.highlights, shown=shown),
    )
    if part not in view.unfolded and is_shortened(text, seen.highlights):
        _unfold_button(part, f"Show more of this text ({len(text):,} characters)", view)
    reading_help.show(part, text, language, person)


def _conversation(item: Item, evidence: ItemEvidence, language: str, person: Session) -> None:
    turns, view = item.turns, person.view
    flagged = evidence.flagged_turns
    everything = "turns" in view.unfolded
    wanted = range(len(turns)) if everything else sorted(_windows(len(turns), list(flagged)))
    rows: list[dict[str, Any]] = []
    previous = -1
    for index in wanted:
        if index > previous + 1:
            rows.append({"gap": index - previous - 1})
        missing = number_of(turns, index) - number_of(turns, index - 1) - 1 if index else 0
        if index == previous + 1 and missing > 0:
            rows.append({"missing": missing})
        rows.append(_turn_row(index, turns, evidence, language, person))
        previous = index
    if previous < len(turns) - 1:
        rows.append({"gap": len(turns) - 1 - previous})
    whole = [evidence.of(part) for part in ("item", "turns")]
    labels = [label for seen in whole for label in seen.labels]
    with connection.database().read() as session:
        muted = [wording.muted(segment) for segment in standing_segments(session, item.id)]
    templates.show(
        "conversation",
        name="Conversation",
        total=len(turns),
        flagged=len(flagged),
        labels=labels[:4],
        notes=muted[:NOTES] + [note for seen in whole for note in seen.notes][:NOTES],
        people=people_of(item),
        rows=rows,
    )
    if not everything and len(rows) < len(turns):
        _unfold_button("turns", f"Show all {len(turns)} turns", view)


def people_of(item: Item) -> list[tuple[str, list[str]]]:
    """Who takes part, with what the platform told of them; those it told something of first."""
    told = {person.id: wording.participant(person) for person in item.participants}
    silent: dict[str, list[str]] = {turn.speaker: [] for turn in item.turns if turn.speaker} | told
    return sorted(silent.items(), key=lambda entry: not entry[1])


def number_of(turns: Sequence[Turn], index: int) -> int:
    """The place of a turn in its conversation, counted from 1, as the notes count."""
    return turns[index].number or index + 1


def _windows(count: int, flagged: Sequence[int]) -> set[int]:
    if not flagged:
        return set(range(min(count, TURNS_UNFLAGGED)))
    wanted: set[int] = set()
    for turn in flagged:
        wanted.update(range(max(0, turn - TURNS_AROUND), min(count, turn + TURNS_AROUND + 1)))
    return wanted


def _turn_row(
    index: int, turns: Sequence[Turn], evidence: ItemEvidence, language: str, person: Session
) -> dict[str, Any]:
    turn = turns[index]
    own = turn.language or language
    return {
        "words": _turn_gloss(index, turn.text, own, evidence, person),
        "number": number_of(turns, index),
        "speaker": turn.speaker or "?",
        "role": turn.role,
        "seconds": turn.seconds,
        "language": own,
        "body": show_text(turn.text, evidence.of(f"turn:{index}").highlights, shown=1500),
        "flag": evidence.flagged_turns.get(index),
        "notes": evidence.of(f"turn:{index}").notes[:2],
    }


def _turn_gloss(
    index: int, text: str, language: str, evidence: ItemEvidence, person: Session
) -> list[GlossedWord]:
    """Of flagged turns, or of all if none is: more would push the flagged ones off the screen."""
    if evidence.flagged_turns and index not in evidence.flagged_turns:
        return []
    if reading_help.reads(person, language):
        return []
    return reading_help.gloss(text, language)


def _seen(item: Item, evidence: ItemEvidence, person: Session) -> None:
    view, images = person.view, len(item.images)
    parts = frozenset(
        [f"image:{index}" for index in range(images)]
        + [f"video:{index}" for index in range(len(item.videos))]
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span class="part-name">{_counted(item)}</span>', width="content")
        view.reveal_all_button(parts, person.key("b"))
        view.grey_button(person.key("g"))
        words = '<span class="dim note">blur is a comfort, not a protection</span>'
        st.html(words, width="content")
    columns = 1 if images == 1 else 2 if images <= 4 else 3
    if images:
        rows = range(0, images, columns)
        places = [place for _ in rows for place in st.columns(columns, gap="small")]
        for index in range(images):
            with places[index], st.container(gap="xxsmall"):
                _picture(item, index, evidence, view)
    for index in range(len(item.videos)):
        with st.container(gap="xxsmall"):
            _video(item, index, evidence, view)


def _counted(item: Item) -> str:
    counts = ((len(item.images), "picture"), (len(item.videos), "video"))
    return ", ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in counts if n)


def _picture(item: Item, index: int, evidence: ItemEvidence, view: ViewSettings) -> None:
    part = f"image:{index}"
    seen = evidence.of(part)
    revealed = part in view.revealed
    [picture] = view.pictures(
        part,
        lambda: [connection.pictures().show(item.images, index, revealed=revealed, grey=view.grey)],
    )
    templates.show(
        "picture",
        picture=picture,
        boxes=seen.boxes[:30],
        reads=seen.reads[:10],
        labels=seen.labels[:3],
        notes=seen.notes[:3],
        number=index + 1,
        total=len(item.images),
        revealed=revealed,
        max_width=_fitting_width(picture),
    )
    if not picture.trouble:
        view.reveal_button(part)


def _fitting_width(picture: Picture) -> int:
    if not picture.height:
        return PICTURE_WIDTH
    return max(120, min(PICTURE_WIDTH, round(PICTURE_HEIGHT * picture.width / picture.height)))


def _video(item: Item, index: int, evidence: ItemEvidence, view: ViewSettings) -> None:
    part = f"video:{index}"
    seen = evidence.of(part)
    revealed = part in view.revealed
    frames = view.pictures(
        part,
        lambda: connection.pictures().key_frames(
            item.videos[index], revealed=revealed, grey=view.grey
        ),
    )
    templates.show(
        "video",
        frames=frames,
        reads=seen.reads[:10],
        labels=seen.labels[:4],
        notes=seen.notes[:6],
        number=index + 1,
        revealed=revealed,
    )
    if any(not frame.trouble for frame in frames):
        view.reveal_button(part)


def show_copies(members: Sequence[ClusterMember], person: Session) -> None:
    """The near-copies that one decision covers, those that stand out first."""
    for member in members[:COPIES]:
        if member.item_key not in person.view.copies:
            person.view.copies[member.item_key] = _words_of(member)
    templates.show("copies", members=members, texts=person.view.copies, shown=COPIES)


def _words_of(member: ClusterMember) -> str:
    try:
        item = load_item(connection.database(), member.item_key)
    except NotFound:
        return "its content was deleted"
    words = " ".join(segment.text[:1000] for segment in item.texts)
    return words or f"{len(item.images)} pictures"


def _unfold_button(part: str, label: str, view: ViewSettings) -> None:
    st.button(
        label, key=f"unfold-{part}", type="tertiary", on_click=view.unfolded.add, args=(part,)
    )
