"""Live conversations: append turns, know the risk, keep one job up to date.

Every turn is read by the models once and costs the same in the ten-thousandth place as in the
tenth. What is stored is enough to go on after a restart in the middle, and to put a late turn in
its place: the result is the one that the whole transcript would get at once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
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
from moderation.errors import ModerationError
from moderation.items import Item, Surface, Turn
from moderation.queue import record_screening
from moderation.records import Database
from moderation.records.conversations import (
    Place,
    StoredConversation,
    StoredTurn,
    add_turns,
    held_conversation,
    known_turns,
    newest_turns,
)
from moderation.screening import Screener, Screening
from moderation.service.room_assessment import (
    RoomView,
    assess_room,
    in_context,
    muted_segments,
    turns_apart,
)
from moderation.service.room_folding import RoomFolding
from moderation.service.room_turns import (
    TurnConflict,
    compared,
    learn_facts,
    participants_of_row,
    without_doubles,
    youngest_minor,
)

#: Turns of the newest part of a conversation that a reviewer is shown.
WINDOW = 40
#: A score must rise by this much before the waiting job is brought up to date again.
_WORTH_TELLING = 0.1
#: Before every turn.
_BEGINNING: Place = (-1.0, -1)


class ConversationClosed(ModerationError):
    """A closed conversation takes no more turns."""


class UnknownConversation(ModerationError):
    """No turn of this conversation was ever appended."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """What an append (or a close) has changed."""

    conversation: str
    turns: int  #: turns in all
    appended: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()  #: were there already, exactly the same
    recomputed_from: int | None = None  #: position of the earliest late turn
    scores: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    view: RoomView | None = None
    heard: Sequence[Mapping[str, Any]] = ()  #: what each new turn does where it stands
    muted: Sequence[Mapping[str, Any]] = ()
    job: int | None = None
    closed: bool = False


class LiveRooms:
    """Appends turns for any number of callers.

    Args:
        database: where conversations are stored.
        screener: its policy packs judge; its models do not run here.
        classifier: reads turns.
    """

    def __init__(
        self, database: Database, screener: Screener, classifier: ConversationClassifier
    ) -> None:
        self._database = database
        self._screener = screener
        self._classifier = classifier
        self._folding = RoomFolding(classifier)
        self._telling = threading.Lock()

    def append(
        self,
        conversation_id: str,
        turns: Sequence[Turn],
        participants: Sequence[Participant] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> Progressed:
        """Append turns; those that are there already change nothing.

        Args:
            facts: the item around the turns (surface, author, audience …); None keeps what was
                said before.

        Raises:
            TurnConflict: an id is known for another text, speaker, time or role. Nothing of the
                call is stored.
            ConversationClosed: it was closed, and a turn is new.
        """
        wanted = without_doubles(turns)
        with self._database.read() as session:
            known = known_turns(session, conversation_id, list(wanted))
        fresh = [turn for turn in wanted.values() if compared(turn, known.get(turn.id)) is None]
        reads = {read.turn.id: read for read in self._folding.read(fresh)}
        with self._database.write() as session:
            progressed, screening = self._append(
                session, conversation_id, wanted, reads, participants, facts
            )
        return self._tell(conversation_id, progressed, screening)

    def close(self, conversation_id: str) -> Progressed:
        """No more turns; the job, if there is one, gets the final state. Closing twice is fine.

        Raises:
            UnknownConversation: there is none of that id.
        """
        with self._database.write() as session:
            row = self._existing(session, conversation_id)
            now = self._database.now(session)
            row.closed_at = row.closed_at if row.closed_at is not None else now
            if self._folding.read_anew(session, row):
                state, _, _ = self._folding.refold(session, row, _BEGINNING)
                row.state = as_json(state)
            progressed, screening = self._view(session, row, from_json(row.state))
            session.add(row)
        return self._tell(conversation_id, progressed, screening, final=True)

    def look(self, conversation_id: str) -> Progressed:
        """Where the conversation stands.

        Raises:
            UnknownConversation: there is none of that id.
        """
        with self._database.read() as session:
            row = self._existing(session, conversation_id)
            session.expunge(row)  # nothing that is looked at may be written
            progressed, _ = self._view(session, row, from_json(row.state))
        return progressed

    def _existing(self, session: Session, conversation_id: str) -> StoredConversation:
        row = held_conversation(session, conversation_id)
        if row is None:
            raise UnknownConversation(
                f"no conversation {conversation_id!r}: append its first turn to open it"
            )
        return row

    def _append(
        self,
        session: Session,
        conversation_id: str,
        wanted: Mapping[str, Turn],
        reads: Mapping[str, ReadTurn],
        participants: Sequence[Participant],
        facts: Mapping[str, Any] | None,
    ) -> tuple[Progressed, Screening | None]:
        now = self._database.now(session)
        fresh_row = StoredConversation(
            id=conversation_id,
            surface=str((facts or {}).get("surface", Surface.LIVE_CHAT.value)),
            opened_at=now,
            updated_at=now,
            model=self._classifier.version,
        )
        row = held_conversation(session, conversation_id, fresh_row)
        assert row is not None
        # Another writer may have been faster since the first look.
        known = known_turns(session, conversation_id, list(wanted))
        new = []
        for turn in wanted.values():
            differs = compared(turn, known.get(turn.id))
            if differs:
                raise TurnConflict(
                    f"turn {turn.id!r} of conversation {conversation_id!r} is there already with "
                    f"another {' and '.join(differs)}; a changed turn needs an id of its own",
                    turn_id=turn.id,
                    differs=differs,
                )
            if differs is None:
                new.append(turn)
        if new and row.closed_at is not None:
            raise ConversationClosed(
                f"conversation {conversation_id!r} is closed; a new one needs another id"
            )
        start_over = learn_facts(row, participants, facts)
        start_over = self._folding.read_anew(session, row) or start_over
        stored = self._folding.place(row, new, reads, now)
        late = [turn for turn in stored if turn.time < row.latest]
        add_turns(session, stored)
        state = from_json(row.state)
        recomputed: int | None = None
        if start_over:
            state, recomputed, heard = self._folding.refold(session, row, _BEGINNING)
        elif late:
            place = (late[0].time, late[0].arrival)
            state, recomputed, heard = self._folding.refold(session, row, place)
        else:
            heard = self._folding.fold(session, row, state, stored)
        row.turns += len(stored)
        row.latest = max([row.latest, *(turn.time for turn in stored)])
        row.state = as_json(state)
        row.updated_at = now
        progressed, screening = self._view(session, row, state, stored)
        session.add(row)
        return (
            replace(
                progressed,
                appended=tuple(turn.turn_id for turn in stored),
                duplicates=tuple(name for name in wanted if name in known),
                recomputed_from=recomputed,
                heard=tuple(in_context(turn.turn_id, heard[turn.turn_id]) for turn in stored),
            ),
            screening,
        )

    def _view(
        self,
        session: Session,
        row: StoredConversation,
        state: ConversationState,
        fresh: Sequence[StoredTurn] = (),
    ) -> tuple[Progressed, Screening | None]:
        """Scores, verdicts and mutes for the newest part of the conversation."""
        window = newest_turns(session, row.id, WINDOW)
        reads = [self._folding.unpacked(turn) for turn in window]
        known = participants_of_row(row)
        around = {"recipient_age": youngest_minor(known)} | row.facts
        item = Item.model_validate(
            around | {"id": row.id, "surface": row.surface, "turns": [r.turn for r in reads]}
        )
        total = state.progress.turns
        findings = state.findings(self._classifier.model, known)
        assessment = assess_room(self._classifier, item, reads, findings, total)
        new = [self._folding.unpacked(turn) for turn in fresh]
        singles, apart = turns_apart(item, new)
        screening: Screening | None = None
        muted: list[dict[str, Any]] = []
        if window:
            screening, *each = self._screener.judge([item, *singles], [assessment, *apart])
            muted = muted_segments(new, each)
        scores = {name: round(p, 4) for name, p in assessment.scores.items()}
        changed = {
            name: (row.scores.get(name, 0.0), p)
            for name, p in scores.items()
            if abs(p - row.scores.get(name, 0.0)) >= 0.01
        }
        row.scores = scores
        view = RoomView.of(screening) if screening is not None else None
        return (
            Progressed(
                conversation=row.id,
                turns=total,
                scores=scores,
                changed=changed,
                view=view,
                muted=muted,
                job=row.job_id,
                closed=row.closed_at is not None,
            ),
            screening,
        )

    def _tell(
        self,
        conversation_id: str,
        progressed: Progressed,
        screening: Screening | None,
        *,
        final: bool = False,
    ) -> Progressed:
        """Open the job or bring it up to date, where that is worth it; never a second one."""
        if screening is None or not (final or screening.needs_review):
            return progressed
        with self._telling, self._held(conversation_id):
            with self._database.read() as session:
                row = session.get(StoredConversation, conversation_id)
                reported = dict(row.reported) if row is not None else {}
            if not _worth_telling(screening, reported, final):
                return progressed
            recorded = record_screening(self._database, screening.item, screening)
        with self._database.write() as session:
            row = self._existing(session, conversation_id)
            row.reported = _reported(screening)
            row.job_id = recorded.job_id or row.job_id
            session.add(row)
        return replace(progressed, job=recorded.job_id or progressed.job)

    def _held(self, conversation_id: str) -> AbstractContextManager[Any]:
        """Other processes wait. SQLite lets one write at a time anyway."""
        if self._database.is_sqlite:
            return nullcontext()
        return _HeldRow(self._database, conversation_id)


class _HeldRow(AbstractContextManager[None]):
    """Holds the row of a conversation on PostgreSQL while a job is opened beside it."""

    def __init__(self, database: Database, conversation_id: str) -> None:
        self._transaction = database.write()
        self._id = conversation_id

    def __enter__(self) -> None:
        session = self._transaction.__enter__()
        held_conversation(session, self._id)

    def __exit__(self, *details: Any) -> None:
        self._transaction.__exit__(*details)


def _reported(screening: Screening) -> dict[str, Any]:
    return {
        "scores": {name: round(p, 4) for name, p in screening.assessment.scores.items()},
        "actions": {region: v.action for region, v in screening.verdicts.items()},
        "queued": screening.needs_review,
    }


def _worth_telling(screening: Screening, reported: Mapping[str, Any], final: bool) -> bool:
    if final:
        return bool(reported) or screening.needs_review
    now = _reported(screening)
    if not reported.get("queued") or reported.get("actions") != now["actions"]:
        return True
    before = reported.get("scores", {})
    return any(p - before.get(name, 0.0) >= _WORTH_TELLING for name, p in now["scores"].items())
