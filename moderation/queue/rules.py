"""How review work is organised. Every number is a starting point that an operator may change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moderation.queue.drafts import JobDraft


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The organisation of review work."""

    #: A claim that is not renewed for this long goes back into the queue.
    lease_seconds: float = 600.0
    #: A reviewer may take their own decision back for this long; afterwards it is corrected.
    undo_seconds: float = 300.0
    #: Severities (0 is P0) whose items are always looked at twice, blindly.
    double_review_severities: frozenset[int] = frozenset()
    #: Queues whose items are always looked at twice, blindly.
    double_review_queues: frozenset[str] = frozenset()
    #: Share of automatic decisions, "allow" included, that a person checks.
    audit_share: float = 0.0
    #: Changes which items that share falls on.
    audit_salt: str = "audit"
    #: Share of claims that are answered with an item whose answer is known.
    golden_share: float = 0.0
    #: Days after which an item whose answer is known is no longer used: policy and slang move on.
    golden_days: int = 180
    #: Days in which a decision can be appealed (the six months of DSA art. 20, and a day).
    appeal_days: int = 183
    #: Hours in which an appeal should be answered, and before that when it moves ahead.
    appeal_hours: float = 72.0
    appeal_urgent_hours: float = 24.0
    #: Weighted minutes of difficult material per shift.
    exposure_soft_cap: float = 90.0
    exposure_hard_cap: float = 150.0
    #: Propose a break after so many minutes at a stretch, or so many severe items.
    break_after_minutes: float = 25.0
    break_after_severe: int = 10
    #: Offer another kind of material first after so many minutes, or so many severe items, of one
    #: kind without a break; 0 never. Lane 0 is never held back for it.
    rotate_after_minutes: float = 25.0
    rotate_after_severe: int = 10
    #: A shift ends after this pause.
    shift_gap_hours: float = 6.0
    #: Severities that a newcomer (seniority 0) is not handed.
    trained_only_severities: frozenset[int] = field(default_factory=lambda: frozenset({0}))

    def reviews_needed(self, draft: JobDraft) -> int:
        """How many people look at it before a decision is in force."""
        if draft.kind != "review":
            return 1
        twice = (
            draft.severity in self.double_review_severities
            or draft.queue in self.double_review_queues
        )
        return 2 if twice else 1

    def min_seniority(self, draft: JobDraft) -> int:
        """The least seniority that may look at it."""
        return max(draft.min_seniority, 1 if draft.severity in self.trained_only_severities else 0)
