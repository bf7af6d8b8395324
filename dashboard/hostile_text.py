"""Text that people wrote to deceive or to break things, made safe to look at.

Everything is escaped. Characters that act on the page instead of being read (direction overrides,
zero-width characters, control codes) become small visible marks, because a reviewer must see that
they are there. Offsets of evidence keep their meaning: what is stored is never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

#: Characters shown of one text before a reviewer asks for all of it.
SHOWN_CHARACTERS = 1500

#: Evidence that begins after so many characters lies below what fits on the screen.
FAR_DOWN = 600

#: Most characters that are ever put into a page at once; a browser crawls beyond this.
MOST_CHARACTERS = 60_000

#: Characters kept on both sides of evidence that lies outside of what is shown.
AROUND_EVIDENCE = 200

#: Combining marks kept on one letter. Vietnamese needs two, Hebrew with cantillation four.
MARKS_PER_LETTER = 4

_COMBINING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_ACTING = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_SPECIAL = re.compile(
    f"(?P<acting>[{_ACTING}]+)|(?P<kept>[{_COMBINING}]{{{MARKS_PER_LETTER}}})(?P<more>[{_COMBINING}]+)"
)

_SHORT_NAMES = {
    "\u200b": "ZWSP",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
    "\xad": "SHY",
}


@dataclass(frozen=True, slots=True)
class Highlight:
    """A stretch of a text that a classifier pointed at."""

    start: int
    end: int
    label: str  #: what was seen there, in words
    level: int  #: 0 (P0) to 4 (P4); 5 for an observation that is no harm
    strength: float = 1.0  #: the stronger wins where two overlap
    quote: str = ""  #: what should stand there; evidence that does not fit the text is left out


def show_text(
    text: str,
    highlights: Iterable[Highlight] = (),
    *,
    shown: int = SHOWN_CHARACTERS,
) -> Markup:
    """The text as HTML: escaped, acting characters visible, evidence marked.

    Args:
        text: as it was submitted.
        highlights: evidence; stretches outside of the text are ignored.
        shown: characters shown from the start; evidence further on keeps its surroundings.
    """
    found = _inside(text, highlights)
    pieces: list[Markup] = []
    position = 0
    for start, end in _windows(len(text), found, shown):
        if start > position:
            pieces.append(_left_out(start - position))
        pieces.extend(_marked(text, start, end, found))
        position = end
    if position < len(text):
        pieces.append(_left_out(len(text) - position))
    return Markup("").join(pieces)


def is_shortened(
    text: str, highlights: Iterable[Highlight] = (), *, shown: int = SHOWN_CHARACTERS
) -> bool:
    """Whether `show_text` leaves something of this text out."""
    windows = _windows(len(text), _inside(text, highlights), shown)
    return sum(end - start for start, end in windows) < len(text)


def _inside(text: str, highlights: Iterable[Highlight]) -> list[Highlight]:
    found = [
        h
        for h in highlights
        if 0 <= h.start < min(h.end, len(text)) and text.startswith(h.quote, h.start)
    ]
    return sorted(found, key=lambda h: (h.start, h.end))


def short(text: str, characters: int = 120) -> str:
    """One line of plain text for a table: no line breaks, no acting characters, cut with an
    ellipsis."""
    plain = re.sub(rf"[{_ACTING}]", "", text[: characters * 4])
    plain = re.sub(rf"([{_COMBINING}]{{{MARKS_PER_LETTER}}})[{_COMBINING}]+", r"\1", plain)
    plain = " ".join(plain.split())
    return plain if len(plain) <= characters else plain[: characters - 1].rstrip() + "…"


def _windows(length: int, highlights: Sequence[Highlight], shown: int) -> list[tuple[int, int]]:
    first = min(length, shown, MOST_CHARACTERS)
    if shown < length and highlights and highlights[0].start > FAR_DOWN:
        # Nobody should have to scroll to the reason for which they were asked.
        first = AROUND_EVIDENCE
    windows = [(0, first)]
    for highlight in highlights:
        start = max(0, highlight.start - AROUND_EVIDENCE)
        end = min(length, min(highlight.end, highlight.start + shown) + AROUND_EVIDENCE)
        last_start, last_end = windows[-1]
        if start <= last_end:
            windows[-1] = (last_start, max(last_end, end))
        else:
            windows.append((start, end))
        if sum(b - a for a, b in windows) > MOST_CHARACTERS:
            break
    return windows


def _marked(text: str, start: int, end: int, highlights: Sequence[Highlight]) -> list[Markup]:
    inside = [h for h in highlights if h.start < end and h.end > start]
    edges = {start, end}
    for highlight in inside:
        edges.update(edge for edge in (highlight.start, highlight.end) if start < edge < end)
    ordered = sorted(edges)
    pieces = []
    for left, right in pairwise(ordered):
        covering = [h for h in inside if h.start <= left and h.end >= right]
        visible = _visible(text[left:right])
        if covering:
            strongest = max(covering, key=lambda h: (-h.level, h.strength))
            labels = "; ".join(dict.fromkeys(h.label for h in covering))
            visible = Markup('<mark class="lv{}" title="{}">{}</mark>').format(
                strongest.level, labels, visible
            )
        pieces.append(visible)
    return pieces


def _visible(text: str) -> Markup:
    pieces: list[Markup] = []
    position = 0
    for match in _SPECIAL.finditer(text):
        pieces.append(escape(text[position : match.start()]))
        if match["acting"] is not None:
            pieces.append(_acting(match["acting"]))
        else:
            pieces.append(escape(match["kept"]))
            count = len(match["more"])
            pieces.append(
                Markup('<span class="act" title="{} more combining marks">+{}</span>').format(
                    count, count
                )
            )
        position = match.end()
    pieces.append(escape(text[position:]))
    return Markup("").join(pieces)


def _acting(run: str) -> Markup:
    first = run[0]
    name = unicodedata.name(first, f"control code {ord(first):#06x}").lower()
    label = _SHORT_NAMES.get(first, f"U+{ord(first):04X}")
    times = f"×{len(run)}" if len(run) > 1 else ""
    return Markup('<span class="act" title="{}">{}{}</span>').format(name, label, times)


def _left_out(count: int) -> Markup:
    return Markup('<span class="cut">… {} characters not shown …</span>').format(f"{count:,}")
