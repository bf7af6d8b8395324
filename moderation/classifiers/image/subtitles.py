"""Subtitles (SubRip and WebVTT) as the sentences that are spoken, without times and markup."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_TAG = re.compile(r"</?[a-zA-Z0-9][^>]*>|\{\\[^}]*\}")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said from one moment to another."""

    start: float  #: seconds
    end: float
    text: str


def cues(subtitles: str) -> list[Cue]:
    """The cues of a SubRip or WebVTT file in order; empty when it is neither."""
    found: list[Cue] = []
    for block in re.split(r"\n\s*\n", subtitles.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.split("\n")
        for number, line in enumerate(lines):
            times = _TIMES.match(line)
            if times:
                said = " ".join(lines[number + 1 :])
                text = html.unescape(_TAG.sub("", said)).strip()
                start, end = (_seconds(times.groups()[at : at + 4]) for at in (0, 4))
                if text:
                    found.append(Cue(start, end, text))
                break
    return found


def spoken_text(subtitles: str) -> str:
    """All that is said, as one text; a plain transcript is returned as it is.

    A cue that repeats the one before (rolling captions) is left out.
    """
    said = [cue.text for cue in cues(subtitles)]
    if not said:
        return subtitles.strip()
    return "\n".join(text for n, text in enumerate(said) if n == 0 or text != said[n - 1])


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")
