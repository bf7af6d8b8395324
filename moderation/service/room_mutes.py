"""Segments of live rooms that are not heard in a region: what policy says, and what people set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from moderation.errors import ModerationError
from moderation.items import check_regions
from moderation.records import Database
from moderation.records.conversation_mutes import (
    BY_PERSON,
    ConversationMute,
    PlacedMute,
    Silence,
    add_mutes,
    lift_mutes,
    mutes_of,
)
from moderation.records.conversation_tables import AnyTurn, StoredConversation, StoredTurn
from moderation.records.conversations import conversation_of, known_turns, turns_at
from moderation.records.muted_segments import told_segments
from moderation.screening import Screening
from moderation.service.room_turns import (
    ConversationClosed,
    item_around,
    unknown_conversation,
)

#: What a region's verdict must say for a turn not to be heard there.
_SILENT = frozenset({"hold", "unavailable"})


class SegmentRefused(ModerationError):
    """The turns that are to be muted are not turns of the conversation, or in the wrong order."""

    def __init__(self, message: str, *, param: str, code: str) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class RoomMutes:
    """Mutes of people: set, lifted, listed.

    Args:
        database: where conversations are stored.
        regions: for rooms whose audience names none.
    """

    def __init__(self, database: Database, regions: Sequence[str]) -> None:
        self._database = database
        self._regions = tuple(regions)

    def mute(
        self,
        conversation_id: str,
        first: int | str,
        last: int | str | None = None,
        *,
        by: str,
        reason: str,
        regions: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Mute a segment; a mute that stands already is not set twice.

        Args:
            first: number of the turn in the room, from 1, or its id.
            last: the same, included; None: that one turn.
            by: who does it.
            reason: why, for those who look later.
            regions: where; None: wherever the room has viewers.

        Returns:
            As `standing_segments`, of these mutes: one for each region.

        Raises:
            UnknownConversation: there is none of that id.
            ConversationClosed: it was closed.
            SegmentRefused: no such turns, or the last stands before the first.
            UnknownRegion: a region is not an ISO 3166-1 alpha-2 code.
        """
        where = None if regions is None else check_regions(regions)
        with self._database.write() as session:
            row = conversation_of(session, conversation_id, held=True)
            if row is None:
                raise unknown_conversation(conversation_id)
            if row.closed_at is not None:
                raise ConversationClosed(
                    f"conversation {conversation_id!r} is closed; only a live one is muted"
                )
            begin, end = _segment(session, row, first, first if last is None else last)
            where = where or item_around(row).audience.regions or self._regions
            standing = [p.mute for p in mutes_of(session, row.id) if p.stands]
            asked = (begin.turn_id, end.turn_id)
            found = {
                m.region: m for m in standing if m.muted_by and (m.first_turn, m.last_turn) == asked
            }
            now = self._database.now(session)
            new = [
                ConversationMute(
                    conversation_id=row.id,
                    region=region,
                    first_turn=begin.turn_id,
                    last_turn=end.turn_id,
                    action=BY_PERSON,
                    reason=reason,
                    muted_by=by,
                    muted_at=now,
                )
                for region in where
                if region not in found
            ]
            add_mutes(session, new)
            found |= {mute.region: mute for mute in new}
            return told_segments(session, row.id, [found[region] for region in where])

    def lift(
        self, conversation_id: str, numbers: Sequence[int], *, by: str
    ) -> list[dict[str, Any]]:
        """Lift mutes, of people or of policy; what a person has lifted policy does not mute again.

        A closed conversation's too: somebody may be right who complains later.

        Returns:
            As `standing_segments`, of those that were lifted now.

        Raises:
            UnknownConversation: there is none of that id.
            NotFound: it has no mute of one of these numbers; none was lifted.
        """
        with self._database.write() as session:
            if conversation_of(session, conversation_id, held=True) is None:
                raise unknown_conversation(conversation_id)
            now = self._database.now(session)
            lifted = lift_mutes(session, conversation_id, numbers, by=by, at=now)
            return told_segments(session, conversation_id, lifted)


def _segment(
    session: Session, row: StoredConversation, first: int | str, last: int | str
) -> tuple[StoredTurn, StoredTurn]:
    begin, end = _turn(session, row, first, "first"), _turn(session, row, last, "last")
    if (end.time, end.arrival) < (begin.time, begin.arrival):
        raise SegmentRefused(
            f"turn {last!r} stands before turn {first!r}; name the earlier one first",
            param="last",
            code="reversed_segment",
        )
    return begin, end


def _turn(session: Session, row: StoredConversation, name: int | str, param: str) -> StoredTurn:
    if isinstance(name, str):
        found = list(known_turns(session, row.id, [name]).values())
    else:
        inside = 1 <= name <= row.turns
        found = turns_at(session, row.id, [(name - 1, name - 1)]) if inside else []
    if not found:
        raise SegmentRefused(
            f"conversation {row.id!r} has no turn {name!r}; its turns are numbered from 1 to "
            f"{row.turns}, or named by their ids",
            param=param,
            code="unknown_turn",
        )
    return found[0]


def silences_of(
    turns: Sequence[AnyTurn], screenings: Sequence[Screening]
) -> dict[str, dict[str, Silence | None]]:
    """Turn id → region → what policy says of it there; None: it is heard."""
    found: dict[str, dict[str, Silence | None]] = {}
    for turn, screening in zip(turns, screenings, strict=True):
        own = found[turn.turn_id] = {}
        for region, verdict in screening.verdicts.items():
            primary = verdict.primary
            rule = primary.rule_id if primary is not None else None
            own[region] = Silence(verdict.action, rule) if verdict.action in _SILENT else None
    return found


def muted_segments(
    turns: Sequence[AnyTurn],
    silences: Mapping[str, Mapping[str, Silence | None]],
    mutes: Sequence[PlacedMute],
) -> list[dict[str, Any]]:
    """Region by region, those of the turns that are not heard there.

    Args:
        turns: of one call, in order.
        mutes: that were stored before, where such turns may have any.

    Returns:
        `{"region", "action", "turns"}` with the ids of neighbouring turns in one entry.
    """
    lifted = {
        (placed.mute.first_turn, placed.mute.region)
        for placed in mutes
        if not placed.mute.muted_by and placed.mute.lifted_by
    }
    by_people = [placed for placed in mutes if placed.mute.muted_by and placed.stands]
    segments: list[dict[str, Any]] = []
    running: dict[str, dict[str, Any]] = {}
    for turn in turns:
        actions = {
            region: silence.action
            for region, silence in silences.get(turn.turn_id, {}).items()
            if silence is not None and (turn.turn_id, region) not in lifted
        }
        for placed in by_people:
            if placed.first <= (turn.time, turn.arrival) <= placed.last:
                actions.setdefault(placed.mute.region, placed.mute.action)
        for region in [name for name in running if name not in actions]:
            del running[region]
        for region, action in actions.items():
            before = running.get(region)
            if before is not None and before["action"] == action:
                before["turns"].append(turn.turn_id)
            else:
                running[region] = {"region": region, "action": action, "turns": [turn.turn_id]}
                segments.append(running[region])
    return segments
