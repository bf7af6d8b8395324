"""What a rule can do, on four axes, and which of two effects is the stronger.

Axes are ordered from least to most restrictive; on each, the most restrictive effect wins. Side
effects unite. The split follows DSA art. 17(1): visibility and distribution of the item, the
service to the account, money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import total_ordering
from types import MappingProxyType
from typing import Self


@total_ordering
class _Axis(StrEnum):
    """A string enum whose members are ordered as they are written."""

    rank: int  #: 0 for no restriction, rising

    def __new__(cls, value: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.rank = len(cls.__members__)
        return member

    def __lt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.rank < other.rank

    def __gt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.rank > other.rank

    def __le__(self, other: object) -> bool:
        return self == other or self < other

    def __ge__(self, other: object) -> bool:
        return self == other or self > other

    __hash__ = StrEnum.__hash__


class Visibility(_Axis):
    """Whether viewers see the item, and behind what."""

    VISIBLE = "visible"
    LABEL = "label"
    INTERSTITIAL = "interstitial"
    AGE_GATE = "age_gate"
    HOLD = "hold"
    UNAVAILABLE = "unavailable"


class Distribution(_Axis):
    """Whether the item is recommended and spread."""

    NORMAL = "normal"
    LIMITED = "limited"
    NONE = "none"


class AccountEffect(_Axis):
    """What happens to the author's account."""

    NONE = "none"
    WARN = "warn"
    FEATURE_LIMIT = "feature_limit"
    SUSPEND = "suspend"
    TERMINATE = "terminate"


class MoneyEffect(_Axis):
    """What happens to payments."""

    NONE = "none"
    PAYOUT_HOLD = "payout_hold"
    TERMINATED = "terminated"


class SideEffect(StrEnum):
    """Things to do beside restricting; they unite."""

    ESCALATE_CHILD_SAFETY = "escalate_child_safety"
    ESCALATE_LEGAL = "escalate_legal"
    HASH_BLOCK = "hash_block"
    PRESERVE_EVIDENCE = "preserve_evidence"
    REQUEST_DECLARATION = "request_declaration"
    SUPPORT_RESOURCES = "support_resources"


class Action(StrEnum):
    """What a rule may ask for in its `actions`."""

    ALLOW = "allow"
    QUEUE_FOR_REVIEW = "queue_for_review"  #: a person looks; nothing is restricted meanwhile
    ALLOW_WITH_LABEL = "allow_with_label"
    INTERSTITIAL = "interstitial"
    AGE_GATE = "age_gate"
    HOLD_FOR_REVIEW = "hold_for_review"
    GEO_RESTRICT = "geo_restrict"  #: unavailable in the pack's territory
    TEMPORARY_BLOCK = "temporary_block"  #: as geo_restrict, with an end date
    REMOVE = "remove"  #: unavailable everywhere; baseline only
    LIMIT_DISTRIBUTION = "limit_distribution"
    STOP_DISTRIBUTION = "stop_distribution"
    WARN_ACCOUNT = "warn_account"
    LIMIT_FEATURE = "limit_feature"
    SUSPEND_ACCOUNT = "suspend_account"
    TERMINATE_ACCOUNT = "terminate_account"
    PAYOUT_HOLD = "payout_hold"
    TERMINATE_PAYOUTS = "terminate_payouts"
    ESCALATE_CHILD_SAFETY = "escalate_child_safety"
    ESCALATE_LEGAL = "escalate_legal"
    HASH_BLOCK = "hash_block"
    PRESERVE_EVIDENCE = "preserve_evidence"
    REQUEST_DECLARATION = "request_declaration"
    SUPPORT_RESOURCES = "support_resources"


@dataclass(frozen=True, slots=True)
class Effects:
    """A point on the four axes, with side effects."""

    visibility: Visibility = Visibility.VISIBLE
    distribution: Distribution = Distribution.NORMAL
    account: AccountEffect = AccountEffect.NONE
    money: MoneyEffect = MoneyEffect.NONE
    side_effects: frozenset[SideEffect] = field(default_factory=frozenset)

    def __or__(self, other: Effects) -> Effects:
        """Both together: the most restrictive on each axis, side effects united."""
        return Effects(
            max(self.visibility, other.visibility),
            max(self.distribution, other.distribution),
            max(self.account, other.account),
            max(self.money, other.money),
            self.side_effects | other.side_effects,
        )

    @property
    def restricts(self) -> bool:
        """Whether anything is restricted: what a statement of reasons is owed for."""
        return bool(
            self.visibility.rank or self.distribution.rank or self.account.rank or self.money.rank
        )

    def restricts_on(self, axis: str) -> bool:
        """Whether anything is restricted on one axis; `any` for whichever."""
        return self.restricts if axis == "any" else bool(getattr(self, axis).rank)

    def for_political_speech(self) -> Effects:
        """What a regional legal rule may do to political speech: withhold or label, in its own
        territory, and nothing to reach, account or money (linter rule L6)."""
        allowed = {Visibility.LABEL, Visibility.UNAVAILABLE}
        visibility = self.visibility if self.visibility in allowed else Visibility.VISIBLE
        return Effects(visibility=visibility, side_effects=self.side_effects)


_ON_AXES: Mapping[Action, Effects] = MappingProxyType(
    {
        Action.ALLOW_WITH_LABEL: Effects(visibility=Visibility.LABEL),
        Action.INTERSTITIAL: Effects(visibility=Visibility.INTERSTITIAL),
        Action.AGE_GATE: Effects(visibility=Visibility.AGE_GATE),
        Action.HOLD_FOR_REVIEW: Effects(visibility=Visibility.HOLD),
        Action.GEO_RESTRICT: Effects(visibility=Visibility.UNAVAILABLE),
        Action.TEMPORARY_BLOCK: Effects(visibility=Visibility.UNAVAILABLE),
        Action.REMOVE: Effects(visibility=Visibility.UNAVAILABLE),
        Action.LIMIT_DISTRIBUTION: Effects(distribution=Distribution.LIMITED),
        Action.STOP_DISTRIBUTION: Effects(distribution=Distribution.NONE),
        Action.WARN_ACCOUNT: Effects(account=AccountEffect.WARN),
        Action.LIMIT_FEATURE: Effects(account=AccountEffect.FEATURE_LIMIT),
        Action.SUSPEND_ACCOUNT: Effects(account=AccountEffect.SUSPEND),
        Action.TERMINATE_ACCOUNT: Effects(account=AccountEffect.TERMINATE),
        Action.PAYOUT_HOLD: Effects(money=MoneyEffect.PAYOUT_HOLD),
        Action.TERMINATE_PAYOUTS: Effects(money=MoneyEffect.TERMINATED),
        **{Action(side.value): Effects(side_effects=frozenset({side})) for side in SideEffect},
    }
)


def effects_of(actions: tuple[Action, ...]) -> Effects:
    """The effects that a list of actions has together."""
    together = Effects()
    for action in actions:
        together |= _ON_AXES.get(action, Effects())
    return together


def action_word(visibility: Visibility, distribution: Distribution) -> str:
    """One word for what happens to the item: allow, label, interstitial, age_gate, limit, hold or
    unavailable (in rising order)."""
    if visibility >= Visibility.HOLD:
        return visibility.value
    if distribution > Distribution.NORMAL:
        return "limit"
    return "allow" if visibility is Visibility.VISIBLE else visibility.value


#: The words of `action_word`, in rising order.
ACTION_WORDS: tuple[str, ...] = (
    "allow",
    "label",
    "interstitial",
    "age_gate",
    "limit",
    "hold",
    "unavailable",
)
