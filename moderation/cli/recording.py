"""Stores what a command screened, and says where it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from moderation.queue import record_screenings
from moderation.records import open_database
from moderation.records.people import create_reviewer
from moderation.records.people_tables import Role
from moderation.settings import Settings

if TYPE_CHECKING:
    from moderation.screening import Screening


class Recorder:
    """An open database that takes screenings.

    Raises:
        DatabaseUnavailable: it cannot be opened or written; the message names the file.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = open_database(settings.effective_database_url)
        self._stored = 0
        self._jobs: set[int] = set()

    def record(self, screenings: Sequence[Screening]) -> None:
        """Stores items, assessments and verdicts, and queues what a person should see."""
        found = record_screenings(self._database, [(s.item, s) for s in screenings])
        self._stored += sum(entry.is_new for entry in found)
        self._jobs |= {entry.job_id for entry in found if entry.job_id is not None}

    def add_reviewer(self, name: str, password: str, languages: Sequence[str] = ()) -> None:
        """An account that may do everything, for the demo."""
        create_reviewer(
            self._database,
            name,
            password=password,
            languages=languages,
            roles=list(Role),
            seniority=2,
        )

    @property
    def told(self) -> str:
        """What was stored, in a sentence."""
        return (
            f"Stored {self._stored:,} new items in {self._database.name}; "
            f"{len(self._jobs):,} wait for a person (moderation dashboard)."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
