"""From the state of a live room to what policy and people are told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from moderation.classifiers.conversation import ConversationClassifier, ReadTurn
from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.marks import MARK_NAMES
from moderation.items import Item, TextSegment
from moderation.screening import Screening
from moderation.signals import Assessment, Signal, TurnRange
from moderation.taxonomy import CATEGORIES

#: Categories that are told by the conversation and not by its worst sentence.
OVER_TURNS = frozenset({"fraud_phishing", "offplatform_luring", "self_harm"})
#: From this probability on, the worst turn of a category is named.
_SHOWN_FROM = 0.3
_MARKED_FROM = 0.5
#: What a region's verdict must say for a turn not to be heard there.
_SILENT = frozenset({"hold", "unavailable"})


@dataclass(frozen=True, slots=True)
class RoomView:
    """The risk of the room as a whole, with its reach."""

    category: str | None
    probability: float
    severity: str | None
    listeners: int | None
    expected_exposed: float | None  #: probability times listeners
    verdicts: Mapping[str, Mapping[str, Any]]
    signals: Sequence[Mapping[str, Any]]
    needs_review: bool

    @classmethod
    def of(cls, screening: Screening) -> Self:
        """The strongest category, weighed by severity."""
        scores = screening.assessment.scores
        listeners = screening.item.audience.room_size
        worst = max(
            scores,
            key=lambda name: scores[name] / (1 + CATEGORIES[name].severity.rank),
            default=None,
        )
        probability = scores[worst] if worst is not None else 0.0
        return cls(
            category=worst,
            probability=round(probability, 4),
            severity=CATEGORIES[worst].severity.value if worst is not None else None,
            listeners=listeners,
            expected_exposed=round(probability * listeners, 1) if listeners is not None else None,
            verdicts={
                region: {"action": verdict.action, "queue": verdict.queue}
                for region, verdict in screening.verdicts.items()
            },
            signals=[
                signal.model_dump(mode="json", exclude_none=True)
                for signal in screening.assessment.signals
            ],
            needs_review=screening.needs_review,
        )


def assess_room(
    classifier: ConversationClassifier,
    item: Item,
    reads: Sequence[ReadTurn],
    findings: Sequence[Finding],
    total: int,
) -> Assessment:
    """What is known about the newest part of a conversation.

    Args:
        item: its turns are the newest, `reads` are what they were read as.
        findings: about the whole conversation, of ``total`` turns.
    """
    offset = total - len(reads)
    signals: list[Signal] = []
    scores = {
        name: 0.0
        for name in [*classifier.reader.outputs, *classifier.categories]
        if name in CATEGORIES
    }
    for finding in findings:
        inside = tuple(
            (max(0, first - offset), last - offset)
            for first, last in finding.ranges
            if last >= offset
        )
        moved = Finding(
            finding.name, finding.category, finding.probability, inside, finding.note,
            finding.calibrated, finding.aspect,
        )  # fmt: skip
        signals.append(classifier.signal(moved, range(len(reads))))
        if finding.category is not None:
            scores[finding.category] = max(scores[finding.category], finding.probability)
    for name in scores:
        best = max(range(len(reads)), key=lambda i: reads[i].scores.get(name, 0.0), default=None)
        if best is None or name in OVER_TURNS:
            continue
        probability = min(1.0, reads[best].scores.get(name, 0.0))
        scores[name] = max(scores[name], probability)
        if probability >= _SHOWN_FROM:
            signals.append(
                Signal(
                    name=f"text.{name}",
                    category=name,
                    probability=probability,
                    part=f"turn:{best}",
                    evidence=(TurnRange(first=best, last=best),),
                    model="text",
                    model_version=classifier.reader.description.version,
                    calibration_version=classifier.reader.description.calibration.version,
                )
            )
    description = classifier.reader.description
    return Assessment(
        item_id=item.id,
        scores=scores,
        signals=tuple(signals),
        models={
            classifier.name: classifier.version,
            "text": f"{description.name}-{description.version}",
        },
    )


def in_context(turn_id: str, heard: Heard) -> dict[str, Any]:
    """What a turn does where it stands: at whom it is aimed, how hostile it is there, its marks."""
    marks = {name: round(heard.mark(name), 2) for name in MARK_NAMES}
    return {
        "turn": turn_id,
        "target": heard.target,
        "hostility": round(heard.hostility, 3),
        "marks": {name: strength for name, strength in marks.items() if strength >= _MARKED_FROM},
    }


def turns_apart(item: Item, reads: Sequence[ReadTurn]) -> tuple[list[Item], list[Assessment]]:
    """Every turn as an item of its own with its own scores, for a verdict on it alone."""
    singles = [
        item.model_copy(
            update={
                "id": f"{item.id}#{read.turn.id}"[:500],
                "turns": (),
                "texts": (TextSegment(text=read.turn.text),),
            }
        )
        for read in reads
    ]
    assessments = [
        Assessment(
            item_id=single.id,
            scores={name: min(1.0, p) for name, p in read.scores.items() if name in CATEGORIES},
        )
        for single, read in zip(singles, reads, strict=True)
    ]
    return singles, assessments


def muted_segments(
    reads: Sequence[ReadTurn], screenings: Sequence[Screening]
) -> list[dict[str, Any]]:
    """Region by region, the turns that policy does not let be heard there.

    Returns:
        `{"region", "action", "turns"}` with the ids of neighbouring turns in one entry.
    """
    segments: list[dict[str, Any]] = []
    open_by_region: dict[str, dict[str, Any]] = {}
    for read, screening in zip(reads, screenings, strict=True):
        for region, verdict in screening.verdicts.items():
            running = open_by_region.get(region)
            if verdict.action not in _SILENT:
                open_by_region.pop(region, None)
            elif running is not None and running["action"] == verdict.action:
                running["turns"].append(read.turn.id)
            else:
                segment = {"region": region, "action": verdict.action, "turns": [read.turn.id]}
                open_by_region[region] = segment
                segments.append(segment)
    return segments
