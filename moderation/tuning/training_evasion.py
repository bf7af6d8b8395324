"""Disguises of text for training: put on harmful and harmless text alike.

A model that sees disguise on harmful text only learns that disguise is harm. Names, digits and
hosts of the seed corpus are made-up placeholders and are replaced at random for the same reason.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache

from moderation.classifiers.text.disguises import disguises
from moderation.classifiers.text.language import script_of

_LEET = {
    "a": "@4",
    "e": "3",
    "i": "1!",
    "o": "0",
    "s": "$5",
    "t": "7",
    "l": "1",
    "u": "v*",
    "g": "9",
}
_CYRILLIC = dict(zip("aceopxyiBHKMTAECOPX", "асеорхуіВНКМТАЕСОРХ", strict=True))
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_SEPARATORS = (".", "_", "-", " ", "*", "/", "·", "❤️", "✨", "💰", "🔥")
_STROKES = "\u0336\u0337\u0335\u0301\u0308"

_DIGITS = re.compile(r"\d{3,}|(?<=[\dx-])0{2,}")
_HOST = re.compile(
    r"\b(?:[\w-]+\.)?(?:example|sample|test)\.(?:com|net|org|invalid|test)\b"
    r"|\b[\w-]+\.(?:example|invalid|test)\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"\b(\w{2,})(?:_ex|_ej|_bsp|_sample|_demo|_test|sample|example)\b")
_TLDS = ("com", "net", "cc", "top", "vip", "xyz", "shop", "io", "me", "info", "co", "app")


def disguise(text: str, rng: random.Random) -> str:
    """The text in one or two of the disguises that fit its script, on part of its characters."""
    han = sum(script_of(c) == "Hani" for c in text[:200])
    ways = _CHINESE if han >= 3 else _ALPHABETIC
    for way in rng.sample(ways, k=1 if rng.random() < 0.7 else 2):
        text = way(text, rng)
    return text


def vary_placeholders(text: str, rng: random.Random) -> str:
    """Made-up digits, hosts and handles replaced by other made-up ones."""
    text = _DIGITS.sub(lambda m: "".join(rng.choice("0123456789") for _ in m[0]), text)
    text = _HOST.sub(
        lambda _: f"{_word(rng)}{rng.choice(('', _word(rng)))}.{rng.choice(_TLDS)}", text
    )
    return _HANDLE.sub(lambda m: f"{m[1]}{rng.choice(('', '_', '.'))}{rng.randrange(999)}", text)


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("aeioubcdfghklmnprstvz") for _ in range(rng.randint(3, 6)))


def _each(share: float, change: Callable[[str, random.Random], str]) -> Callable[..., str]:
    """A disguise that changes characters one by one, each with the same chance."""

    def way(text: str, rng: random.Random) -> str:
        chance = share * rng.uniform(0.4, 1.6)
        return "".join(change(c, rng) if rng.random() < chance else c for c in text)

    return way


def _words(share: float, change: Callable[[str, random.Random], str]) -> Callable[..., str]:
    """A disguise that changes whole words."""

    def way(text: str, rng: random.Random) -> str:
        return re.sub(
            r"[^\W\d_]{3,}", lambda m: change(m[0], rng) if rng.random() < share else m[0], text
        )

    return way


def _spread(word: str, rng: random.Random) -> str:
    return rng.choice(_SEPARATORS).join(word)


def _stretch(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + word[at] * rng.randint(2, 5) + word[at + 1 :]


def _star(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word))
    return word[:at] + rng.choice("*#_@x") + word[at + 1 :]


def _styled(word: str, rng: random.Random) -> str:
    small, large = rng.choice(((0x1D5EE, 0x1D5D4), (0x1D41A, 0x1D400), (0xFF41, 0xFF21)))
    return "".join(
        chr(small + ord(c) - 97)
        if "a" <= c <= "z"
        else chr(large + ord(c) - 65) if "A" <= c <= "Z" else c
        for c in word
    )  # fmt: skip


def _emoji(text: str, rng: random.Random) -> str:
    for plain, sign in disguises().signs.items():
        if rng.random() < 0.7:
            text = text.replace(plain, sign)
    return text


def _to_traditional(text: str, rng: random.Random) -> str:
    del rng
    return _converter()(text)


@cache
def _converter() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("s2t").convert
    return convert


@cache
def _homophones() -> dict[str, tuple[str, ...]]:
    """Character → common characters of the same sound (tone aside)."""
    import pypinyin

    by_sound: dict[str, list[str]] = defaultdict(list)
    # GB 2312 level 1: the 3,755 most common characters, in the order of their sounds.
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                character = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            by_sound[pypinyin.lazy_pinyin(character)[0]].append(character)
    return {c: tuple(x for x in own if x != c) for own in by_sound.values() for c in own}


def _homophone(character: str, rng: random.Random) -> str:
    others = _homophones().get(character)
    return rng.choice(others) if others else character


def _pinyin(character: str, rng: random.Random) -> str:
    if script_of(character) != "Hani":
        return character
    import pypinyin

    sound: str = pypinyin.lazy_pinyin(character)[0]
    return sound if rng.random() < 0.7 else sound[0]


def _between(text: str, rng: random.Random) -> str:
    sign = rng.choice((*_SEPARATORS, *_INVISIBLE))
    return re.sub(
        r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])",
        lambda _: sign if rng.random() < 0.4 else "",
        text,
    )


_ALPHABETIC: list[Callable[[str, random.Random], str]] = [
    _each(0.25, lambda c, r: r.choice(_LEET[c.lower()]) if c.lower() in _LEET else c),
    _each(0.35, lambda c, r: _CYRILLIC.get(c, c)),
    _each(0.2, lambda c, r: c + r.choice(_INVISIBLE)),
    _each(0.4, lambda c, r: c + r.choice(_STROKES) if c.isalpha() else c),
    _each(0.5, lambda c, r: c.swapcase()),
    _words(0.3, _spread),
    _words(0.4, _stretch),
    _words(0.3, _star),
    _words(0.5, _styled),
    _words(0.15, lambda w, r: w[::-1]),
    _words(0.25, lambda w, r: w[0] + re.sub("[aeiou]", "", w[1:])),
    _emoji,
]
_CHINESE: list[Callable[[str, random.Random], str]] = [
    _each(0.25, _homophone),
    _each(0.25, _homophone),
    _each(0.5, lambda c, r: disguises().parts.get(c, c)),
    _each(0.5, lambda c, r: r.choice(disguises().shapes.get(c, c))),
    _each(0.2, _pinyin),
    _each(0.2, lambda c, r: c + r.choice(_INVISIBLE)),
    _between,
    _emoji,
    _to_traditional,
]
