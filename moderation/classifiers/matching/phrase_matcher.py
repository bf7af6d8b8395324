"""Finds thousands of phrases in a text at once, as words and not within other words.

One Aho-Corasick automaton (Aho, Corasick 1975) holds all phrases. What is a word depends on the
script: where words are spaced, no letter may adjoin a hit (Korean words take endings, so there
only its beginning counts); a row of katakana is one word; in Chinese no dictionary word may
straddle an edge of a hit, so that 日本 is not found in 今日|本店; in other scripts without spaces a
hit must not cut a letter from its marks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import rjieba
from ahocorasick_rs import AhoCorasick

from moderation.classifiers.matching.phrases import Folded, Phrase, folded
from moderation.classifiers.text.language import script_of

#: Hits looked at per text, and returned per text.
_MOST_LOOKED_AT, _MOST = 2_000, 20
#: Characters on either side of a hit that are cut into words.
_AROUND = 16
_UNSPACED = frozenset({"Hani", "Kana", "Thai", "Laoo", "Khmr", "Mymr"})


@dataclass(frozen=True, slots=True)
class PhraseHit:
    """A phrase found in a text: characters ``start`` to ``end`` (one past the last)."""

    phrase: Phrase
    start: int
    end: int


class PhraseMatcher:
    """Looks for phrases in texts. Safe to use from threads.

    Args:
        phrases: what to look for.
    """

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._phrases: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            self._phrases.setdefault(folded(phrase.phrase.text).text, []).append(phrase)
        self._forms = list(self._phrases)
        self._automaton = AhoCorasick(self._forms) if self._forms else None

    def find(self, text: str, language: str = "und") -> list[PhraseHit]:
        """Hits in order, each phrase at most once; of phrases within a found one, the longest.
        Phrases that have expired do not count, and hide none.

        Args:
            text: as written.
            language: of the text; phrases of another language do not count, `und` counts as any.
        """
        if self._automaton is None:
            return []
        evened = folded(text)
        now = datetime.now(UTC)
        matches = self._automaton.find_matches_as_indexes(evened.text, overlapping=True)
        candidates = sorted(matches[:_MOST_LOOKED_AT], key=lambda m: (m[1], -m[2]))
        hits: list[PhraseHit] = []
        seen: set[int] = set()
        reached = 0
        for number, start, end in candidates:
            if end <= reached:
                continue
            fitting = [
                phrase
                for phrase in self._fitting(self._forms[number], evened, start, end, language)
                if phrase.is_live(now)
            ]
            for phrase in fitting:
                if phrase.id not in seen and len(hits) < _MOST:
                    seen.add(phrase.id)
                    hits.append(PhraseHit(phrase, *evened.written(start, end)))
            if fitting:
                reached = end
        return hits

    def _fitting(
        self, form: str, text: Folded, start: int, end: int, language: str
    ) -> Iterator[Phrase]:
        base = language.partition("-")[0]
        whole: bool | None = None
        for phrase in self._phrases[form]:
            if base != "und" and phrase.phrase.language not in {"und", base}:
                continue
            if not phrase.phrase.anywhere:
                whole = is_whole(text.text, start, end) if whole is None else whole
                if not whole:
                    continue
            yield phrase


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether characters ``start`` to ``end`` of a folded text are words of their own."""
    first, last = text[start], text[end - 1]
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if unicodedata.combining(after) or unicodedata.category(after) == "Mc":
        return False
    if _same_word(before, first) or (_same_word(last, after) and script_of(last) != "Hang"):
        return False
    if "Hani" in {script_of(first), script_of(last)}:
        return not _straddled(text, start, end)
    return True


def _same_word(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word by their letters alone."""
    if not (left.isalnum() and right.isalnum()):
        return False
    one, other = script_of(left), script_of(right)
    if one == other == "Kana":
        return _is_katakana(left) and _is_katakana(right)
    if one in _UNSPACED or other in _UNSPACED:
        return False
    return one == other or not one or not other


def _is_katakana(character: str) -> bool:
    return "\u30a0" <= character <= "\u30ff"


def _straddled(text: str, start: int, end: int) -> bool:
    offset = max(0, start - _AROUND)
    around = text[offset : end + _AROUND]
    for _, first, last in rjieba.tokenize(around, "default", False):
        for edge in (start - offset, end - offset):
            if first < edge < last:
                return True
    return False
