"""What is being recorded: a screening, and what became of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from moderation.queue.near_copies import Likeness
from moderation.queue.opening import Copyable
from moderation.records.item_store import PreparedItem
from moderation.signals import Assessment


class VerdictLike(Protocol):
    """What the records need of a `moderation.policy.Verdict`."""

    @property
    def action(self) -> str: ...
    @property
    def needs_review(self) -> bool: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def severity(self) -> Any: ...
    @property
    def sla_minutes(self) -> int | None: ...
    @property
    def policy_hash(self) -> str: ...
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


class ScreeningLike(Protocol):
    """What the records need of a `moderation.screening.Screening`."""

    @property
    def assessment(self) -> Assessment: ...
    @property
    def verdicts(self) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Entry:
    """One screening on its way into the records."""

    prepared: PreparedItem
    screening: ScreeningLike
    reporter_id: str
    language: str
    key: int = 0
    is_new: bool = False
    assess: bool = False
    restore_judgement: bool = (
        False  #: assessed before, by the same models; judged by other rules now
    )
    job_id: int | None = None

    @property
    def copyable(self) -> Copyable | None:
        """By what the item is recognised as a near-copy; None for conversations and the like."""
        prepared = self.prepared
        if prepared.cluster_key is None:
            return None
        return Copyable(prepared.cluster_key, Likeness.of(prepared.snapshot, prepared.near_keys))
