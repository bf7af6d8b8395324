"""Phone numbers in text, by the numbering plans of regions, also in disguised digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import phonenumbers

#: Regions in whose national format a number may stand, by language of the text.
_REGIONS = {
    "ar": ("SA", "AE", "EG"),
    "zh": ("CN", "HK", "TW", "SG"),
    "ja": ("JP",),
    "ko": ("KR",),
    "es": ("ES", "MX", "AR", "CL"),
    "pt": ("BR", "PT"),
    "fr": ("FR", "CA"),
    "de": ("DE", "AT"),
    "it": ("IT",),
    "nl": ("NL",),
    "pl": ("PL",),
    "ru": ("RU",),
    "hi": ("IN",),
    "tr": ("TR",),
    "vi": ("VN",),
    "th": ("TH",),
    "id": ("ID",),
    "ms": ("MY",),
    "tl": ("PH",),
    "en": ("US", "GB", "IN", "SG", "AU"),
}
_ANY_LANGUAGE = ("US", "CN")

#: Stretches of digits tried per text, from the front; each costs a look per region.
_MOST_TRIED = 24
_MAY_BE_PHONE = re.compile(r"[+(]?\d(?:[\s().-]{0,3}\d){6,16}(?!\d)")
_HAN_DIGITS = "零〇一二三四五六七八九"
_HAN_NUMBER = re.compile(rf"[{_HAN_DIGITS}幺\d]{{7,}}")


def plain_digits(text: str) -> str:
    """The text, same length, with every kind of digit (full width, circled, Chinese, of other
    scripts) and plus sign as ASCII.

    Chinese numerals count as digits only in rows of seven or more: 一三八零….
    """
    if text.isascii():
        return text
    text = "".join(map(_plain, text))
    return _HAN_NUMBER.sub(
        lambda m: "".join(_han_digit(c) if not c.isdigit() else c for c in m[0]), text
    )


def phone_spans(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Start and end of valid phone numbers in a text of plain digits; they may repeat.

    Args:
        text: see `plain_digits`.
        language: decides in which national formats a number may stand; international ones
            (``+44 …``) are found in any.
    """
    regions = _REGIONS.get(language.partition("-")[0], _ANY_LANGUAGE)
    for tried, match in enumerate(_MAY_BE_PHONE.finditer(text)):
        if tried == _MOST_TRIED:
            return
        for region in regions:
            if _is_valid(match[0], region):
                yield match.span()
                break


@cache
def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character in "＋➕﹢":
        return "+"
    if character in "－‐‑–—﹣":
        return "-"
    value = unicodedata.digit(character, None)
    return str(value) if value is not None else character


def _han_digit(character: str) -> str:
    place = _HAN_DIGITS.find(character)
    return "1" if character == "幺" else str(max(0, place - 1))


def _is_valid(candidate: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)
