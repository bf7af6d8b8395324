"""From the state of a live room to what policy and people are told about it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from moderation.classifiers.conversation import (
    ConversationClassifier,
    ConversationState,
)
from moderation.classifiers.conversation.classifier import BY_HEAD, BY_TURN
from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.marks import MARK_NAMES
from moderation.classifiers.conversation.state import WINDOW
from moderation.items import Item, Participant, TextSegment, Turn
from moderation.records.conversation_tables import AnyTurn
from moderation.screening import Screening
from moderation.signals import Assessment, Signal, TurnRange
from moderation.taxonomy import CATEGORIES

#: From this probability on, the worst turn of a category is named.
_SHOWN_FROM = 0.3
_MARKED_FROM = 0.5
#: Turns of a room that a reviewer is shown at most, about; and those around a piece of evidence.
_MOST_SHOWN, _AROUND = 160, 2


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
    item_id: str,
    state: ConversationState,
    findings: Sequence[Finding],
    *,
    whole: bool = False,
) -> Assessment:
    """What is known about a conversation.

    Turns in the evidence are counted from the beginning of the conversation. A category that is
    told turn by turn has the worst of the last `WINDOW` turns.

    Args:
        whole: the worst of all turns, as for a transcript at once; for a room that is closed.
    """
    signals: list[Signal] = []
    scores = {
        name: 0.0
        for name in [*classifier.reader.outputs, *classifier.categories]
        if name in CATEGORIES
    }
    for finding in findings:
        signals.append(classifier.signal(finding))
        if finding.category is not None:
            scores[finding.category] = max(scores[finding.category], finding.probability)
    for name in scores:
        index, probability = _worst_turn(state, name, whole=whole)
        if index is None or name in BY_HEAD:
            continue
        scores[name] = max(scores[name], min(1.0, probability))
        if probability >= _SHOWN_FROM:
            signals.append(_turn_signal(classifier, name, probability, index))
    description = classifier.reader.description
    return Assessment(
        item_id=item_id,
        scores=scores,
        signals=tuple(signals),
        models={
            classifier.name: classifier.version,
            "text": f"{description.name}-{description.version}",
        },
    )


def _worst_turn(state: ConversationState, name: str, *, whole: bool) -> tuple[int | None, float]:
    if whole:
        return state.worst_turn.get(name), state.worst.get(name, 0.0)
    recent = state.recent.get(name)
    return recent[0] if recent else (None, 0.0)


def _turn_signal(
    classifier: ConversationClassifier, name: str, probability: float, index: int
) -> Signal:
    if name in BY_TURN:
        return classifier.turn_signal(name, probability, index, None)
    return Signal(
        name=f"text.{name}",
        category=name,
        probability=probability,
        part=f"turn:{index}",
        evidence=(TurnRange(first=index, last=index),),
        model="text",
        model_version=classifier.reader.description.version,
        calibration_version=classifier.reader.description.calibration.version,
    )


def worth_showing(signals: Sequence[Signal], total: int) -> list[tuple[int, int]]:
    """Which turns of a room a reviewer is shown: the newest, and where evidence begins and ends.

    Returns:
        First and last place of each stretch, from 0, in order and apart.
    """
    places = set(range(max(0, total - WINDOW), total))
    strongest = sorted(signals, key=lambda signal: -signal.probability)
    for signal in strongest:
        for found in signal.evidence:
            if isinstance(found, TurnRange) and len(places) < _MOST_SHOWN:
                for end in (found.first, found.last):
                    places.update(range(max(0, end - _AROUND), min(total, end + _AROUND + 1)))
    spans: list[tuple[int, int]] = []
    for place in sorted(places):
        if spans and spans[-1][1] == place - 1:
            spans[-1] = (spans[-1][0], place)
        else:
            spans.append((place, place))
    return spans


def told_of_turns(
    screening: Screening,
    turns: Sequence[Turn],
    places: Sequence[int],
    people: Mapping[str, Participant],
    languages: Sequence[str],
) -> Screening:
    """The screening with some turns of the room for a reviewer's eye, and who spoke them.

    Args:
        places: of these turns in the room, from 0 and in order; the evidence is counted among
            them from now on, their `number` tells where they stand in the room.
        people: what is known of the speakers.
        languages: of these turns, the most frequent first.
    """
    assessment = screening.assessment.model_copy(
        update={
            "signals": tuple(_moved(s, places) for s in screening.assessment.signals),
            "language": languages[0] if languages else "und",
            "languages": tuple(languages),
        }
    )
    numbered = [
        turn.model_copy(update={"number": place + 1})
        for turn, place in zip(turns, places, strict=True)
    ]
    known = {"turns": tuple(numbered), "participants": tuple(people.values())}
    return replace(screening, item=screening.item.model_copy(update=known), assessment=assessment)


def _moved(signal: Signal, places: Sequence[int]) -> Signal:
    ranges = []
    for found in signal.evidence:
        if isinstance(found, TurnRange):
            first, last = bisect_left(places, found.first), bisect_right(places, found.last) - 1
            ranges += [TurnRange(first=first, last=last)] if first <= last else []
    part = signal.part
    if part.startswith("turn:"):
        place = int(part.removeprefix("turn:"))
        index = bisect_left(places, place)
        shown = index < len(places) and places[index] == place
        part = f"turn:{index}" if shown else "item"
    return signal.model_copy(update={"evidence": tuple(ranges), "part": part})


def in_context(turn_id: str, heard: Heard) -> dict[str, Any]:
    """What a turn does where it stands: at whom it is aimed, how hostile it is there, its marks."""
    marks = {name: round(heard.mark(name), 2) for name in MARK_NAMES}
    return {
        "turn": turn_id,
        "target": heard.target,
        "hostility": round(heard.hostility, 3),
        "marks": {name: strength for name, strength in marks.items() if strength >= _MARKED_FROM},
    }


def turns_apart(
    item: Item, turns: Sequence[AnyTurn], heard: Sequence[Heard]
) -> tuple[list[Item], list[Assessment]]:
    """Every turn as an item of its own with its scores where it stands, for a verdict on it
    alone."""
    singles = [
        item.model_copy(
            update={
                "id": f"{item.id}#{turn.turn_id}"[:500],
                "texts": (TextSegment(text=turn.text),),
            }
        )
        for turn in turns
    ]
    assessments = [
        Assessment(
            item_id=single.id,
            scores={name: min(1.0, p) for name, p in own.in_context.items() if name in CATEGORIES},
        )
        for single, own in zip(singles, heard, strict=True)
    ]
    return singles, assessments
