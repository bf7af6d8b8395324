"""Changes of phrase banks, each with its entry in the audit log: who, and how many or which number.

The phrases themselves never enter the log: its entries are never deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.matching.phrases import NewPhrase
from moderation.records import Database, audit
from moderation.tuning.phrase_trial import STORED, Trial, harmless_texts, stored_texts, try_phrases


@dataclass(frozen=True, slots=True)
class PhraseBank:
    """The phrases of an installation, and where their changes are noted."""

    store: PhraseStore
    database: Database

    def test(self, phrases: Sequence[NewPhrase], by: str, *, stored: int = STORED) -> list[Trial]:
        """What phrases would hit among the newest stored items and in harmless text; one trial per
        phrase. Nothing is kept. Excerpts of stored items are read, so it is noted.

        Args:
            by: who asks.
            stored: how many stored items are looked through, newest first.
        """
        trials = try_phrases(phrases, stored_texts(self.database, stored), harmless_texts())
        looked = max((trial.stored.texts for trial in trials), default=0)
        self._note(
            by,
            "phrases_tested",
            "phrases",
            {
                "phrases": len(trials),
                "items": looked,
                "hits": sum(trial.stored.hits for trial in trials),
                "categories": sorted({trial.phrase.category for trial in trials}),
            },
        )
        return trials

    def add(self, phrases: Sequence[NewPhrase], by: str) -> int:
        """Keep phrases; how many were new.

        Raises:
            PhraseError: the file of the phrases cannot be written.
        """
        added = self.store.add(phrases, by)
        categories = sorted({phrase.category for phrase in phrases})
        self._note(by, "phrases_added", "phrases", {"added": added, "categories": categories})
        return added

    def remove(self, number: int, by: str) -> None:
        """Take a phrase out of use; `restore` brings it back.

        Raises:
            PhraseError: there is none with that number in use.
        """
        self.store.remove(number, by)
        self._note(by, "phrase_removed", f"phrase:{number}", {})

    def restore(self, number: int, by: str) -> None:
        """Take a removed phrase into use again.

        Raises:
            PhraseError: it is none that was removed, has expired, or is there under another number.
        """
        self.store.restore(number)
        self._note(by, "phrase_restored", f"phrase:{number}", {})

    def expire(self, number: int, expires_at: datetime | None, by: str) -> None:
        """Say until when a phrase counts; None is for ever.

        Raises:
            PhraseError: there is none with that number in use.
        """
        self.store.expire(number, expires_at)
        until = None if expires_at is None else expires_at.isoformat(timespec="seconds")
        self._note(by, "phrase_expiry", f"phrase:{number}", {"expires": until})

    def _note(self, by: str, action: str, subject: str, detail: dict[str, Any]) -> None:
        with self.database.write() as session:
            now = self.database.now(session)
            audit.append(session, at=now, actor=by, action=action, subject=subject, detail=detail)
