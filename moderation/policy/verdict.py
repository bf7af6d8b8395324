"""What the rules say about one item for one viewer region."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from moderation.policy.effects import (
    AccountEffect,
    Distribution,
    Effects,
    MoneyEffect,
    SideEffect,
    Visibility,
    action_word,
)
from moderation.policy.rule import Clock, HumanMode
from moderation.taxonomy import Severity

_Model = TypeVar("_Model", bound=BaseModel)


_set = object.__setattr__


def unchecked(kind: type[_Model], fields: dict[str, object]) -> _Model:
    """A model from all of its fields, as `model_construct` makes it, at a fifth of the price. For
    values that this room made itself."""
    made = kind.__new__(kind)
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", _all_fields(kind))
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


@lru_cache
def _all_fields(kind: type[BaseModel]) -> set[str]:
    """Shared by the instances of a frozen model; pydantic copies it before it changes it."""
    return set(kind.model_fields)


def with_fields(model: _Model, **fields: object) -> _Model:
    """A copy with some fields set, as unchecked."""
    return unchecked(type(model), model.__dict__ | fields)


class RuleHit(BaseModel):
    """A rule whose condition is met. One with `exempted_by` did nothing and is only recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule_id: str
    pack: str  #: the pack that defines the rule
    pack_version: str
    chain: tuple[str, ...]  #: `pack@version` of the definition and of every override, in order
    category: str
    severity: Severity
    floor: bool
    actions: tuple[str, ...]
    scope: str  #: `global` or `pack_territory`
    reason_code: str
    queue: str
    sla_clock: Clock
    sla_minutes: int
    human_mode: HumanMode
    display: str
    form: str | None = None
    legal_basis: tuple[str, ...]
    legal_cites: tuple[str, ...]
    ground: str  #: `terms`, `statute` or `order`
    dsa_category: str | None = None
    dsa_keywords: tuple[str, ...] = ()
    also_illegal: bool = False
    author_notice: str = "required"
    expires_after_days: int | None = None
    score: float | None = None  #: the probability that met the threshold
    score_category: str | None = None
    threshold: float | None = None
    exempted_by: str | None = None  #: the confirmed context tag that exempted the item
    reduced_for_political_speech: bool = False


class Verdict(BaseModel):
    """The combined effect of all rules for one viewer region; see `moderation.policy.effects`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    visibility: Visibility
    distribution: Distribution
    account: AccountEffect
    money: MoneyEffect
    side_effects: tuple[SideEffect, ...]
    rules: tuple[RuleHit, ...]  #: the primary one first, exempted ones last
    primary_reason: str | None  #: reason code of what is shown to the author first
    reasons: tuple[
        str, ...
    ]  #: all reason codes that restrict; terms first unless an order is the cause
    queue: str | None  #: where a person should look, or None
    sla_minutes: int | None  #: shortest clock
    severity: Severity | None  #: of the worst rule, adjusted to reach, recipient and context
    needs_review: bool
    sampled: bool  #: whether some rule wants a random sample of its hits reviewed
    duties: tuple[str, ...] = ()  #: process duties towards author, reporter, authority
    policy_hash: str  #: `PackSet.content_hash` of the rules that said this

    @property
    def action(self) -> str:
        """One word: allow, label, interstitial, age_gate, limit, hold or unavailable."""
        return action_word(self.visibility, self.distribution)

    @property
    def effects(self) -> Effects:
        """The axes and side effects together."""
        return Effects(
            self.visibility,
            self.distribution,
            self.account,
            self.money,
            frozenset(self.side_effects),
        )

    @property
    def primary(self) -> RuleHit | None:
        """The rule behind `primary_reason`."""
        return next((hit for hit in self.rules if hit.exempted_by is None), None)
