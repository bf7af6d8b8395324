"""The classifier of the phrase banks: hits in a text as written, and in its readings.

A reading undoes a disguise. One by the look of characters (marks, separators, look-alikes) is as
good as the text. One by meaning (slang, sounds, split characters) is a guess that only a model can
judge in its context, so a hit in it stays below the review threshold by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.matching.phrase_matcher import PhraseHit, PhraseMatcher
from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.text.evidence import span
from moderation.classifiers.text.normalise import Reading, readings
from moderation.settings import Settings
from moderation.signals import BankMatch, Signal

#: Highest probability of a hit that stands only in a reading by meaning.
GUESSED = 0.45
BANK = "phrases"


@dataclass(frozen=True, slots=True)
class FoundPhrase:
    """A hit in a text as written: characters ``start`` to ``end``; in a reading, what it read."""

    hit: PhraseHit
    start: int
    end: int
    reading: Reading | None = None

    @property
    def probability(self) -> float:
        """The phrase's strength, held down where the reading is a guess."""
        strength = self.hit.phrase.phrase.strength
        guessed = self.reading is not None and self.reading.by_meaning
        return min(strength, GUESSED) if guessed else strength


def find_phrases(matcher: PhraseMatcher, text: str, language: str = "und") -> list[FoundPhrase]:
    """Hits of phrases in a text and in its readings, each phrase once, as written first."""
    found = [FoundPhrase(hit, hit.start, hit.end) for hit in matcher.find(text, language)]
    known = {found_phrase.hit.phrase.id for found_phrase in found}
    for reading in readings(text, language):
        for hit in matcher.find(reading.text, language):
            if hit.phrase.id not in known:
                known.add(hit.phrase.id)
                start, end = place_as_written(text, reading.text, hit.start, hit.end)
                found.append(FoundPhrase(hit, start, end, reading))
    return found


def place_as_written(text: str, read: str, start: int, end: int) -> tuple[int, int]:
    """The characters of a text that hold what stands at ``start`` to ``end`` of its reading.

    What both have in common at the front and at the end is counted off; the place lies between,
    so it may be wider than it need be, and never misses.
    """
    front = _in_common(text, read)
    back = _in_common(text[front:][::-1], read[front:][::-1])
    first = start if start <= front else front
    from_end = len(read) - end
    last = len(text) - (from_end if from_end <= back else back)
    return first, max(last, first + 1)


def _in_common(one: str, other: str) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


class KnownPhraseClassifier:
    """One `known_phrase` signal per text and phrase. Notices when the bank changes.

    Args:
        store: the phrases.
    """

    name = "phrases"
    version = "1"

    def __init__(self, store: PhraseStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[int, int], PhraseMatcher, frozenset[str]] | None = None

    @property
    def categories(self) -> frozenset[str]:
        """The categories of the phrases that there are now."""
        return self._current()[2]

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`."""
        _, matcher, categories = self._current()
        if not categories:
            return [[] for _ in batch]
        return [
            [signal for text in entry.texts for signal in self._of_text(matcher, text)]
            for entry in batch
        ]

    def _of_text(self, matcher: PhraseMatcher, located: LocatedText) -> Iterator[Signal]:
        for found in find_phrases(matcher, located.text, located.language):
            entry = found.hit.phrase
            where = span(located.text, found.start, found.end)
            match = BankMatch(bank=BANK, entry=str(entry.id), distance=0)
            boxes = () if located.box is None else (located.box,)
            yield Signal(
                name="known_phrase",
                category=entry.phrase.category,
                probability=found.probability,
                part=located.part,
                evidence=(where, match, *boxes),
                model=self.name,
                model_version=self.version,
                note=_note(found)[:2000],
            )

    def _current(self) -> tuple[tuple[int, int], PhraseMatcher, frozenset[str]]:
        version = self._store.version()
        with self._lock:
            if self._loaded is None or self._loaded[0] != version:
                phrases = self._store.phrases()
                categories = frozenset(phrase.phrase.category for phrase in phrases)
                self._loaded = (version, PhraseMatcher(phrases), categories)
            return self._loaded


def _note(found: FoundPhrase) -> str:
    phrase = found.hit.phrase.phrase
    said = f"phrase {phrase.text!r} from {phrase.source}"
    if phrase.note:
        said += f": {phrase.note}"
    return f"{said}; {found.reading.note}" if found.reading else said


def known_phrases(settings: Settings) -> KnownPhraseClassifier:
    """The classifier of the phrases in the data folder."""
    return KnownPhraseClassifier(PhraseStore.from_settings(settings))
