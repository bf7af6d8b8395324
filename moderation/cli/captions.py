"""SRT and WebVTT with speakers: one turn a caption, or one a voice where a caption has several."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from moderation.cli.conversation_rows import BadTurn, Message

_TIMING = re.compile(
    r"\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
)
_NUMBER = re.compile(r"\s*\d")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]{1,200})>")
_TAG = re.compile(r"</?[A-Za-z0-9][^<>]{0,200}>")
#: `[Name]:`, `Name:`; no link, no time of day, and no half sentence ("I told him: go").
_LABEL = re.compile(
    r"\s*(?:>>\s*)?(?:\[([^\]]{1,60})\]|([^\W\d][^:：\n]{0,40}))\s*[:：](?!//)\s*(?=\S)"
)
_COMMENT = ("NOTE", "STYLE", "REGION")


def caption_turns(text: str) -> Iterator[Message | BadTurn]:
    """The captions of a file; the speaker is a `<v Name>`, `[Name]:` or `Name:` before the words.

    A caption reaches to the next time line, so that an empty line in it loses nothing. Numbers
    that are there twice get their line beside them.
    """
    lines = text.split("\n")
    starts = [at for at in range(len(lines)) if _is_timing(lines, at)]
    seen: set[str] = set()
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        timing = _TIMING.match(lines[at])
        if timing is None:
            yield BadTurn(at + 1, f"not a time: {lines[at][:80]!r}")
            continue
        name = lines[at - 1].strip() if at and _is_name(lines, at - 1) else str(at + 1)
        name = f"{name} (line {at + 1})" if name in seen else name
        seen.add(name)
        hours, minutes, seconds, fraction = timing.groups(default="0")
        began = int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")
        said = _said(lines, at + 1, end)
        for number, (speaker, words) in enumerate(_voices(said), start=1):
            own = name if number == 1 else f"{name}.{number}"
            yield {
                "id": own, "speaker": speaker, "text": words, "seconds": began, "line": at + 1
            }  # fmt: skip


def _is_timing(lines: Sequence[str], at: int) -> bool:
    """A line of times; a broken one only where a caption begins, for people also say arrows."""
    if "-->" not in lines[at] or lines[at].startswith(_COMMENT):
        return False
    if _TIMING.match(lines[at]):
        return True
    if not _NUMBER.match(lines[at]):
        return False
    before = lines[at - 1].strip() if at else ""
    begins = not before or at < 2 or not lines[at - 2].strip()
    return begins and not before.startswith(_COMMENT)


def _is_name(lines: Sequence[str], at: int) -> bool:
    """Whether the line before a time line is the caption's number or name."""
    own = lines[at].strip()
    alone = at == 0 or not lines[at - 1].strip()
    return bool(own) and own != "WEBVTT" and (alone or own.isdigit())


def _said(lines: Sequence[str], first: int, end: int) -> str:
    """The words of a caption, without comments and without the name of the next one."""
    last = end - 1 if end < len(lines) and _is_name(lines, end - 1) else end
    paragraphs = re.split(r"\n[ \t]*(?:\n[ \t]*)+", "\n".join(lines[first:last]))
    kept = [p for i, p in enumerate(paragraphs) if i == 0 or not p.startswith(_COMMENT)]
    return "\n".join(kept).strip()


def _voices(said: str) -> Iterator[tuple[str, str]]:
    """Speaker and words of a caption, in order; the speaker is empty where nobody is named."""
    parts = _VOICE.split(said)
    for speaker, words in zip(["", *parts[1::2]], parts[::2], strict=True):
        plain = html.unescape(_TAG.sub("", words)).strip()
        if not speaker:
            speaker, plain = _labelled(plain)
        if plain:
            yield html.unescape(speaker).strip(), plain


def _labelled(plain: str) -> tuple[str, str]:
    label = _LABEL.match(plain)
    if label is None:
        return "", plain
    name, rest = (label[1] or label[2]).strip(), plain[label.end() :]
    if label[1] is None and not _could_be_a_name(name, rest):
        return "", plain
    return name, rest


def _could_be_a_name(name: str, rest: str) -> bool:
    if name[-1].isdigit() and rest[:1].isdigit():
        return False
    words = name.split()
    return len(words) == 1 or (len(words) <= 4 and all(not w[0].islower() for w in words))
