"""Stores what a command screened, and says where it went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Self

from moderation.queue import QueueRules, record_screenings
from moderation.records import Database, open_database
from moderation.records.people import create_reviewer
from moderation.records.people_tables import Role
from moderation.records.strikes import strikes_of
from moderation.settings import Settings
from moderation.tuning.policy_in_force import PolicyInForce

if TYPE_CHECKING:
    from moderation.screening import Screener, Screening


def recorded_screener(
    settings: Settings, database: Database | None, *, keep: bool = True
) -> Screener:
    """A screener that judges by the version in force in a database; by the folder's packs where
    there is no database.

    Args:
        keep: keep the files of the folder in the database, so that every hash can be resolved.

    Raises:
        ModelUnavailable: a model cannot be loaded.
        PackError: nothing can be put into force.
    """
    from moderation.screening import Screener  # loads torch

    if database is None:
        return Screener.from_settings(settings)
    policy = PolicyInForce(database, settings.policies_dir, today=settings.policy_date, keep=keep)
    return Screener.from_settings(settings, policy=policy, strikes=partial(strikes_of, database))


def look_again(screener: Screener) -> None:
    """Between two batches: a version that went live meanwhile judges the next one."""
    if isinstance(screener.policy, PolicyInForce):
        screener.policy.refresh()


class Recorder:
    """An open database that takes screenings.

    Raises:
        DatabaseUnavailable: it cannot be opened or written; the message names the file.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules = QueueRules.of(settings.queue_rules)
        self.database = open_database(settings.effective_database_url)
        self._stored = 0
        self._jobs: set[int] = set()

    def record(self, screenings: Sequence[Screening]) -> None:
        """Stores items, assessments and verdicts, and queues what a person should see. Private
        messages that may not be looked at are not kept."""
        kept = [s for s in screenings if s.scanned or s.needs_review]
        found = record_screenings(self.database, [(s.item, s) for s in kept], rules=self._rules)
        self._stored += sum(entry.is_new for entry in found)
        self._jobs |= {entry.job_id for entry in found if entry.job_id is not None}

    def add_reviewer(self, name: str, password: str, languages: Sequence[str] = ()) -> None:
        """An account that may do everything, for the demo."""
        create_reviewer(
            self.database,
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
            f"Stored {self._stored:,} new items in {self.database.name}; "
            f"{len(self._jobs):,} wait for a person (moderation dashboard)."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
