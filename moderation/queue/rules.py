"""How review work is organised. Every number is a starting point that an operator may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from moderation.queue.errors import RulesRefused

if TYPE_CHECKING:
    from moderation.queue.drafts import JobDraft


#: The dashboard renews a lease every 45 seconds.
_SHORTEST_LEASE = 60.0


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

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> QueueRules:
        """From an operator's settings (`MODERATION_QUEUE_RULES`); the rest as here.

        Raises:
            RulesRefused: a name is unknown, or a value is none that it can have.
        """
        names = [known.name for known in fields(cls)]
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise RulesRefused(
                f"MODERATION_QUEUE_RULES: there is no {unknown[0]!r}; known: {', '.join(names)}"
            )
        try:
            rules = TypeAdapter(cls).validate_python(dict(given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RulesRefused(
                f"MODERATION_QUEUE_RULES: {first['loc'][0]}: {first['msg']}"
            ) from None
        for name in names:
            value = getattr(rules, name)
            most = 1.0 if name.endswith("_share") else float("inf")
            if isinstance(value, int | float) and not 0 <= value <= most:
                told = "between 0 and 1" if most == 1.0 else "0 or more"
                raise RulesRefused(f"MODERATION_QUEUE_RULES: {name} must be {told}, not {value}")
        if rules.lease_seconds < _SHORTEST_LEASE:
            raise RulesRefused(
                f"MODERATION_QUEUE_RULES: lease_seconds must be {_SHORTEST_LEASE:.0f} or more"
            )
        return rules

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
