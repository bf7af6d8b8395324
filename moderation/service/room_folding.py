"""Turns put in their place, and folded into the state of their conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from moderation.classifiers.conversation import (
    ConversationClassifier,
    ConversationState,
    ReadTurn,
    as_json,
    from_json,
)
from moderation.classifiers.conversation.heard import Heard
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.items import Turn
from moderation.records.conversations import (
    CHECKPOINT_EVERY,
    ConversationCheckpoint,
    Place,
    StoredConversation,
    StoredTurn,
    add_checkpoints,
    checkpoint_before,
    drop_checkpoints,
    turns_after,
)
from moderation.service.room_turns import participants_of_row, turn_of


class RoomFolding:
    """What turns the words of a room into its state.

    Args:
        classifier: reads turns and adds them up.
    """

    def __init__(self, classifier: ConversationClassifier) -> None:
        self._classifier = classifier
        self._languages = LanguageIdentifier()
        self._outputs = classifier.reader.outputs

    def read(self, turns: Sequence[Turn]) -> list[ReadTurn]:
        """What the models make of each turn by itself."""
        if not turns:
            return []
        found = self._languages.identify([turn.text for turn in turns])
        languages = [t.language or tag for t, tag in zip(turns, found, strict=True)]
        return self._classifier.read(turns, languages)

    def place(
        self,
        row: StoredConversation,
        turns: Sequence[Turn],
        reads: Mapping[str, ReadTurn],
        now: float,
    ) -> list[StoredTurn]:
        """The turns in their order; one without a time takes the latest time before it."""
        latest = row.latest
        placed = []
        for arrival, turn in enumerate(turns, start=row.turns):
            latest = max(latest, turn.seconds or 0.0)
            placed.append(
                StoredTurn(
                    conversation_id=row.id,
                    turn_id=turn.id,
                    arrival=arrival,
                    time=latest if turn.seconds is None else turn.seconds,
                    speaker=turn.speaker,
                    role=turn.role,
                    text=turn.text,
                    seconds=turn.seconds,
                    language=turn.language,
                    reading=reads[turn.id].packed(self._outputs),
                    received_at=now,
                )
            )
        return sorted(placed, key=lambda turn: (turn.time, turn.arrival))

    def fold(
        self,
        session: Session,
        row: StoredConversation,
        state: ConversationState,
        turns: Sequence[StoredTurn],
    ) -> dict[str, Heard]:
        """Add turns, which stand after all others, to the state; store snapshots on the way."""
        known = participants_of_row(row)
        checkpoints = []
        heard = {}
        for turn in turns:
            heard[turn.turn_id] = self._classifier.add(state, self.unpacked(turn), known)
            if state.progress.turns % CHECKPOINT_EVERY == 0:
                checkpoints.append(
                    ConversationCheckpoint(
                        conversation_id=row.id,
                        position=state.progress.turns,
                        time=turn.time,
                        arrival=turn.arrival,
                        state=as_json(state),
                    )
                )
        add_checkpoints(session, checkpoints)
        return heard

    def refold(
        self, session: Session, row: StoredConversation, place: Place
    ) -> tuple[ConversationState, int, dict[str, Heard]]:
        """From the newest snapshot before that place on; the position where it began."""
        checkpoint = checkpoint_before(session, row.id, place)
        state = from_json(checkpoint.state if checkpoint else "")
        began = checkpoint.position if checkpoint else 0
        drop_checkpoints(session, row.id, began)
        after = (checkpoint.time, checkpoint.arrival) if checkpoint else None
        heard = self.fold(session, row, state, list(turns_after(session, row.id, after)))
        return state, began, heard

    def read_anew(self, session: Session, row: StoredConversation) -> bool:
        """Read every turn again if the models have changed since; whether they had."""
        if row.model == self._classifier.version:
            return False
        stored = list(turns_after(session, row.id, None))
        reads = self.read([turn_of(turn) for turn in stored])
        for turn, read in zip(stored, reads, strict=True):
            turn.reading = read.packed(self._outputs)
            session.add(turn)
        session.flush()
        row.model = self._classifier.version
        return True

    def unpacked(self, turn: StoredTurn) -> ReadTurn:
        """What a stored turn was read as."""
        return ReadTurn.unpacked(turn_of(turn), turn.reading, self._outputs)
