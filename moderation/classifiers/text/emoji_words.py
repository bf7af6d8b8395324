"""Emoji read as the words that they stand for: 舔🐶, 赚💰, "I will 🔪 you".

Most emoji adorn. So one is read only where it stands in a word's place: before a Chinese
character, after one or two that stand alone, or between two words in Latin letters, and never in
a row of emoji.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

_HAN = r"\u4e00-\u9fff"
_EMOJI = r"\u2600-\u27bf\u2b50\U0001f300-\U0001faff"
_PERSON = r"(?:you|u|ur|your|yourself|him|her|them|me|myself|himself|herself|everyone|every)"
_VARIANT = "\ufe0f"


def words_for_emoji(text: str) -> str:
    """The text with emoji that stand in a word's place read as that word."""
    if text.isascii() or not re.search(f"[{_EMOJI}]", text):
        return text
    text = text.replace(_VARIANT, "")
    for pattern, words in _tables():
        text = pattern.sub(lambda match, words=words: words[match["sign"]], text)  # type: ignore[misc]
    return text


@cache
def _tables() -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    path = Path(__file__).with_name("emoji.yaml")
    tables = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    chinese, latin, deeds = (
        {str(sign).replace(_VARIANT, ""): str(word) for sign, word in tables[name].items()}
        for name in ("chinese", "latin", "latin_deeds")
    )
    alone = rf"(?<![{_EMOJI}])(?P<sign>{_any_of(chinese)})(?![{_EMOJI}])"
    befores = (rf"(?<={edge}[{_HAN}]{{{n}}})" for edge in (rf"[^{_HAN}]", r"\A") for n in (1, 2))
    last = f"(?:{'|'.join(befores)})"
    return (
        (re.compile(rf"{alone}(?=[{_HAN}]|[vV](?![a-zA-Z]))"), chinese),
        (re.compile(rf"{last}{alone}"), chinese),
        (re.compile(rf"(?<=[a-z]\s)(?P<sign>{_any_of(latin)})(?=\s[a-z])", re.IGNORECASE), latin),
        (re.compile(rf"(?P<sign>{_any_of(deeds)})(?=\s{_PERSON}\b)", re.IGNORECASE), deeds),
    )


def _any_of(table: Mapping[str, str]) -> str:
    return "|".join(sorted(map(re.escape, table), key=len, reverse=True))
