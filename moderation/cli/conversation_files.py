"""Conversations from files: chat exports of Discord and Telegram, SRT and WebVTT, tables of turns.

Each file is one conversation, except a table and the export of a whole account, which may hold
several. What cannot be read is told with its place and never stops the rest.

    for entry in conversations_in(Path("turns.csv")):  # Item, BadTurn or LeftOut
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moderation.cli.captions import caption_turns
from moderation.cli.chat_exports import (
    discord_chat,
    is_discord,
    is_telegram,
    telegram_chats,
)
from moderation.cli.conversation_rows import (
    BadTurn,
    LeftOut,
    Message,
    UnreadableConversation,
    moment_of,
    seconds_of,
)
from moderation.errors import InvalidItem
from moderation.items import MAX_TURNS, Item, Participant, Surface, Turn, invalid_item

__all__ = [
    "BadTurn",
    "ConversationFormat",
    "LeftOut",
    "UnreadableConversation",
    "conversations_in",
]

#: Largest file, in bytes.
MAX_BYTES = 256_000_000

_Found = Item | BadTurn | LeftOut


class ConversationFormat(StrEnum):
    """Formats of conversations."""

    DISCORD = "discord"  #: JSON of the DiscordChatExporter and of Discord's own data package
    TELEGRAM = "telegram"  #: `result.json` of Telegram Desktop
    SRT = "srt"
    WEBVTT = "vtt"
    CSV = "csv"  #: one turn a row: speaker, text, and what else there is
    JSONL = "jsonl"  #: one turn a line, or one conversation with `turns` a line


_SUFFIXES = {
    ".srt": ConversationFormat.SRT,
    ".vtt": ConversationFormat.WEBVTT,
    ".csv": ConversationFormat.CSV,
    ".tsv": ConversationFormat.CSV,
    ".jsonl": ConversationFormat.JSONL,
    ".ndjson": ConversationFormat.JSONL,
}

#: Names of columns that mean the same.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "conversation": ("conversation", "conversation_id", "chat", "channel", "room", "thread"),
    "id": ("id", "turn_id", "message_id", "n"),
    "speaker": ("speaker", "author", "user", "username", "from", "sender", "name"),
    "text": ("text", "message", "content", "body", "contents"),
    "seconds": ("seconds", "t", "offset", "start"),
    "time": ("time", "date", "timestamp", "created_at"),
    "role": ("role",),
    "reply_to": ("reply_to", "reply_to_id", "reply_to_message_id", "in_reply_to"),
    "language": ("language", "lang"),
    "age": ("age", "age_bracket"),
    "account_age_days": ("account_age_days",),
}


def conversations_in(
    path: Path,
    file_format: ConversationFormat | None = None,
    encoding: str = "utf-8-sig",
    surface: Surface | None = None,
) -> Iterator[_Found]:
    """The conversations of a file, what in it could not be read, and what was left out.

    Args:
        surface: of all of them; None: what the file tells, or what is usual for its format.

    Raises:
        UnreadableConversation: it is no file of any known format, or too large.
    """
    text = _read(path, encoding)
    found = file_format or _format_of(path, text)
    name = path.stem
    match found:
        case ConversationFormat.DISCORD:
            chat = discord_chat(_json(path, text), name)
            yield from _chat(chat.name, surface or chat.surface, chat.messages)
        case ConversationFormat.TELEGRAM:
            for chat in telegram_chats(_json(path, text), name):
                yield from _chat(chat.name, surface or chat.surface, chat.messages)
        case ConversationFormat.SRT | ConversationFormat.WEBVTT:
            yield from _chat(name, surface or Surface.LIVE_TRANSCRIPT, caption_turns(text))
        case ConversationFormat.CSV:
            yield from _table(name, _csv_rows(path, text), surface)
        case ConversationFormat.JSONL:
            yield from _jsonl(name, text, surface)


def _read(path: Path, encoding: str) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableConversation(
                f"{path}: {size} bytes; at most {MAX_BYTES} are read: cut it into several files"
            )
        return path.read_text(encoding=encoding)
    except LookupError:
        raise UnreadableConversation(
            f"--encoding {encoding}: not known; for example utf-16, gb18030, big5, latin-1"
        ) from None
    except UnicodeError as error:
        place = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise UnreadableConversation(
            f"{path}: not {encoding} text{place}; say --encoding, for example utf-16 or gb18030"
        ) from None
    except OSError as error:
        raise UnreadableConversation(f"{path}: cannot be read ({error.strerror})") from None


def _format_of(path: Path, text: str) -> ConversationFormat:
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix == ".json":
        found = _json(path, text)
        if is_telegram(found):
            return ConversationFormat.TELEGRAM
        if is_discord(found):
            return ConversationFormat.DISCORD
    raise UnreadableConversation(
        f"{path}: cannot tell which kind of conversation this is; say --format with one of "
        + ", ".join(ConversationFormat)
    )


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableConversation(f"{path}: not JSON: {error}") from None


def _csv_rows(path: Path, text: str) -> Iterator[Message | BadTurn]:
    """Rows of a table whose cells are parted by whatever makes its first line name the texts."""
    csv.field_size_limit(MAX_BYTES)
    header = text.partition("\n")[0]
    delimiter = next((sign for sign in ",;\t|" if _names_texts(header, sign)), None)
    if delimiter is None:
        raise UnreadableConversation(
            f"{path}: no column holds the texts: the first line is {header[:100]!r}; "
            "name one of its columns 'text'"
        )
    reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=delimiter)
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
        yield {k: v for k, v in _folded(row).items() if v != ""} | {"line": reader.line_num}


def _names_texts(header: str, delimiter: str) -> bool:
    columns = [column.strip().strip('"').casefold() for column in header.split(delimiter)]
    return any(name in columns for name in _COLUMNS["text"])


def _jsonl(name: str, text: str, surface: Surface | None) -> Iterator[_Found]:
    rows: list[Message | BadTurn] = []
    # Not splitlines(): texts may hold line separators of Unicode as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadTurn(number, f"not a JSON object: {error}")
            continue
        if isinstance(row, dict) and isinstance(row.get("turns"), list):
            yield from _whole(number, name, row, surface)
        elif isinstance(row, dict):
            rows.append(_folded(row) | {"line": number})
        else:
            yield BadTurn(number, "a turn is a JSON object")
    yield from _table(name, rows, surface)


def _whole(
    number: int, name: str, row: Mapping[str, Any], surface: Surface | None
) -> Iterator[_Found]:
    """A line that is a conversation already; what else it tells of the item is kept."""
    around = {k: v for k, v in row.items() if k in Item.model_fields and k not in ("id", "turns")}
    around |= {"surface": surface.value} if surface is not None else {}
    messages: list[Message | BadTurn] = [
        _folded(turn) | {"line": number}
        if isinstance(turn, dict) and _cell(_folded(turn), "text") is not None
        else BadTurn(number, f"turns[{place}] has no text")
        for place, turn in enumerate(row["turns"])
    ]
    own = str(row.get("id") if row.get("id") is not None else f"{name}-{number}")
    yield from _chat(own, surface or Surface.DIRECT_MESSAGE, messages, around, number)


def _table(
    name: str, rows: Iterable[Message | BadTurn], surface: Surface | None
) -> Iterator[_Found]:
    """One turn a row; rows of one conversation need not stand together."""
    conversations: dict[str, list[Message]] = {}
    for row in rows:
        if isinstance(row, BadTurn):
            yield row
            continue
        if _cell(row, "text") is None:
            yield BadTurn(int(row["line"]), "no text in this row")
            continue
        conversations.setdefault(str(_cell(row, "conversation") or name), []).append(row)
    for conversation, own in conversations.items():
        yield from _chat(conversation, surface or Surface.DIRECT_MESSAGE, own)


def _chat(
    name: str,
    surface: Surface,
    messages: Iterable[Message | BadTurn | LeftOut],
    around: Mapping[str, Any] | None = None,
    line: int = 1,
) -> Iterator[_Found]:
    """Messages as one item, or, where they are more than one holds, as several that follow each
    other (``chat``, ``chat part 2`` …); in the order of time, as seconds since the first.

    Args:
        around: further fields of the item.
        line: where the conversation stands in the file.
    """
    gathered = _Gathered()
    for number, message in enumerate(messages, start=1):
        if isinstance(message, BadTurn):
            yield message
        elif isinstance(message, LeftOut):
            gathered.left_out[message.what] += message.count
        else:
            for trouble in gathered.take(message, number):
                yield BadTurn(int(message.get("line", number)), trouble)
    for what, count in gathered.left_out.items():
        yield LeftOut(f"{name}: {what}", count)
    turns = gathered.in_order()
    if not turns:
        yield BadTurn(line, f"{name}: there is no turn in it")
        return
    fields = {"surface": surface.value, "participants": list(gathered.people.values())}
    fields |= around or {}
    for part, start in enumerate(range(0, len(turns), MAX_TURNS), start=1):
        own = f"{name} part {part}" if part > 1 else name
        held = turns[start : start + MAX_TURNS]
        if part > 1:
            held = [
                turn.model_copy(update={"number": number})
                for number, turn in enumerate(held, start=start + 1)
            ]
        try:
            yield Item.from_row(fields | {"id": own, "turns": held})
        except InvalidItem as error:
            yield BadTurn(line, f"{own}: {error}")


class _Gathered:
    """Turns of one conversation and what is told of their speakers, checked one by one."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.left_out: Counter[str] = Counter()
        self._turns: list[tuple[Turn, float | None]] = []
        self._seen: set[str] = set()

    def take(self, message: Message, number: int) -> Iterator[str]:
        """Keep a message as a turn; what is wrong with it, if anything."""
        try:
            fields, moment = _turn(message, number)
            turn = Turn.model_validate(fields)
        except ValidationError as error:
            yield str(invalid_item(error))
            return
        except ValueError as error:
            yield str(error)
            return
        if turn.id in self._seen:
            yield f"the turn id {turn.id[:100]!r} is there twice"
            return
        self._seen.add(turn.id)
        self._turns.append((turn, moment))
        for fact in ("role", "age", "account_age_days"):
            value = _cell(message, fact)
            if value is None or fact in self.people.get(turn.speaker, ()):
                continue
            try:
                Participant.model_validate({"id": turn.speaker, fact: value})
            except ValidationError as error:
                yield f"{invalid_item(error)}; the turn is there without it"
                continue
            self.people.setdefault(turn.speaker, {"id": turn.speaker})[fact] = value

    def in_order(self) -> list[Turn]:
        """The turns with seconds since the first; those without a time stay where they are."""
        began = min((moment for _, moment in self._turns if moment is not None), default=0.0)
        turns = [
            turn if moment is None else turn.model_copy(update={"seconds": moment - began})
            for turn, moment in self._turns
        ]
        return _sorted_by_time(turns)


def _sorted_by_time(turns: Sequence[Turn]) -> list[Turn]:
    """Some exports have the newest message first."""
    latest, placed = 0.0, []
    for place, turn in enumerate(turns):
        latest = latest if turn.seconds is None else turn.seconds
        placed.append((latest, place, turn))
    return [turn for _, _, turn in sorted(placed, key=lambda entry: entry[:2])]


def _folded(row: Mapping[str, Any]) -> Message:
    return {str(key).strip().casefold(): value for key, value in row.items()}


def _cell(folded: Mapping[str, Any], meaning: str) -> Any:
    for column in _COLUMNS[meaning]:
        if folded.get(column) is not None:
            return folded[column]
    return None


def _turn(row: Message, number: int) -> tuple[dict[str, Any], float | None]:
    """A row as the fields of a `Turn`, and its time where that does not count from the beginning.

    Args:
        row: its columns in small letters.

    Raises:
        ValueError: its time cannot be read.
    """
    name = _cell(row, "id")
    turn: dict[str, Any] = {
        "id": str(name if name is not None else number),
        "speaker": str(_cell(row, "speaker") or ""),
        "text": str(_cell(row, "text") or ""),
    }
    for meaning in ("role", "language", "reply_to"):
        if _cell(row, meaning) is not None:
            turn[meaning] = str(_cell(row, meaning))
    seconds, time = _cell(row, "seconds"), _cell(row, "time")
    if seconds is not None:
        turn["seconds"] = seconds_of(seconds)
        if turn["seconds"] is None:
            raise ValueError(f"not a number of seconds: {str(seconds)[:40]!r}")
        return turn, None
    return turn, None if time is None else moment_of(time)
