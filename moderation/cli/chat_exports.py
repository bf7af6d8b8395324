"""Chat exports: JSON of the DiscordChatExporter, of Discord's own data package, of Telegram.

An export holds every message as it reads after its last edit. Joins, calls, pins, and pictures or
stickers without words are no turns; how many were left out is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moderation.cli.conversation_rows import BadTurn, LeftOut, Message, moment_of
from moderation.items import Surface

#: Milliseconds since 1970 at which the ids of Discord begin; an id tells when it was given out.
_DISCORD_EPOCH = 1_420_070_400_000
#: Messages of Discord that the platform wrote, not a person.
_DISCORD_SYSTEM = frozenset(
    {
        "RecipientAdd", "RecipientRemove", "Call", "ChannelNameChange", "ChannelIconChange",
        "ChannelPinnedMessage", "GuildMemberJoin", "ThreadCreated",
    }
)  # fmt: skip
_WORDLESS = "messages without words (pictures, stickers, files)"
_SYSTEM = "messages of the platform (joins, calls, pins)"
_PRIVATE_TELEGRAM = ("personal", "private", "bot", "saved", "verification")


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat of an export."""

    name: str
    surface: Surface
    messages: Iterable[Message | BadTurn | LeftOut]


@dataclass(slots=True)
class _Names:
    """Two people of one name are two speakers: scams and pile-ons use borrowed names."""

    people: dict[str, str] = field(default_factory=dict)

    def of(self, name: str, person: str) -> str:
        known = self.people.setdefault(name, person)
        return name if not person or known == person else f"{name} ({person})"


def is_telegram(found: Any) -> bool:
    """Whether this JSON is an export of Telegram Desktop."""
    if not isinstance(found, dict):
        return False
    some = messages_of(found)[:50]
    return isinstance(found.get("chats"), dict) or any(
        "from_id" in message or message.get("type") == "service" for message in some
    )


def is_discord(found: Any) -> bool:
    """Whether this JSON is an export of Discord messages."""
    some = messages_of(found)[:50]
    return any("content" in message or "Contents" in message for message in some)


def messages_of(found: Any) -> list[dict[str, Any]]:
    """The messages of an export, in its order."""
    listed = found.get("messages") if isinstance(found, dict) else found
    return [m for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []


def discord_chat(found: Any, name: str) -> Chat:
    """The channel of an export; one between few people is a direct message."""
    channel = found.get("channel") if isinstance(found, dict) else None
    channel = channel if isinstance(channel, dict) else {}
    private = str(channel.get("type", "")).startswith("Direct")
    surface = Surface.DIRECT_MESSAGE if private else Surface.LIVE_CHAT
    return Chat(_named(name, channel.get("id")), surface, _discord(messages_of(found)))


def telegram_chats(found: Any, name: str) -> Iterator[Chat]:
    """The chat of an export, or all chats of the export of an account."""
    found = found if isinstance(found, dict) else {}
    groups = [found.get(key) for key in ("chats", "left_chats")]
    lists = [group.get("list") for group in groups if isinstance(group, dict)]
    listed = [chat for chats in lists if isinstance(chats, list) for chat in chats]
    for number, chat in enumerate(listed or [found], start=1):
        if isinstance(chat, dict):
            private = str(chat.get("type", "private")).startswith(_PRIVATE_TELEGRAM)
            surface = Surface.DIRECT_MESSAGE if private else Surface.LIVE_CHAT
            number_of = chat.get("id", number if listed else None)
            yield Chat(_named(name, number_of), surface, _telegram(messages_of(chat)))


def _named(name: str, number: Any) -> str:
    """Every export of Telegram is called `result.json`: the chat's number tells them apart."""
    return name if number is None or str(number) in name else f"{name}-{number}"


def _discord(messages: Iterable[Message]) -> Iterator[Message | BadTurn | LeftOut]:
    names = _Names()
    for number, message in enumerate(messages, start=1):
        if str(message.get("type")) in _DISCORD_SYSTEM:
            yield LeftOut(_SYSTEM)
            continue
        content = message.get("content", message.get("Contents"))
        forwarded = message.get("forwardedMessage")
        if not content and isinstance(forwarded, dict):
            content = forwarded.get("content")
        if content == "" or (content is None and _has_media(message)):
            yield LeftOut(_WORDLESS)
            continue
        if not isinstance(content, str):
            yield BadTurn(number, "this message has no text in 'content'")
            continue
        author = message.get("author")
        time = message.get("timestamp", message.get("Timestamp"))
        told = author if isinstance(author, dict) else {"name": author}
        person = str(told.get("id") or "")
        speaker = str(told.get("name") or person or "owner of the export")
        yield {
            "id": str(message.get("id", message.get("ID", number))),
            "speaker": names.of(speaker, person),
            "text": content,
            "time": time,
            "role": "bot" if told.get("isBot") is True else None,
            "account_age_days": _discord_account_age(person, time),
            "reply_to": _answered(message.get("reference"), "messageId"),
            "line": number,
        }


def _answered(message: Any, name: str) -> str | None:
    """The id of the message that one answers."""
    found = message.get(name) if isinstance(message, dict) else None
    return str(found) if isinstance(found, (str, int)) and found != "" else None


def _has_media(message: Mapping[str, Any]) -> bool:
    return any(message.get(name) for name in ("attachments", "Attachments", "embeds", "stickers"))


def _discord_account_age(person: str, time: Any) -> int | None:
    """Days between the making of the account, which its id tells, and the message."""
    if not (person.isascii() and person.isdigit() and 15 <= len(person) <= 20) or time is None:
        return None
    try:
        made = ((int(person) >> 22) + _DISCORD_EPOCH) / 1000
        return max(0, int((moment_of(time) - made) / 86_400))
    except (ValueError, OverflowError):
        return None


def _telegram(messages: Iterable[Message]) -> Iterator[Message | BadTurn | LeftOut]:
    names = _Names()
    for number, message in enumerate(messages, start=1):
        if message.get("type") == "service":
            yield LeftOut(_SYSTEM)
            continue
        text = _telegram_text(message.get("text", ""))
        if text is None:
            yield BadTurn(number, "'text' is neither a text nor a list of pieces")
        elif not text:
            yield LeftOut(_WORDLESS)
        else:
            person = str(message.get("from_id") or "")
            speaker = str(message.get("from") or person or "deleted account")
            unix = str(message.get("date_unixtime") or "")
            plain = unix.isascii() and unix.isdigit()
            yield {
                "id": str(message.get("id", number)),
                "speaker": names.of(speaker, person),
                "text": text,
                "time": unix if plain else message.get("date"),
                "reply_to": _answered(message, "reply_to_message_id"),
                "line": number,
            }


def _telegram_text(text: Any) -> str | None:
    """The words of a message, whose links and bold parts are pieces of their own."""
    if isinstance(text, list):
        return "".join(
            part if isinstance(part, str) else str(part.get("text", ""))
            for part in text
            if isinstance(part, (str, dict))
        )
    return text if isinstance(text, str) else None
