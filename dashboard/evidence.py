"""What the classifiers pointed at, sorted by the part of the item where a reviewer will see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from dashboard.hostile_text import Highlight
from moderation.signals import (
    Assessment,
    BankMatch,
    ImageBox,
    Signal,
    TextSpan,
    TimeSpan,
    TurnRange,
)
from moderation.taxonomy import CATEGORIES

#: A signal weaker than this is shown only if a rule used its category.
WORTH_SHOWING = 0.5

#: The level of an observation that is no harm by itself: a phone number, unreadable text.
OBSERVATION = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a picture, in percent of its width and height."""

    left: float
    top: float
    width: float
    height: float
    label: str
    level: int
    text: str


@dataclass(slots=True)
class PartEvidence:
    """What was seen in one part."""

    labels: list[tuple[str, float, int]] = field(default_factory=list)  #: words, probability, level
    highlights: list[Highlight] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    #: words read from a picture or video: text, what was seen in it, level
    reads: list[tuple[str, str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ItemEvidence:
    """All evidence of an item."""

    parts: Mapping[str, PartEvidence]
    flagged_turns: Mapping[int, tuple[str, int]]  #: turn → words, level

    def of(self, part: str) -> PartEvidence:
        """What was seen in that part; nothing, if nothing was."""
        return self.parts.get(part) or PartEvidence()


def gather(assessment: Assessment, used: Collection[str]) -> ItemEvidence:
    """Sort the signals of an assessment by part.

    Args:
        assessment: as it was stored.
        used: categories that a rule acted on; their signals are shown however weak.
    """
    parts: defaultdict[str, PartEvidence] = defaultdict(PartEvidence)
    turns: dict[int, tuple[str, int]] = {}
    for signal in sorted(told(assessment), key=lambda s: -s.probability):
        if signal.probability < WORTH_SHOWING and signal.category not in used:
            continue
        label, level = in_words(signal), level_of(signal)
        part = parts[signal.part]
        part.labels.append((_title(signal), signal.probability, level))
        if signal.note and signal.note not in part.notes:
            part.notes.append(signal.note)
        if signal.part.startswith("turn:"):
            _flag(turns, int(signal.part[5:]), label, level)
        for evidence in signal.evidence:
            if isinstance(evidence, TextSpan):
                _add_span(part, signal, evidence, label, level)
            elif isinstance(evidence, ImageBox):
                pictured = parts[f"image:{evidence.image}"]
                pictured.boxes.append(_box(evidence, label, level))
                _add_reading(pictured, evidence.text, label, level)
            elif isinstance(evidence, TimeSpan):
                part.notes.append(f"{_title(signal)}: {_clock(evidence)}")
                _add_reading(part, evidence.text, label, level)
            elif isinstance(evidence, TurnRange):
                for turn in range(evidence.first, evidence.last + 1):
                    _flag(turns, turn, label, level)
            elif isinstance(evidence, BankMatch):
                part.notes.append(
                    f"matches entry {evidence.entry} of {evidence.bank} "
                    f"(distance {evidence.distance:g})"
                )
    return ItemEvidence(dict(parts), turns)


def _add_span(part: PartEvidence, signal: Signal, span: TextSpan, label: str, level: int) -> None:
    if signal.part.startswith(("image:", "video:")):
        # The offsets are those of the words that were read, which are not part of the item.
        _add_reading(part, span.quote, label, level)
    if not signal.part.startswith("image:"):
        highlight = Highlight(span.start, span.end, label, level, signal.probability, span.quote)
        part.highlights.append(highlight)


def _add_reading(part: PartEvidence, text: str, label: str, level: int) -> None:
    known = [words for words, _, _ in part.reads]
    if text.strip() and not any(text in words for words in known):
        part.reads.append((text, label, level))


def told(assessment: Assessment) -> Iterator[Signal]:
    """Signals that mean something to a person; a picture's hash is for machines."""
    return (signal for signal in assessment.signals if signal.name != "image_hash")


def in_words(signal: Signal) -> str:
    """`Hate, 82% (text)`; without a percentage where the number is no frequency."""
    if signal.calibration_version:
        return f"{_title(signal)}, {signal.probability:.0%} ({signal.model})"
    return f"{_title(signal)} ({signal.model})"


def level_of(signal: Signal) -> int:
    """0 (P0) to 4 (P4), or `OBSERVATION`."""
    if signal.category is None:
        return OBSERVATION
    if signal.severity is not None:
        return signal.severity
    return CATEGORIES[signal.category].severity.rank


def _title(signal: Signal) -> str:
    if signal.category is not None:
        title = CATEGORIES[signal.category].title
        return f"{title}: {signal.aspect}" if signal.aspect else title
    return signal.name.rpartition(".")[2].replace("_", " ").capitalize()


def _flag(turns: dict[int, tuple[str, int]], turn: int, label: str, level: int) -> None:
    if turn not in turns or level < turns[turn][1]:
        turns[turn] = (label, level)


def _box(box: ImageBox, label: str, level: int) -> Box:
    left, top = _percent(box.x), _percent(box.y)
    return Box(
        left,
        top,
        min(_percent(box.width), 100 - left),
        min(_percent(box.height), 100 - top),
        label,
        level,
        box.text,
    )


def _clock(span: TimeSpan) -> str:
    """`0:04.0 to 0:06.5`, as players show it; one moment where nothing follows."""
    first, last = (f"{int(t // 60)}:{t % 60:04.1f}" for t in (span.start, span.end))
    return first if first == last else f"{first} to {last}"


def _percent(fraction: float) -> float:
    # A classifier of a third party may return anything; a box must stay inside its picture.
    if fraction != fraction:
        return 0.0
    return round(min(1.0, max(0.0, fraction)) * 100, 2)
