"""Turns put in their place, and folded into the state of their conversation.

A step is worked out beside the database and stored in one short transaction, so that no writer
waits while models run or a long room is reckoned again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from heapq import merge
from itertools import islice
from typing import Any

from sqlmodel import Session

from moderation.classifiers.conversation import (
    ConversationClassifier,
    ConversationState,
    Participant,
    ReadTurn,
    as_json,
    from_json,
)
from moderation.classifiers.conversation.heard import Heard
from moderation.items import Item, Turn
from moderation.records.conversation_mutes import (
    PlacedMute,
    Silence,
    mutes_of,
    put_silences,
)
from moderation.records.conversation_tables import (
    CHECKPOINT_EVERY,
    AnyConversation,
    AnyTurn,
    ConversationCheckpoint,
    Place,
    PlacedTurn,
    StoredTurn,
)
from moderation.records.conversations import (
    add_checkpoints,
    add_turns,
    checkpoint_before,
    drop_checkpoints,
    known_participants,
    put_conversation,
    put_participants,
    replace_readings,
    turns_after,
)
from moderation.service.room_states import RecentStates
from moderation.service.room_turns import item_around, participants_of, turn_of
from moderation.service.turn_reading import TurnReader

#: Stored turns that are read again together after a change of the models.
_PAGE = 500

#: Turns where they stand → turn id → region → what policy says of it there.
Judge = Callable[
    [AnyConversation, Sequence[tuple[AnyTurn, Heard]]], dict[str, dict[str, Silence | None]]
]


@dataclass
class Step:
    """One change of a conversation, ready to be stored."""

    row: AnyConversation  #: as it will be
    since: float | None  #: `updated_at` of the row that it was made from; None: there was none
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: participant → what is known, of those who are looked at; {} for one who is not known
    learnt: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  #: to be stored
    state: ConversationState = field(default_factory=ConversationState)
    turns: Sequence[PlacedTurn] = ()  #: new ones, in order
    again: Sequence[StoredTurn] = ()  #: of the call, but stored before
    heard: dict[str, Heard] = field(default_factory=dict)  #: of the new turns, and of those again
    recomputed_from: int | None = None
    scanned: bool = True  #: False: nothing may be read; the state stays as it was
    checkpoints: list[ConversationCheckpoint] = field(default_factory=list)
    readings: dict[int, bytes] = field(default_factory=dict)  #: of stored turns, read anew
    silences: dict[str, dict[str, Silence | None]] = field(default_factory=dict)
    #: turn → region → what policy says, of turns that were told or reckoned again
    mutes: Sequence[PlacedMute] = ()  #: stored before, where such turns may have any

    @cached_property
    def item(self) -> Item:
        """The conversation without its turns, when all that the call told of it is learnt."""
        return item_around(self.row)

    @property
    def told(self) -> list[AnyTurn]:
        """The turns of the call that were read, in order, whether they are new or not: a caller
        whose answer was lost asks again and must get it."""
        return sorted([turn for turn in self.of_call if turn.turn_id in self.heard], key=_place)

    @property
    def of_call(self) -> list[AnyTurn]:
        """The turns of the call, whether they are new or not."""
        return [*self.turns, *self.again]

    def store(self, session: Session) -> bool:
        """Whether it was stored; False: somebody else changed the conversation in between."""
        if not put_conversation(session, self.row, self.since):
            return False
        if self.recomputed_from is not None:
            drop_checkpoints(session, self.row.id, self.recomputed_from)
        replace_readings(session, self.readings)
        if self.learnt:
            put_participants(session, self.row.id, self.learnt)
        if self.turns:
            add_turns(session, self.turns)
        if self.checkpoints:
            add_checkpoints(session, self.checkpoints)
        before = [placed.mute for placed in self.mutes]
        put_silences(session, self.row.id, self.silences, before, self.row.updated_at)
        return True


class RoomFolding:
    """What turns the words of a room into its state.

    Args:
        classifier: adds turns up.
        reader: reads them.
    """

    def __init__(self, classifier: ConversationClassifier, reader: TurnReader) -> None:
        self._classifier = classifier
        self._reader = reader
        self._outputs = classifier.reader.outputs
        self._recent = RecentStates()

    def remember(self, step: Step) -> None:
        """Keep the state of a step that was stored; nobody changes it from here on."""
        if step.scanned:
            self._recent.keep(step.row.id, step.row.state, step.state)

    def place(
        self,
        row: AnyConversation,
        turns: Sequence[Turn],
        reads: Mapping[str, ReadTurn],
        now: float,
    ) -> list[PlacedTurn]:
        """The turns in their order; one without a time takes the latest time before it."""
        latest = row.latest
        placed = []
        for arrival, turn in enumerate(turns, start=row.turns):
            latest = max(latest, turn.seconds or 0.0)
            placed.append(
                PlacedTurn(
                    conversation_id=row.id,
                    turn_id=turn.id,
                    arrival=arrival,
                    time=latest if turn.seconds is None else turn.seconds,
                    speaker=turn.speaker,
                    role=turn.role,
                    text=turn.text,
                    seconds=turn.seconds,
                    language=turn.language,
                    reply_to=turn.reply_to,
                    reading=reads[turn.id].packed(self._outputs),
                    received_at=now,
                )
            )
        return sorted(placed, key=_place)

    def fold(self, session: Session, step: Step, judge: Judge, *, from_start: bool) -> None:
        """Add the new turns to the state; where one is late, from the newest snapshot before it.

        Args:
            judge: asked about all turns that are reckoned again, since what comes before a turn
                changes what it does.
            from_start: every turn again, because models or what is known of speakers changed.
        """
        row, late = step.row, [turn for turn in step.turns if turn.time < step.row.latest]
        stale = row.model != self._classifier.version
        # The state of a room in which somebody was erased is reckoned again.
        from_start = from_start or (row.turns > 0 and not row.state)
        if not (from_start or stale or late):
            step.state = self._recent.take(row.id, row.state)
            known = participants_of(step.people)
            self._add(step, known, self._unpacked(step.turns))
            return
        checkpoint = None
        if not (from_start or stale):
            checkpoint = checkpoint_before(session, row.id, _place(late[0]))
        step.state = from_json(checkpoint.state if checkpoint else "")
        step.recomputed_from = checkpoint.position if checkpoint else 0
        after = (checkpoint.time, checkpoint.arrival) if checkpoint else None
        stored = turns_after(session, row.id, after)
        reads: Iterator[tuple[AnyTurn, ReadTurn]] = (
            self._read_anew(step, stored) if stale else self._unpacked(stored)
        )
        fresh = self._unpacked(step.turns)
        together = merge(reads, fresh, key=lambda pair: _place(pair[0]))
        known = participants_of(step.people)
        self._add(step, known, _introduced(session, step, known, together), judge)
        row.model = self._classifier.version

    def hear_again(self, session: Session, step: Step) -> None:
        """Where those turns stand that were stored before, and which are muted; the state stays
        as it is."""
        if step.again or step.recomputed_from is not None:
            step.mutes = mutes_of(session, step.row.id)
        missing = {turn.turn_id: turn for turn in step.again if turn.turn_id not in step.heard}
        if not missing:
            return
        first = min(_place(turn) for turn in missing.values())
        checkpoint = checkpoint_before(session, step.row.id, first)
        state = from_json(checkpoint.state if checkpoint else "")
        after = (checkpoint.time, checkpoint.arrival) if checkpoint else None
        known = participants_of(step.people)
        with closing(turns_after(session, step.row.id, after)) as stored:
            for turn, read in _introduced(session, step, known, self._unpacked(stored)):
                heard = self._classifier.add(state, read, known)
                if missing.pop(turn.turn_id, None) is not None:
                    step.heard[turn.turn_id] = heard
                if not missing:
                    return

    def _add(
        self,
        step: Step,
        known: Mapping[str, Participant],
        turns: Iterable[tuple[AnyTurn, ReadTurn]],
        judge: Judge | None = None,
    ) -> None:
        wanted = {turn.turn_id for turn in step.of_call}
        waiting: list[tuple[AnyTurn, Heard]] = []
        for turn, read in turns:
            heard = self._classifier.add(step.state, read, known)
            if turn.turn_id in wanted:
                step.heard[turn.turn_id] = heard
            elif judge is not None:
                waiting.append((turn, heard))
            if judge is not None and len(waiting) == _PAGE:
                step.silences |= judge(step.row, waiting)
                waiting = []
            if step.state.progress.turns % CHECKPOINT_EVERY == 0:
                step.checkpoints.append(
                    ConversationCheckpoint(
                        conversation_id=step.row.id,
                        position=step.state.progress.turns,
                        time=turn.time,
                        arrival=turn.arrival,
                        state=as_json(step.state),
                    )
                )
        if judge is not None and waiting:
            step.silences |= judge(step.row, waiting)

    def _unpacked(self, turns: Iterable[AnyTurn]) -> Iterator[tuple[AnyTurn, ReadTurn]]:
        return ((turn, self.unpacked(turn)) for turn in turns)

    def _read_anew(
        self, step: Step, stored: Iterator[StoredTurn]
    ) -> Iterator[tuple[AnyTurn, ReadTurn]]:
        while page := list(islice(stored, _PAGE)):
            reads = self._reader.read([turn_of(turn) for turn in page])
            for turn, read in zip(page, reads, strict=True):
                if turn.key is not None:
                    step.readings[turn.key] = read.packed(self._outputs)
                yield turn, read

    def unpacked(self, turn: AnyTurn) -> ReadTurn:
        """What a stored turn was read as."""
        return ReadTurn.unpacked(turn_of(turn), turn.reading, self._outputs)


def _place(turn: AnyTurn) -> Place:
    return turn.time, turn.arrival


def _introduced(
    session: Session,
    step: Step,
    known: dict[str, Participant],
    turns: Iterable[tuple[AnyTurn, ReadTurn]],
) -> Iterator[tuple[AnyTurn, ReadTurn]]:
    """The turns; before one is given, its speaker stands in ``known`` if anything is known."""
    looked_up = set(step.people)
    waiting = iter(turns)
    while page := list(islice(waiting, CHECKPOINT_EVERY)):
        unknown = {turn.speaker for turn, _ in page} - looked_up
        if unknown:
            known |= participants_of(known_participants(session, step.row.id, sorted(unknown)))
            looked_up |= unknown
        yield from page
