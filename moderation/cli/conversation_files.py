"""Conversations from files: chat exports of Discord and Telegram, SRT and WebVTT, tables of turns.

Each file is one conversation, except a table, which may hold several (column `conversation`). What
cannot be read is told with its place and never stops the rest.

    conversation_item(Path("export.json"))            # told by its contents and name
    for entry in conversations_in(Path("turns.csv")): # Item or BadTurn
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from moderation.errors import InvalidItem, ModerationError
from moderation.items import MAX_TURNS, Item, Surface

#: Largest file, in bytes.
MAX_BYTES = 256_000_000


class ConversationFormat(StrEnum):
    """Formats of conversations."""

    DISCORD = "discord"  #: JSON of the DiscordChatExporter and of Discord's own data package
    TELEGRAM = "telegram"  #: `result.json` of Telegram Desktop
    SRT = "srt"
    WEBVTT = "vtt"
    CSV = "csv"  #: one turn a row: speaker, text, and what else there is
    JSONL = "jsonl"  #: one turn a line, or one conversation with `turns` a line


class UnreadableConversation(ModerationError):
    """A file is not a conversation in the format it should have."""


@dataclass(frozen=True, slots=True)
class BadTurn:
    """A row, message or caption that is no turn."""

    line: int  #: 1-based line, row or message number
    message: str


#: Names of columns that mean the same.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conversation": ("conversation", "conversation_id", "chat", "channel", "room", "thread"),
    "id": ("id", "turn_id", "message_id", "n"),
    "speaker": ("speaker", "author", "user", "username", "from", "sender", "name"),
    "text": ("text", "message", "content", "body", "contents"),
    "seconds": ("seconds", "t", "offset", "start"),
    "time": ("time", "date", "timestamp", "created_at"),
    "role": ("role",),
    "language": ("language", "lang"),
    "age": ("age", "age_bracket"),
    "account_age_days": ("account_age_days",),
}
#: Milliseconds since 1970 at which the ids of Discord begin; an id tells when it was given out.
_DISCORD_EPOCH = 1_420_070_400_000


def conversations_in(
    path: Path, file_format: ConversationFormat | None = None, encoding: str = "utf-8-sig"
) -> Iterator[Item | BadTurn]:
    """The conversations of a file, and what in it could not be read.

    Raises:
        UnreadableConversation: it is no file of any known format, or too large.
    """
    text = _read(path, encoding)
    found = file_format or _format_of(path, text)
    name = path.stem
    match found:
        case ConversationFormat.DISCORD:
            yield from _chat(name, Surface.LIVE_CHAT, _discord(_json(path, text)))
        case ConversationFormat.TELEGRAM:
            for chat_name, messages in _telegram_chats(_json(path, text), name):
                yield from _chat(chat_name, Surface.DIRECT_MESSAGE, _telegram(messages))
        case ConversationFormat.SRT | ConversationFormat.WEBVTT:
            yield from _chat(name, Surface.LIVE_TRANSCRIPT, _captions(text))
        case ConversationFormat.CSV:
            yield from _table(name, _csv_rows(text))
        case ConversationFormat.JSONL:
            yield from _jsonl(name, text)


def _read(path: Path, encoding: str) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableConversation(f"{path}: {size} bytes; at most {MAX_BYTES} are read")
        return path.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise UnreadableConversation(
            f"{path}: not {encoding} text (byte {error.start}); say --encoding"
        ) from None
    except OSError as error:
        raise UnreadableConversation(f"{path}: cannot be read ({error.strerror})") from None


def _format_of(path: Path, text: str) -> ConversationFormat:
    suffix = path.suffix.lower()
    plain = {
        ".srt": ConversationFormat.SRT,
        ".vtt": ConversationFormat.WEBVTT,
        ".csv": ConversationFormat.CSV,
        ".jsonl": ConversationFormat.JSONL,
        ".ndjson": ConversationFormat.JSONL,
    }
    if suffix in plain:
        return plain[suffix]
    if suffix == ".json":
        found = _json(path, text)
        if isinstance(found, dict) and (
            isinstance(found.get("chats"), dict)
            or any("from_id" in m or m.get("type") == "service" for m in _messages(found)[:50])
        ):
            return ConversationFormat.TELEGRAM
        if _messages(found):
            return ConversationFormat.DISCORD
    raise UnreadableConversation(
        f"{path}: cannot tell which kind of conversation this is; say --format with one of "
        + ", ".join(ConversationFormat)
    )


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableConversation(f"{path}: not JSON: {error}") from None


def _messages(found: Any) -> list[dict[str, Any]]:
    listed = found.get("messages") if isinstance(found, dict) else found
    return [m for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []


def _discord(found: Any) -> Iterator[dict[str, Any] | BadTurn]:
    for number, message in enumerate(_messages(found), start=1):
        author = message.get("author")
        speaker = author.get("name") or author.get("id") if isinstance(author, dict) else author
        content = message.get("content", message.get("Contents"))
        if content in (None, "") and (message.get("attachments") or message.get("embeds")):
            continue  # a picture without words is no turn
        if not isinstance(content, str):
            yield BadTurn(number, "this message has no text in 'content'")
            continue
        yield {
            "id": str(message.get("id", message.get("ID", number))),
            "speaker": str(speaker or "owner of the export"),
            "text": content,
            "time": message.get("timestamp", message.get("Timestamp")),
            "account_age_days": _discord_account_age(author, message.get("timestamp")),
        }


def _discord_account_age(author: Any, time: Any) -> int | None:
    """Days between the making of the account, which its id tells, and the message."""
    number = str(author.get("id", "")) if isinstance(author, dict) else ""
    if not (number.isascii() and number.isdigit() and 15 <= len(number) <= 20) or time is None:
        return None
    try:
        made = ((int(number) >> 22) + _DISCORD_EPOCH) / 1000
        return max(0, int((_moment(time) - made) / 86_400))
    except ValueError:
        return None


def _telegram_chats(found: Any, name: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    chats = found.get("chats", {}) if isinstance(found, dict) else {}
    listed = chats.get("list", []) if isinstance(chats, dict) else []
    if not listed:
        yield name, _messages(found)
    for number, chat in enumerate(listed, start=1):
        if isinstance(chat, dict):
            yield f"{name}-{chat.get('id', number)}", _messages(chat)


def _telegram(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any] | BadTurn]:
    for number, message in enumerate(messages, start=1):
        if message.get("type") == "service":
            continue
        text = message.get("text", "")
        if isinstance(text, list):
            text = "".join(
                part if isinstance(part, str) else str(part.get("text", ""))
                for part in text
                if isinstance(part, (str, dict))
            )
        if not isinstance(text, str):
            yield BadTurn(number, "'text' is neither a text nor a list of pieces")
        elif text:
            unix = message.get("date_unixtime")
            yield {
                "id": str(message.get("id", number)),
                "speaker": str(message.get("from") or message.get("from_id") or "deleted account"),
                "text": text,
                "time": float(str(unix)) if str(unix or "").isdigit() else message.get("date"),
            }


_TIMING = re.compile(
    r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]{1,200})>")
_TAG = re.compile(r"</?[^>]{0,200}>")
_LABEL = re.compile(r"^\s*(?:>>\s*)?(?:\[([^\]]{1,60})\]|([^\W\d][^:：]{0,40}))\s*[:：]\s*(?=\S)")


def _captions(text: str) -> Iterator[dict[str, Any] | BadTurn]:
    """Blocks of a subtitle file; the speaker is a `<v Name>`, `[Name]:` or `Name:` before it."""
    line = 1
    for block in re.split(r"(?:\r?\n){2,}", text):
        rows = block.splitlines()
        at = next((i for i, row in enumerate(rows) if "-->" in row), None)
        number, line = line, line + block.count("\n") + 2
        if at is None:
            continue
        timing = _TIMING.search(rows[at])
        if timing is None:
            yield BadTurn(number + at, f"not a time: {rows[at][:80]!r}")
            continue
        hours, minutes, seconds, fraction = timing.groups(default="0")
        said = "\n".join(rows[at + 1 :])
        voice = _VOICE.search(said)
        plain = _TAG.sub("", said).strip()
        label = None if voice else _LABEL.match(plain)
        speaker = voice[1] if voice else (label[1] or label[2]) if label else ""
        plain = plain[label.end() :] if label else plain
        if plain:
            yield {
                "id": rows[at - 1].strip() if at and rows[at - 1].strip() else str(number),
                "speaker": speaker.strip(),
                "text": plain,
                "seconds": int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}"),
            }


def _csv_rows(text: str) -> Iterator[dict[str, Any] | BadTurn]:
    csv.field_size_limit(MAX_BYTES)
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadTurn(reader.line_num, f"not a CSV row: {error}")
            continue
        if None in row or None in row.values():
            yield BadTurn(reader.line_num, "this row has more or fewer cells than the header")
            continue
        yield {"line": reader.line_num, **{k: v for k, v in row.items() if v != ""}}


def _jsonl(name: str, text: str) -> Iterator[Item | BadTurn]:
    rows: list[dict[str, Any] | BadTurn] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            yield BadTurn(number, f"not a JSON object: {error}")
            continue
        if isinstance(row, dict) and isinstance(row.get("turns"), list):
            yield _whole(number, row)
        elif isinstance(row, dict):
            rows.append({"line": number, **row})
        else:
            yield BadTurn(number, "a turn is a JSON object")
    yield from _table(name, rows)


def _whole(number: int, row: dict[str, Any]) -> Item | BadTurn:
    """A line that is a conversation already."""
    try:
        turns = [{"line": number, **turn} for turn in row["turns"]]
        rest = {k: v for k, v in row.items() if k in Item.model_fields and k != "turns"}
        return Item.from_row(rest | {"turns": [_turn(turn, i) for i, turn in enumerate(turns)]})
    except (InvalidItem, ValueError, TypeError) as error:
        return BadTurn(number, str(error))


def _table(name: str, rows: Iterable[dict[str, Any] | BadTurn]) -> Iterator[Item | BadTurn]:
    """One turn a row; rows of one conversation need not stand together."""
    conversations: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if isinstance(row, BadTurn):
            yield row
            continue
        if _cell(row, "text") is None:
            yield BadTurn(int(row["line"]), "no text: name its column 'text'")
            continue
        conversations.setdefault(str(_cell(row, "conversation") or name), []).append(row)
    for conversation, own in conversations.items():
        yield from _chat(conversation, Surface.DIRECT_MESSAGE, own)


def _chat(
    name: str, surface: Surface, messages: Iterable[dict[str, Any] | BadTurn]
) -> Iterator[Item | BadTurn]:
    """Messages as one item, or, where they are more than one holds, as several that follow each
    other (``chat``, ``chat part 2`` …); times become seconds since the first."""
    turns: list[dict[str, Any]] = []
    people: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for number, message in enumerate(messages):
        if isinstance(message, BadTurn):
            yield message
            continue
        try:
            turn = _turn(message, number)
        except ValueError as error:
            yield BadTurn(int(message.get("line", number + 1)), str(error))
            continue
        if turn["id"] in seen:
            yield BadTurn(
                int(message.get("line", number + 1)), f"the turn id {turn['id']!r} is there twice"
            )
            continue
        seen.add(turn["id"])
        turns.append(turn)
        for fact in ("role", "age", "account_age_days"):
            value = _cell(message, fact)
            if value is not None:
                people.setdefault(turn["speaker"], {"id": turn["speaker"]}).setdefault(fact, value)
    began = min((turn["at"] for turn in turns if turn.get("at") is not None), default=0.0)
    for turn in turns:
        at = turn.pop("at", None)
        if at is not None and "seconds" not in turn:
            turn["seconds"] = max(0.0, at - began)
    if not turns:
        yield BadTurn(1, f"{name}: there is no turn in it")
        return
    around = {"surface": surface.value, "participants": list(people.values())}
    for part, start in enumerate(range(0, len(turns), MAX_TURNS), start=1):
        own = f"{name} part {part}" if part > 1 else name
        try:
            yield Item.from_row(around | {"id": own, "turns": turns[start : start + MAX_TURNS]})
        except InvalidItem as error:
            yield BadTurn(start + 1, str(error))


def _cell(row: Mapping[str, Any], meaning: str) -> Any:
    folded = {str(key).casefold(): value for key, value in row.items()}
    for column in _COLUMNS[meaning]:
        if folded.get(column) is not None:
            return folded[column]
    return None


def _turn(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A row as the fields of a `Turn`, and `at`: seconds since 1970.

    Raises:
        ValueError: its time cannot be read.
    """
    turn: dict[str, Any] = {
        "id": str(_cell(row, "id") if _cell(row, "id") is not None else number + 1),
        "speaker": str(_cell(row, "speaker") or ""),
        "text": str(_cell(row, "text") if _cell(row, "text") is not None else ""),
    }
    for meaning in ("role", "language"):
        if _cell(row, meaning) is not None:
            turn[meaning] = str(_cell(row, meaning))
    seconds, time = _cell(row, "seconds"), _cell(row, "time")
    if seconds is not None:
        turn["seconds"] = float(seconds)
    elif time is not None:
        turn["at"] = _moment(time)
    return turn


def _moment(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(
            f"not a time: {str(value)[:40]!r}; write 2026-11-22T20:15:00+08:00 or seconds"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
