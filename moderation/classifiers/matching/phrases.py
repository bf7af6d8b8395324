"""Phrase banks: what a phrase is, and how a text is folded so that phrases are found in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation.classifiers.text.windows import readable
from moderation.errors import ModerationError
from moderation.normal_form import nfkc
from moderation.taxonomy import category as known_category

#: A phrase is between so many characters, folded. One character means too many things.
SHORTEST, LONGEST = 2, 200
#: Characters of a text in which phrases are looked for.
READ = 40_000
#: Combining marks of one letter that are looked at.
_MARKS = 8
_LANGUAGE = re.compile(r"[a-z]{2,3}")

#: Strength of a phrase that nothing is said about: enough for review, not for an action.
USUAL_STRENGTH = 0.6


class PhraseError(ModerationError):
    """A phrase cannot be taken, found or removed; the message says which and why."""


@dataclass(frozen=True, slots=True)
class NewPhrase:
    """A phrase to be put into a bank.

    Raises:
        PhraseError: too short, too long, a wrong strength or language, no source.
        UnknownCategory: the category is none of the taxonomy.
    """

    text: str
    category: str  #: a category id: what a hit means
    source: str  #: provenance: the list, partner, case or person it came from
    language: str = "und"  #: ISO 639: hits in texts of another known language do not count
    strength: float = USUAL_STRENGTH  #: probability that a hit's signal carries; a rule of thumb
    anywhere: bool = False  #: whether it counts within a longer word too
    note: str = ""
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        length = len(folded(self.text).text)
        if not SHORTEST <= length <= LONGEST:
            raise PhraseError(
                f"phrase {self.text[:40]!r}: has {length} characters after folding; give "
                f"{SHORTEST} to {LONGEST}"
            )
        known_category(self.category)
        if not self.source.strip():
            raise PhraseError(f"phrase {self.text[:40]!r}: say where it comes from (source)")
        if not 0 < self.strength <= 1:
            raise PhraseError(f"the strength is above 0 and at most 1, not {self.strength}")
        if self.language != "und" and not _LANGUAGE.fullmatch(self.language):
            raise PhraseError(f"language {self.language!r}: give an ISO 639 code (zh) or und")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase in the bank."""

    id: int
    phrase: NewPhrase
    added_by: str
    added_at: datetime
    removed_by: str = ""
    removed_at: datetime | None = None  #: when it was taken out of use

    def is_live(self, now: datetime) -> bool:
        """Whether it is in use and has not expired."""
        expires = self.phrase.expires_at
        return self.removed_at is None and (expires is None or expires > now)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text evened out for comparison, with the way back."""

    text: str
    places: Sequence[int]  #: index of each folded character in the text as written; one more: end

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of folded characters stands in the text as written."""
        return self.places[start], max(self.places[end - 1] + 1, self.places[end])


def folded(text: str) -> Folded:
    """Case, width, compatibility forms, invisible characters and runs of space made equal.

    Accents stay: they tell words apart. Only the first `READ` characters are folded.
    """
    text = readable(text[:READ])
    out: list[str] = []
    places: list[int] = []
    index = 0
    while index < len(text):
        end = index + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        form = nfkc(text[index : min(end, index + 1 + _MARKS)]).casefold()
        for character in form:
            if character.isspace():
                if out and out[-1] == " ":
                    continue
                character = " "
            elif unicodedata.category(character) in {"Cf", "Cc", "Cs", "Cn"}:
                continue
            out.append(character)
            places.append(index)
        index = end
    while out and out[-1] == " ":
        out.pop()
        places.pop()
    start = 1 if out and out[0] == " " else 0
    return Folded("".join(out[start:]), (*places[start:], len(text)))
