"""What the readers of conversation files have in common: rows that are no turns, and times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moderation.errors import ModerationError

#: A message as its reader found it, see `conversation_files`.
Message = dict[str, Any]


class UnreadableConversation(ModerationError):
    """A file is not a conversation in the format it should have."""


@dataclass(frozen=True, slots=True)
class BadTurn:
    """A row, message or caption that is no turn."""

    line: int  #: 1-based line, row or message number
    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Messages that are no turns and no mistakes: pictures without words, joins."""

    what: str
    count: int = 1


_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)")


def seconds_of(value: Any) -> float | None:
    """A number, a number as text, or `h:mm:ss` and `mm:ss`; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = clock.groups(default="0")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    try:
        return float(text)
    except ValueError:
        return None


def moment_of(value: Any) -> float:
    """Seconds since 1970, or since whatever the file counts from.

    Raises:
        ValueError: it is neither a number, a clock time nor an ISO 8601 date.
    """
    seconds = seconds_of(value)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(
            f"not a time: {str(value)[:40]!r}; write 2026-11-22T20:15:00+08:00, 1:05:30 or seconds"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
