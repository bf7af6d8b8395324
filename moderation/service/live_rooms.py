"""Live conversations: append turns, know the risk, keep one job up to date.

Every turn is read by the models once and costs the same in the ten-thousandth place as in the
tenth. What is stored is enough to go on after a restart in the middle, and to put a late turn in
its place: the result is the one that the whole transcript would get at once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session

from moderation.classifiers.conversation import (
    ConversationClassifier,
    Participant,
    ReadTurn,
    as_json,
    from_json,
)
from moderation.classifiers.conversation.heard import Heard
from moderation.items import Item, Surface, Turn
from moderation.queue import QueueRules, record_screening
from moderation.records import Database
from moderation.records.conversation_mutes import Silence
from moderation.records.conversation_tables import (
    AnyConversation,
    AnyTurn,
    StoredConversation,
    StoredTurn,
)
from moderation.records.conversations import (
    conversation_of,
    conversation_with,
    has_spoken,
    idle_conversations,
    known_participants,
    note_job,
    turns_at,
)
from moderation.records.muted_segments import standing_segments
from moderation.screening import Screener, Screening
from moderation.service.room_assessment import (
    RoomView,
    assess_room,
    in_context,
    told_of_turns,
    turns_apart,
    worth_showing,
)
from moderation.service.room_folding import RoomFolding, Step
from moderation.service.room_mutes import (
    RoomMutes,
    muted_segments,
    silences_of,
)
from moderation.service.room_turns import (
    ConversationClosed,
    TurnConflict,
    compared,
    item_around,
    learn_facts,
    learn_participants,
    participants_of,
    turn_of,
    unknown_conversation,
    was_reported,
    without_doubles,
    youngest_minor,
)
from moderation.service.turn_reading import TurnReader
from moderation.signals import Assessment

#: How often a change is tried before other writers are held off.
_TRIES = 3
#: A score must rise by this much before the waiting job is brought up to date again.
_WORTH_TELLING = 0.1


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
    heard: Sequence[Mapping[str, Any]] = ()  #: what each turn of the call does where it stands
    muted: Sequence[Mapping[str, Any]] = ()  #: of the call's turns; `look`: of all
    job: int | None = None
    closed: bool = False
    scanned: bool = True  #: False: a private one that may not be read unasked; nothing was kept


class LiveRooms:
    """Appends turns for any number of callers.

    Args:
        database: where conversations are stored.
        screener: its policy packs judge; its models do not run here.
        classifier: reads turns.
    """

    def __init__(
        self,
        database: Database,
        screener: Screener,
        classifier: ConversationClassifier,
        rules: QueueRules | None = None,
    ) -> None:
        self._database = database
        self._rules = rules or QueueRules()
        self._screener = screener
        self._classifier = classifier
        self._reader = TurnReader(classifier)
        self._folding = RoomFolding(classifier, self._reader)
        self._telling = threading.Lock()
        #: what people mute
        self.mutes = RoomMutes(database, screener.regions)

    def append(
        self,
        conversation_id: str,
        turns: Sequence[Turn],
        participants: Sequence[Participant] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> Progressed:
        """Append turns; those that are there already change nothing.

        Private messages that a region does not allow to be looked at unasked are neither read nor
        kept; only what surrounds them is, so that the next call is treated alike.

        Args:
            facts: the item around the turns (surface, author, audience …) and whether somebody
                `reported` it; None keeps what was said before, and a report is never forgotten.

        Raises:
            TurnConflict: an id is known for another text, speaker, time or role. Nothing of the
                call is stored.
            ConversationClosed: it was closed, and a turn is new.
        """
        return self._change(_Wish(conversation_id, without_doubles(turns), participants, facts))

    def close(self, conversation_id: str) -> Progressed:
        """No more turns; the scores become those of the whole transcript, and the job, if there
        is one, gets them. Closing twice is fine.

        Raises:
            UnknownConversation: there is none of that id.
        """
        return self._change(_Wish(conversation_id, {}, closes=True))

    def close_idle(self, seconds: float) -> list[str]:
        """Close rooms without a new turn for so long; at most a hundred in one call."""
        with self._database.read() as session:
            since = self._database.now(session) - seconds
            idle = idle_conversations(session, since)
        for conversation_id in idle:
            self._change(_Wish(conversation_id, {}, closes=True, idle_since=since))
        return idle

    def look(self, conversation_id: str) -> Progressed:
        """Where the conversation stands.

        Raises:
            UnknownConversation: there is none of that id.
        """
        with self._database.read() as session:
            row = conversation_of(session, conversation_id)
        if row is None:
            raise unknown_conversation(conversation_id)
        if row.model != self._classifier.version or (row.turns and not row.state):
            progressed = self._change(_Wish(conversation_id, {}))
        else:
            scanned = self._may_read(row, item_around(row))
            state = from_json(row.state)
            progressed, _ = self._view(Step(row, row.updated_at, state=state, scanned=scanned))
        with self._database.read() as session:
            return replace(progressed, muted=standing_segments(session, conversation_id))

    def _change(self, wish: _Wish) -> Progressed:
        """Work it out beside the database, store it if nobody was faster; after a few tries hold
        the others off."""
        for _ in range(_TRIES):
            with self._database.read() as session:
                step = self._step(session, wish)
            progressed, screening = self._view(step)
            with self._database.write() as session:
                stored = step.store(session)
            if stored:
                break
        else:
            with self._database.write() as session:
                conversation_of(session, wish.id, held=True)
                step = self._step(session, wish)
                progressed, screening = self._view(step)
                step.store(session)
        self._folding.remember(step)
        return self._tell(step, progressed, screening, final=wish.closes)

    def _step(self, session: Session, wish: _Wish) -> Step:
        read = conversation_with(session, wish.id, wish.people, list(wish.turns))
        before, known = read.row, read.known
        new = _new_turns(wish, known)
        now = self._database.now(session)
        if before is None:
            row: AnyConversation = self._opened(wish, now)
            since = None
        else:
            row, since = before, before.updated_at
            if new and row.closed_at is not None:
                raise ConversationClosed(
                    f"conversation {wish.id!r} is closed; a new one needs another id"
                )
            # Later than before whatever the clock says: it tells one state from the next.
            row.updated_at = max(now, math.nextafter(since, math.inf))
        learn_facts(row, wish.facts)
        learnt = learn_participants(row, read.people, wish.participants)
        from_start = read.may_have_spoken and has_spoken(session, row.id, list(learnt))
        people = {name: read.people.get(name, {}) for name in wish.people} | learnt
        step = Step(row, since, people=people, learnt=learnt)
        step.again = [known[name] for name in wish.turns if name in known]
        step.scanned = self._may_read(row, step.item)
        if step.scanned:
            unread = [turn for turn in new if turn.id not in wish.reads]
            wish.reads |= {own.turn.id: own for own in self._reader.read(unread)}
            step.turns = self._folding.place(row, new, wish.reads, now)
            self._folding.fold(session, step, self._silences, from_start=from_start)
            self._folding.hear_again(session, step)
            row.state = as_json(step.state)
        else:
            step.state = from_json(row.state)
        row.turns += len(step.turns)
        row.latest = max([row.latest, *(turn.time for turn in step.turns)])
        if wish.closes and row.closed_at is None and not wish.was_active(since):
            row.closed_at = now
        return step

    def _silences(
        self, row: AnyConversation, heard: Sequence[tuple[AnyTurn, Heard]]
    ) -> dict[str, dict[str, Silence | None]]:
        """What policy says of turns that are reckoned again."""
        turns = [turn for turn, _ in heard]
        singles, apart = turns_apart(item_around(row), turns, [own for _, own in heard])
        return silences_of(
            turns, self._screener.judge(singles, apart, drawn_by=[row.id] * len(singles))
        )

    def _may_read(self, row: AnyConversation, item: Item) -> bool:
        return self._screener.may_scan(item, reported=was_reported(row))

    def _opened(self, wish: _Wish, now: float) -> StoredConversation:
        if not wish.turns:
            raise unknown_conversation(wish.id)
        return StoredConversation(
            id=wish.id,
            surface=Surface.LIVE_CHAT.value,
            opened_at=now,
            updated_at=now,
            model=self._classifier.version,
        )

    def _view(self, step: Step) -> tuple[Progressed, Screening]:
        """Scores, verdicts and mutes; sets the scores of the row."""
        row, state = step.row, step.state
        item = step.item
        findings = self._classifier.findings(state, has_minor=youngest_minor(row) is not None)
        closed = row.closed_at is not None
        assessment = assess_room(self._classifier, item.id, state, findings, whole=closed)
        if not step.scanned and not state.progress.turns:
            assessment = Assessment(item_id=item.id, scores={})
        told = step.told
        singles, apart = turns_apart(item, told, [step.heard[t.turn_id] for t in told])
        # A canary draws all turns of a room with their room.
        screening, *each = self._screener.judge(
            [item, *singles], [assessment, *apart], drawn_by=[row.id] * (1 + len(singles))
        )
        step.silences |= silences_of(told, each)
        scores = {name: round(p, 4) for name, p in assessment.scores.items()}
        changed = {
            name: (row.scores.get(name, 0.0), p)
            for name, p in scores.items()
            if abs(p - row.scores.get(name, 0.0)) >= 0.01
        }
        row.scores = scores
        progressed = Progressed(
            conversation=row.id,
            turns=state.progress.turns,
            appended=tuple(turn.turn_id for turn in step.turns),
            duplicates=tuple(turn.turn_id for turn in step.again),
            recomputed_from=step.recomputed_from,
            scores=scores,
            changed=changed,
            view=RoomView.of(screening),
            heard=tuple(in_context(t.turn_id, step.heard[t.turn_id]) for t in told),
            muted=muted_segments(told, step.silences, step.mutes),
            job=row.job_id,
            closed=closed,
            scanned=step.scanned,
        )
        return progressed, screening

    def _tell(
        self, step: Step, progressed: Progressed, screening: Screening, *, final: bool
    ) -> Progressed:
        """Open the job or bring it up to date, where that is worth it; never a second one."""
        name = step.row.id
        if not (final or screening.needs_review):
            return progressed
        if not _worth_telling(screening, step.row.reported, final):
            return progressed
        with self._telling, self._held(name):
            with self._database.read() as session:
                row = conversation_of(session, name)
                reported = dict(row.reported) if row is not None else {}
                total = row.turns if row is not None else 0
                spans = worth_showing(screening.assessment.signals, total)
                stored = turns_at(session, name, spans)
                speakers = sorted({turn.speaker for turn in stored})
                people = participants_of(known_participants(session, name, speakers))
            if not _worth_telling(screening, reported, final):
                return progressed
            turns = [turn_of(turn) for turn in stored]
            places = [place for first, last in spans for place in range(first, last + 1)]
            places = places[: len(turns)]  # retention may have emptied the room in between
            languages = self._reader.languages_of(turns)
            shown = told_of_turns(screening, turns, places, people, languages)
            recorded = record_screening(self._database, shown.item, shown, rules=self._rules)
        with self._database.write() as session:
            note_job(session, name, _reported(screening), recorded.job_id)
        return replace(progressed, job=recorded.job_id or progressed.job)

    def _held(self, conversation_id: str) -> AbstractContextManager[Any]:
        """Other processes wait. SQLite lets one write at a time anyway."""
        if self._database.is_sqlite:
            return nullcontext()
        return _HeldRow(self._database, conversation_id)


@dataclass
class _Wish:
    """What a caller wants of a conversation."""

    id: str
    turns: Mapping[str, Turn]
    participants: Sequence[Participant] = ()
    facts: Mapping[str, Any] | None = None
    closes: bool = False
    idle_since: float | None = None  #: close only if there was no turn after that
    reads: dict[str, ReadTurn] = field(default_factory=dict)  #: kept between tries

    @property
    def people(self) -> list[str]:
        """Those about whom this call says something, or who speak in it."""
        names = [turn.speaker for turn in self.turns.values()]
        return list(dict.fromkeys([*names, *(person.id for person in self.participants)]))

    def was_active(self, updated_at: float | None) -> bool:
        """Whether somebody wrote while the room was found idle."""
        if self.idle_since is None or updated_at is None:
            return False
        return updated_at >= self.idle_since


def _new_turns(wish: _Wish, known: Mapping[str, StoredTurn]) -> list[Turn]:
    new = []
    for turn in wish.turns.values():
        differs = compared(turn, known.get(turn.id))
        if differs:
            raise TurnConflict(
                f"turn {turn.id!r} of conversation {wish.id!r} is there already with "
                f"another {' and '.join(differs)}; a changed turn needs an id of its own",
                turn_id=turn.id,
                differs=differs,
            )
        if differs is None:
            new.append(turn)
    return new


class _HeldRow(AbstractContextManager[None]):
    """Holds the row of a conversation on PostgreSQL while a job is opened beside it."""

    def __init__(self, database: Database, conversation_id: str) -> None:
        self._transaction = database.write()
        self._id = conversation_id

    def __enter__(self) -> None:
        session = self._transaction.__enter__()
        conversation_of(session, self._id, held=True)

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
