"""What can go wrong with review work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.errors import ModerationError


class LeaseLost(ModerationError):
    """The reviewer does not hold this job any more.

    What they had written is in `draft`, and among the job's events, so that nothing is lost.
    """

    def __init__(self, message: str, *, draft: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.draft = dict(draft or {})


class DecisionRefused(ModerationError):
    """A decision, undo, correction or appeal is not possible; the message says why."""


class ExposureReached(ModerationError):
    """The reviewer has seen as much difficult material as their shift allows."""


class RulesRefused(ModerationError):
    """The organisation of review work names something unknown, or a value that it cannot have."""
