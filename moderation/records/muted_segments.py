"""What is muted in a live room, told in numbers of turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from moderation.records.conversation_mutes import ConversationMute, mutes_of, numbers_of


def standing_segments(session: Session, conversation_id: str) -> list[dict[str, Any]]:
    """What is muted now, region by region, neighbouring turns of one rule in one entry.

    Returns:
        `{"region", "action", "first", "last", "first_turn", "last_turn", "rule", "reason", "by",
        "since", "mutes"}`: `first` and `last` are numbers of turns from 1, `by` is None for policy,
        `since` is in seconds since 1970, `mutes` are the numbers by which they are lifted.
    """
    standing = [placed.mute for placed in mutes_of(session, conversation_id) if placed.stands]
    return told_segments(session, conversation_id, standing) if standing else []


def told_segments(
    session: Session, conversation_id: str, mutes: Sequence[ConversationMute]
) -> list[dict[str, Any]]:
    """These mutes of a conversation as segments, see `standing_segments`; without those whose turns
    were deleted meanwhile."""
    ends = [name for mute in mutes for name in (mute.first_turn, mute.last_turn)]
    numbers = numbers_of(session, conversation_id, ends) if ends else {}
    mutes = [m for m in mutes if m.first_turn in numbers and m.last_turn in numbers]
    segments: list[dict[str, Any]] = []
    running: dict[str, dict[str, Any]] = {}
    for mute in sorted(mutes, key=lambda m: (numbers[m.first_turn], m.id or 0)):
        entry = _entry(mute, numbers)
        before = running.get(mute.region)
        if mute.muted_by:
            segments.append(entry)
        elif before is not None and _continues(before, entry):
            before |= {"last": entry["last"], "last_turn": entry["last_turn"]}
            before["since"] = min(before["since"], entry["since"])
            before["mutes"] += entry["mutes"]
        else:
            running[mute.region] = entry
            segments.append(entry)
    return segments


def _continues(before: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    same = all(before[name] == entry[name] for name in ("action", "rule"))
    return same and bool(before["last"] + 1 == entry["first"])


def _entry(mute: ConversationMute, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "region": mute.region,
        "action": mute.action,
        "first": numbers[mute.first_turn],
        "last": numbers[mute.last_turn],
        "first_turn": mute.first_turn,
        "last_turn": mute.last_turn,
        "rule": mute.rule,
        "reason": mute.reason,
        "by": mute.muted_by or None,
        "since": mute.muted_at,
        "mutes": [mute.id],
    }
