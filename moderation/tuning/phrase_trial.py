"""What a phrase would hit, told before it is kept: among stored items, and in harmless text.

The harmless text is the project's own: rows of the seed corpus without any violation, of which
many are look-alikes of violations written for this purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import exists, select
from sqlmodel import col

from moderation.classifiers.matching.known_phrases import FoundPhrase, find_phrases
from moderation.classifiers.matching.phrase_matcher import PhraseMatcher
from moderation.classifiers.matching.phrases import NewPhrase, Phrase
from moderation.records import Database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Job
from moderation.tuning.intervals import Proportion

#: Stored items looked at, newest first, and harmless texts.
STORED, HARMLESS = 5_000, 2_000
#: Examples kept per phrase and kind.
EXAMPLES = 5
#: Characters shown before and after a hit.
_AROUND = 30


@dataclass(frozen=True, slots=True)
class Example:
    """A hit in its context."""

    where: str  #: the item's id, or the language of the harmless text
    before: str
    hit: str
    after: str
    reading: str  #: how it was read, where the text is disguised; else empty


@dataclass(slots=True)
class Hits:
    """What one phrase hit in one collection of texts."""

    texts: int = 0  #: looked at
    hits: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def share(self) -> Proportion:
        """The share of texts hit."""
        return Proportion(self.hits, self.texts)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one phrase would hit."""

    phrase: NewPhrase
    stored: Hits
    harmless: Hits

    @property
    def is_doubtful(self) -> bool:
        """Whether a person should look before it is kept: it hits harmless text, or much."""
        much = self.stored.hits > 5 and self.stored.hits > 0.01 * self.stored.texts
        return self.harmless.hits > 0 or much


@dataclass(frozen=True, slots=True)
class TrialText:
    """A text to try phrases on."""

    where: str
    text: str
    language: str
    quoted: bool = True  #: False: its hits count, and none of its words are shown


def try_phrases(
    phrases: Sequence[NewPhrase], stored: Iterable[TrialText], harmless: Iterable[TrialText]
) -> list[Trial]:
    """One trial per phrase, in order; all phrases are looked for at once."""
    now = datetime.now(UTC)
    matcher = PhraseMatcher([Phrase(n, phrase, "", now) for n, phrase in enumerate(phrases)])
    trials = [Trial(phrase, Hits(), Hits()) for phrase in phrases]
    for texts, collection in ((stored, "stored"), (harmless, "harmless")):
        own: list[Hits] = [getattr(trial, collection) for trial in trials]
        for text in texts:
            for hits in own:
                hits.texts += 1
            for found in find_phrases(matcher, text.text, text.language):
                hits = own[found.hit.phrase.id]
                hits.hits += 1
                if text.quoted and len(hits.examples) < EXAMPLES:
                    hits.examples.append(_example(text, found))
    return trials


def _example(text: TrialText, found: FoundPhrase) -> Example:
    written = text.text
    return Example(
        text.where,
        written[max(0, found.start - _AROUND) : found.start],
        written[found.start : found.end],
        written[found.end : found.end + _AROUND],
        found.reading.note if found.reading else "",
    )


def stored_texts(database: Database, limit: int = STORED) -> Iterator[TrialText]:
    """The texts of items whose content is still stored, newest first, one text per item. Items that
    are or were cases of the highest severity are for those who work on them, and not quoted."""
    severe = exists().where(col(Job.item_key) == col(StoredItem.key), col(Job.severity) == 0)
    query = (
        select(col(StoredItem.id), col(StoredItem.language), col(StoredItem.snapshot), severe)
        .where(col(StoredItem.snapshot).is_not(None))
        .order_by(col(StoredItem.key).desc())
        .limit(limit)
    )
    with database.read() as session:
        for number, language, snapshot, hidden in session.execute(query).yield_per(500):
            parts = [*snapshot.get("texts", ()), *snapshot.get("turns", ())]
            text = "\n".join(str(part.get("text", "")) for part in parts)
            if text:
                yield TrialText(number, text, language, quoted=not hidden)


def harmless_texts(limit: int = HARMLESS) -> Iterator[TrialText]:
    """Texts of the seed corpus without any violation, twins of violations first."""
    from moderation.tuning.training_rows import read_seed  # brings torch, which takes seconds

    rows = [
        row
        for kept_back in (True, False)
        for row in read_seed(kept_back=kept_back)
        if not any(row.labels.values())
    ]
    rows.sort(key=lambda row: not row.twin)
    for row in islice(rows, limit):
        yield TrialText(row.language, row.text, row.language)
