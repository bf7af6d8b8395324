"""Stores what the service screened. Database work runs in threads; the event loop never waits."""

from __future__ import annotations

import asyncio

from moderation.errors import ModerationError
from moderation.queue import QueueRules, record_screening
from moderation.records import Database, open_database
from moderation.screening import Screening
from moderation.settings import Settings


class Recording:
    """An open database that takes screenings, one transaction each."""

    def __init__(self, database: Database, rules: QueueRules | None = None) -> None:
        self.database = database
        self.rules = rules or QueueRules()

    @classmethod
    def open(cls, settings: Settings) -> Recording:
        """As configured.

        Raises:
            DatabaseUnavailable: it cannot be opened or written; the message names the file.
            RulesRefused: the setting `queue_rules` is wrong.
        """
        rules = QueueRules.of(settings.queue_rules)
        return cls(open_database(settings.effective_database_url), rules)

    async def record(self, screening: Screening) -> int | None:
        """Stores it; the id of the job that waits for a person, if one does. A private message that
        may not be looked at is not kept either, unless a rule asks for a person."""
        if not screening.scanned and not screening.needs_review:
            return None
        recorded = await asyncio.to_thread(
            record_screening, self.database, screening.item, screening, rules=self.rules
        )
        return recorded.job_id

    def problem(self) -> str | None:
        """Why nothing can be stored just now, or None."""
        try:
            self.database.check_writable()
        except ModerationError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Gives the connections back."""
        self.database.close()
