"""The words that reviewers read: for actions, severities, languages, times. No rule lives here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from moderation.items import AgeBracket, Participant
from moderation.taxonomy import CATEGORIES

#: What an action word of a verdict means for the people who would see the item.
ACTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "allow": ("Allow", "Everybody sees it; it spreads as usual."),
        "label": ("Label", "Everybody sees it, with a label."),
        "interstitial": ("Warning", "Viewers see a warning first and may go on."),
        "age_gate": ("Age gate", "Only adults see it."),
        "limit": ("Limit", "It stays, but is recommended to nobody."),
        "hold": ("Hold", "Nobody sees it until somebody has decided."),
        "unavailable": ("Remove", "Nobody there sees it."),
        "escalate": ("Escalate", "A senior reviewer decides."),
    }
)

#: What each severity stands for.
SEVERITIES: tuple[str, ...] = (
    "life or a child in danger",
    "serious, hard to undo",
    "clear, reversible harm",
    "deception or quality",
    "advisory",
)

SURFACES: Mapping[str, str] = MappingProxyType(
    {
        "post": "Post",
        "comment": "Comment",
        "live_chat": "Live chat",
        "live_transcript": "Live room",
        "listing": "Listing",
        "profile": "Profile",
        "image": "Image",
        "video": "Video",
        "direct_message": "Direct message",
        "review": "Review",
    }
)

#: Brackets that people declared to the platform.
AGES: Mapping[AgeBracket, str] = MappingProxyType(
    {
        AgeBracket.UNDER_13: "under 13",
        AgeBracket.FROM_13_TO_15: "13 to 15",
        AgeBracket.FROM_16_TO_17: "16 or 17",
        AgeBracket.FROM_18: "adult",
    }
)

_LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German",
        "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish",
        "fil": "Filipino", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
        "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "ms": "Malay",
        "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
        "ru": "Russian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu",
        "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
        "vi": "Vietnamese", "yue": "Cantonese", "zh": "Chinese", "und": "No language",
    }
)  # fmt: skip


def action_title(action: str) -> str:
    """`age_gate` → `Age gate`."""
    return ACTIONS[action][0] if action in ACTIONS else plain(action)


def action_meaning(action: str) -> str:
    """What it does to viewers, in a sentence."""
    return ACTIONS[action][1] if action in ACTIONS else ""


def category_title(category_id: str | None) -> str:
    """The category's title; policy also knows `any` and `state_order`."""
    if category_id is None:
        return "Uncategorised"
    if category_id == "any":
        return "Any category"
    return CATEGORIES[category_id].title if category_id in CATEGORIES else plain(category_id)


def language_title(tag: str) -> str:
    """`zh-Hans` → `Chinese`."""
    return _LANGUAGES.get(tag.split("-")[0].lower(), tag)


def muted(segment: Mapping[str, Any]) -> str:
    """A segment of a live room that is not heard in a region; see `standing_segments`."""
    first, last = segment["first"], segment["last"]
    turns = f"turn {first}" if first == last else f"turns {first} to {last}"
    by = segment["by"] or (f"rule {segment['rule']}" if segment["rule"] else "policy")
    words = f"Muted in {segment['region']}: {turns}, by {by}"
    return f"{words} ({segment['reason']})" if segment["reason"] else words


def surface_title(surface: str) -> str:
    """`live_transcript` → `Live room`."""
    return SURFACES.get(surface, plain(surface))


#: Words of names that are not written in small letters.
_SPELLED: Mapping[str, str] = MappingProxyType(
    {
        **{word: word.upper() for word in (
            "csam", "csae", "ncii", "url", "qr", "tco", "imda", "osra", "kcsc", "cac", "btk",
            "cst", "tdra",
        )},
        "art9": "Article 9", "esafety": "eSafety", "komdigi": "Komdigi", "nazi": "Nazi",
        "ofcom": "Ofcom",
    }
)  # fmt: skip


def spoken(name: str) -> str:
    """`csam_verified` → `CSAM verified`, as it stands within a sentence."""
    words = name.replace("_", " ").replace("-", " ").split()
    return " ".join(_SPELLED.get(word.lower(), word) for word in words)


def plain(name: str) -> str:
    """`child_safety` → `Child safety`."""
    words = spoken(name)
    return words if name[:7] == "esafety" else words[:1].upper() + words[1:]


def queue_title(name: str) -> str:
    """`general_zh_en` → `General (Chinese, English)`."""
    words = name.split("_")
    count = len(words)
    while count > 1 and words[count - 1] in _LANGUAGES:
        count -= 1
    languages = ", ".join(language_title(word) for word in words[count:])
    title = plain("_".join(words[:count]))
    return f"{title} ({languages})" if languages else title


def likelihood(probability: float) -> str:
    """A probability in words: a bare number confuses more people than it helps."""
    for bound, words in (
        (0.95, "almost certain"),
        (0.8, "very likely"),
        (0.6, "likely"),
        (0.4, "about even"),
        (0.2, "unlikely"),
    ):
        if probability >= bound:
            return words
    return "very unlikely"


def duration(seconds: float) -> str:
    """`35 s`, `12 min`, `3 h 20 min`, `4 days`."""
    seconds = abs(seconds)
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 10:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def due(seconds_left: float) -> str:
    """`due in 12 min` or `overdue by 3 h`."""
    if seconds_left < 0:
        return f"overdue by {duration(seconds_left)}"
    return f"due in {duration(seconds_left)}"


def short_due(seconds_left: float) -> str:
    """`12 min`, or `overdue`."""
    return "overdue" if seconds_left < 0 else duration(seconds_left)


def moment(seconds: float) -> str:
    """Seconds since 1970 as `22 Nov 2026, 11:42 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %Y, %H:%M UTC")


def short_moment(seconds: float) -> str:
    """Seconds since 1970 as `22 Nov 11:42`, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %H:%M")


def day(seconds: float) -> str:
    """Seconds since 1970 as `22 Nov 2026`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %Y")


def time_of_day(seconds: float) -> str:
    """Seconds since 1970 as `11:42 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M UTC")


def count(number: float) -> str:
    """`950`, `1.2 k`, `34 k`, `1.5 M`: reach is never known better than that."""
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.0f}{suffix}" if scaled >= 10 else f"{scaled:.1f}{suffix}"
    return f"{number:.0f}"


def participant(person: Participant) -> list[str]:
    """What the platform told of somebody who takes part: role, age of the account, age bracket."""
    facts = [plain(person.role).lower()] if person.role else []
    if person.account_age_days is not None:
        days = person.account_age_days
        facts.append(f"account {days:,} day{'' if days == 1 else 's'} old")
    if person.age is not AgeBracket.UNKNOWN:
        facts.append(f"age declared: {AGES[person.age]}")
    return facts


def clock(seconds: float) -> str:
    """A position in a recording: `3:07`, `1:02:45`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
