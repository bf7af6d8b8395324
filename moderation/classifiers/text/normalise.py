"""Other ways to read a disguised text. The text itself is never rewritten.

There is no single normaliser: each class of disguise needs its own reading, and each reading is
wrong somewhere ("威信" may be the app or *prestige*; "女子" may be 好 or *woman*). So readings are
candidates with the transformation recorded; the model scores original and candidates in their
context, and only a candidate that the model itself finds harmful may raise a score.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from moderation.classifiers.text.disguises import disguises
from moderation.classifiers.text.emoji_words import words_for_emoji
from moderation.classifiers.text.language import LanguageIdentifier, chinese_variant, script_of
from moderation.normal_form import nfkc

#: Longest text that readings are made of; longer ones are seldom disguised throughout.
LONGEST = 2_000

_LEET = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD = re.compile(
    r"(?<![\w@$!|])(?=[\w@$!|]*[a-zA-Z])(?=[\w@$!|]*[013457@$!|][a-zA-Z])[\w@$!|]{3,24}"
)
#: "@name" addresses somebody; only these beginnings hide an a.
_MENTION = re.compile(r"@(?!ss|nal)\w+\Z", re.IGNORECASE)
_GAP = r"[\s._\-*/·•~^+|❤♥❣✨★☆♡💕💖💗]{1,3}\ufe0f?"
_SPACED_LATIN = re.compile(rf"(?<![^\W_])(?:[^\W\d_]{_GAP}){{2,15}}[^\W\d_](?![^\W_])")
_SPACED_PAIR = re.compile(r"(?<![^\W_])([vVqQwW])[\s._\-*/·]([xXqQ])(?![^\W_])")
_HAN_GAP = re.compile(
    r"(?<=[\u4e00-\u9fff])[._\-*/·•~^+|#❤♥✨★☆♡💕💖💗\U0001f300-\U0001faff]{1,3}\ufe0f?"
    r"(?=[\u4e00-\u9fff])"
)
_HEART_FOR_CHARACTER = re.compile(r"(?<=[vV薇微维威])[❤♥]\ufe0f?(?!信)")
#: Squared and circled letters that NFKC leaves as they are.
_SIGNS_OF_LETTERS = {
    **{0x1F170 + i: chr(97 + i) for i in range(26)},
    **{0x1F150 + i: chr(97 + i) for i in range(26)},
    **{0x1F1E6 + i: chr(97 + i) for i in range(26)},
}
_LOOKALIKES = str.maketrans(
    "асеорхуіјѕһԁɡʟɴᴀᴇᴏνοαειτκβηАВЕКМНОРСТХУІЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧԚԜ",
    "aceopxyijshdglnaeovoaeitkbnABEKMHOPCTXYISABEZHIKMNOPTYXQW",
)


#: Latin look-alikes of Cyrillic letters, for Cyrillic words.
_LATIN_AS_CYRILLIC = str.maketrans("aceopxykABEKMHOPCTXY", "асеорхукАВЕКМНОРСТХУ")
#: Letters with strokes, which have no decomposition.
_STROKES = {"ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "ħ": "h", "ŧ": "t"}
_EMOJI_READ = "emoji read as words"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read in another way, and how it came about."""

    text: str
    transformations: tuple[str, ...]  #: in words for the reviewer, in the order applied
    written: str = ""  #: the text as it was written

    @property
    def by_meaning(self) -> bool:
        """Whether it rests on slang, sounds or parts of characters: a guess to be judged."""
        return any(name in _MEANING_NAMES for name in self.transformations)

    @property
    def note(self) -> str:
        """One line for the reviewer: what was done, and the words that it changed in both forms."""
        written, read = _where_they_differ(self.written, self.text)
        return f"read with {', '.join(self.transformations)}: “{written}” as “{read}”"


@lru_cache(maxsize=512)
def readings(text: str, language: str = "und") -> tuple[Reading, ...]:
    """Readings that differ from the text in more than what the tokenizer evens out anyway.

    At most three: one by the look of characters, one that also reads Chinese disguises and slang,
    and one that reads emoji as words before all that. Empty for text that is not disguised, which
    is nearly all text.
    """
    if not text or len(text) > LONGEST or len(nfkc(text)) > 2 * LONGEST:
        return ()  # one sign may stand for eighteen letters
    found = _staged(text, language, text, [], {_evened(text)})
    spoken = words_for_emoji(text)
    if _evened(spoken) != _evened(text.replace("\ufe0f", "")):
        seen = {_evened(text), *(_evened(reading.text) for reading in found)}
        found += _staged(text, language, spoken, [_EMOJI_READ], seen)[-1:]
    return tuple(found)


def _staged(
    text: str, language: str, current: str, done: list[str], seen: set[str]
) -> list[Reading]:
    """The readings that differ, after each stage; ``current`` is what the first stage reads."""
    found: list[Reading] = []
    for stage in (_BY_LOOK, _BY_MEANING):
        if stage is _BY_MEANING and not _may_hide_meaning(current, language):
            break
        for name, transform in stage:
            changed = transform(current)
            if _evened(changed) != _evened(current):
                done.append(name)
            current = changed
        if done and _evened(current) not in seen:
            seen.add(_evened(current))
            found.append(Reading(current, tuple(done), text))
    return found


def _where_they_differ(written: str, read: str, most: int = 80) -> tuple[str, str]:
    """The stretch of both texts that holds all that differs, in whole words, cut at `most`."""
    short = min(len(written), len(read))
    front = next((i for i in range(short) if written[i] != read[i]), short)
    rest = short - front
    back = next((i for i in range(rest) if written[-1 - i] != read[-1 - i]), rest)
    while front and _is_latin(written[front - 1]):
        front -= 1
    while back and _is_latin(written[-back]):
        back -= 1
    if len(written) == front + back or len(read) == front + back:
        front, back = max(0, front - 1), max(0, back - 1)
    return tuple(
        part if len(part) <= most else part[:most] + "…"
        for part in (text[front : len(text) - back] for text in (written, read))
    )  # type: ignore[return-value]


def _is_latin(character: str) -> bool:
    return character.isalnum() and script_of(character) != "Hani"


def latin_lookalikes(text: str) -> str:
    """Cyrillic and Greek letters that look like Latin ones, made Latin."""
    return text.translate(_LOOKALIKES)


def pinyin_key(text: str) -> str:
    """Toneless sounds of the Chinese characters, with sounds that are often mixed up made equal."""
    import pypinyin

    syllables = pypinyin.lazy_pinyin([c for c in text if script_of(c) == "Hani"])
    return " ".join(_even_sound(syllable) for syllable in syllables)


def _evened(text: str) -> str:
    """The text as the tokenizer's own normalisation leaves it, capitals aside."""
    return " ".join(nfkc(text).split()).casefold()


def _may_hide_meaning(text: str, language: str) -> bool:
    return language in {"zh", "en", "und"} or any(script_of(c) == "Hani" for c in text)


def _without_marks(text: str) -> str:
    """Without strokes and accents that no language puts there, and without invisible signs."""
    kept: list[str] = []
    for c in nfkc(text.translate(_SIGNS_OF_LETTERS)):
        kind = unicodedata.category(c)
        if kind in {"Me", "Cf", "Co", "Cn"}:
            continue
        if kind == "Mn" and kept and script_of(kept[-1]) in {"Latn", "Cyrl", "Hani", ""}:
            continue
        kept.append(c)
    return "".join(kept)


def _one_script(text: str) -> str:
    """Words that mix scripts, in one: look-alikes from Cyrillic and Greek made Latin, or Latin ones
    made Cyrillic where the word has letters that only Cyrillic has."""

    def word(match: re.Match[str]) -> str:
        letters = match[0]
        scripts = {script_of(c) for c in letters} - {""}
        if "Latn" not in scripts or len(scripts) == 1:
            return letters
        if any(script_of(c) == "Cyrl" and ord(c) not in _LOOKALIKES for c in letters):
            return letters.translate(_LATIN_AS_CYRILLIC)
        return letters.translate(_LOOKALIKES)

    if not any(script_of(c) in {"Cyrl", "Grek"} for c in text):
        return text
    return re.sub(r"[^\W\d_]+", word, text)


@cache
def _languages() -> LanguageIdentifier:
    return LanguageIdentifier()


def _without_accents(text: str) -> str:
    """English has hardly any accents: text that is English without them is read without."""
    if text.isascii():
        return text
    plain = "".join(map(_base_letter, text))
    if plain == text:
        return text
    guess = _languages().guess(plain)
    return plain if guess.language == "en" else text


@lru_cache(maxsize=4096)
def _base_letter(character: str) -> str:
    if script_of(character) != "Latn":
        return character
    decomposed = unicodedata.normalize("NFD", character)
    return _STROKES.get(character, decomposed[0] if decomposed else character)


def _joined(text: str) -> str:
    """Single letters or Chinese characters that are held apart, put together."""
    text = _SPACED_LATIN.sub(lambda m: re.sub(_GAP, "", m[0]), text)
    text = _SPACED_PAIR.sub(r"\1\2", text)
    text = _HEART_FOR_CHARACTER.sub("信", text)
    return _HAN_GAP.sub("", text)


def _letters_for_digits(text: str) -> str:
    def word(match: re.Match[str]) -> str:
        found = match[0]
        if _MENTION.match(found):
            return found
        letters = sum(c.isalpha() for c in found)
        return found.translate(_LEET) if letters * 2 >= len(found) else found

    return _LEET_WORD.sub(word, text)


def _calm(text: str) -> str:
    """Latin letters that are repeated four times or more, once."""
    return re.sub(r"([a-zA-Z])\1{3,}", r"\1", text)


@cache
def _simplifier() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def _simplified(text: str) -> str:
    """Traditional characters within simplified text; one all in traditional is no disguise."""
    return _simplifier()(text) if chinese_variant(text) == "Hans" else text


@cache
def _parts() -> tuple[re.Pattern[str], dict[str, str]]:
    whole = {parts: character for character, parts in disguises().parts.items()}
    # "女子" and "日月" are words; only parts with a component that never stands alone are sure.
    return re.compile("|".join(sorted(map(re.escape, whole), key=len, reverse=True))), whole


def _whole_characters(text: str) -> str:
    pattern, whole = _parts()
    return pattern.sub(lambda m: whole[m[0]], text)


@cache
def _plain_shapes() -> dict[int, str]:
    plain = {c: p for p, shapes in disguises().shapes.items() for c in shapes if ord(c) > 0x7F}
    # Characters that are common in their own right stay: 看, 買, 賣 are read by `_simplified`.
    return {ord(c): p for c, p in plain.items() if c not in "浅看枷裙瞰您妳祢"}


def _plain_characters(text: str) -> str:
    return text if chinese_variant(text) == "Hant" else text.translate(_plain_shapes())


@cache
def _slang() -> tuple[re.Pattern[str], dict[str, str]]:
    table = {k.casefold(): v for k, v in disguises().slang.items()}
    forms = (
        re.escape(k)
        if any(script_of(c) == "Hani" for c in k)
        else rf"(?<![a-z]){re.escape(k)}(?![a-z])"
        for k in sorted(table, key=len, reverse=True)
    )
    return re.compile("|".join(forms), re.IGNORECASE), table


def _slang_spelled_out(text: str) -> str:
    pattern, table = _slang()
    return pattern.sub(lambda m: table[m[0].casefold()], text)


#: Latin letters that touch a Chinese character on one side at least.
_SPELLED = re.compile(
    r"(?<=[\u4e00-\u9fff])[a-zA-Z]{2,6}(?![a-zA-Z])"
    r"|(?<![a-zA-Z])[a-zA-Z]{2,6}(?=[\u4e00-\u9fff])"
)
_MIXED_UP = (("zh", "z"), ("sh", "s"), ("ch", "c"), ("ang", "an"), ("eng", "en"), ("ing", "in"))


def _even_sound(syllable: str) -> str:
    for one, other in _MIXED_UP:
        syllable = syllable.replace(one, other)
    return syllable


@lru_cache(maxsize=1 << 14)
def _sound(character: str) -> str:
    import pypinyin

    return _even_sound(pypinyin.lazy_pinyin(character)[0])


@cache
def _by_sound() -> dict[str, str]:
    return {pinyin_key(word): word for word in disguises().sounds}


def _syllables(text: str) -> list[tuple[int, int, str]]:
    """Start, end and evened sound of Chinese characters, and of Latin letters beside them that
    may spell one: 约炮 is also written yue炮."""
    spelled = {m.start(): m for m in _SPELLED.finditer(text)}
    found = [(i, i + 1, _sound(c)) for i, c in enumerate(text) if script_of(c) == "Hani"]
    found += [(i, m.end(), _even_sound(m[0].lower())) for i, m in spelled.items()]
    return sorted(found)


def _same_sound(text: str) -> str:
    """Stretches that sound like a word of the list are read as it."""
    syllables = _syllables(text)
    table = _by_sound()
    out: list[str] = []
    done = at = 0
    while at < len(syllables):
        length = next((n for n in (4, 3, 2) if _sounding(syllables[at : at + n], n, table)), 0)
        if not length:
            at += 1
            continue
        stretch = syllables[at : at + length]
        out += [text[done : stretch[0][0]], table[" ".join(sound for _, _, sound in stretch)]]
        done = stretch[-1][1]
        at += length
    return "".join([*out, text[done:]])


def _sounding(stretch: list[tuple[int, int, str]], length: int, table: dict[str, str]) -> bool:
    if len(stretch) < length or " ".join(sound for _, _, sound in stretch) not in table:
        return False
    return all(one[1] == other[0] for one, other in pairwise(stretch))


Stage = tuple[tuple[str, Callable[[str], str]], ...]
_BY_LOOK: Stage = (
    ("marks removed", _without_marks),
    ("one script per word", _one_script),
    ("accents removed", _without_accents),
    ("separators removed", _joined),
    ("letters for digits", _letters_for_digits),
    ("repeats removed", _calm),
)
_BY_MEANING: Stage = (
    ("parts put together", _whole_characters),
    ("plain characters", _plain_characters),
    ("simplified characters", _simplified),
    ("slang spelled out", _slang_spelled_out),
    ("words of the same sound", _same_sound),
)
_MEANING_NAMES = frozenset(name for name, _ in _BY_MEANING) - {"simplified characters"} | {
    _EMOJI_READ
}
