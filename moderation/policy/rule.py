"""A rule: when → effects, queue, clock, people, law, words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moderation.policy.conditions import Condition, Name, category_name
from moderation.policy.effects import Action, Effects, effects_of
from moderation.taxonomy import CATEGORIES, CONTEXT_TAGS, Severity

#: What `category` of a rule may be.
RULE_CATEGORIES: tuple[str, ...] = (*CATEGORIES, "any", "state_order")

#: Context tags of a reviewer, and findings of a process, that may exempt an item from a rule.
EXCEPTION_TAGS: tuple[str, ...] = (
    *CONTEXT_TAGS,
    "own_business_contact_on_verified_profile",
    "manifest_error_challenge",
    "routine_editing",
    "accessibility_edit",
)

Id = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", max_length=60)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Territory = Annotated[str, Field(pattern=r"^([A-Z]{2}|001)$")]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Clock(StrEnum):
    """From when minutes are counted, earliest first."""

    DETECTED = "detected"
    REPORT_RECEIVED = "report_received"
    VALID_NOTICE = "valid_notice"
    ORDER_RECEIVED = "order_received"


class HumanMode(StrEnum):
    """When a person takes part."""

    NONE = "none"
    SAMPLED = "sampled"
    AFTER_INTERIM_ACTION = "after_interim_action"
    BEFORE_FINAL = "before_final"
    SPECIALIST_ONLY = "specialist_only"
    LEGAL_TWO_PERSON = "legal_two_person"


class Appeal(Entry):
    """How a decision can be appealed."""

    window_days: Annotated[int, Field(gt=0)]
    reviewer: Literal["different_human", "senior_human", "panel"] = "different_human"
    external: str | None = None


class Sla(Entry):
    """Until when a person must have decided."""

    clock: Clock
    minutes: Annotated[int, Field(gt=0, le=525_600)]


class Human(Entry):
    """How a person takes part."""

    mode: HumanMode
    display: Literal["normal", "blurred", "transcript_only", "never_render_known_hash"] = "normal"
    form: Literal["rabat_six", "order_rights_review"] | None = None


class StatementFacts(Entry):
    """Facts that a statement of reasons needs (DSA Transparency Database names)."""

    ground: Literal["illegal", "incompatible"]
    category: Annotated[str, Field(pattern=r"^STATEMENT_CATEGORY_[A-Z_]+$")]
    keywords: Annotated[
        tuple[Annotated[str, Field(pattern=r"^KEYWORD_[A-Z_]+$")], ...], Field(min_length=1)
    ]
    also_illegal: bool = False


class Notify(Entry):
    """Who is told about one rule's effect."""

    author: Literal["required", "delayed_generic", "required_unless_order_forbids"] | None = None
    reporter: Literal["required", "none"] | None = None
    viewer: Literal["tombstone_with_reason", "none"] | None = None


class Transparency(Entry):
    """How an effect is counted in public."""

    count_as: Name | None = None
    publish: bool = False
    archive: Name | None = None


class RightsTest(Entry):
    """ICCPR 19(3) as data: why this restriction, and why not a lesser one."""

    legality: Text
    aim: Text
    necessity: Text
    less_restrictive_considered: Text
    proportionality: Text


def _exception_name(value: str) -> str:
    if value not in EXCEPTION_TAGS:
        raise ValueError(
            f"{value!r} is not a context that can exempt; use one of {', '.join(EXCEPTION_TAGS)}"
        )
    return value


class Rule(Entry):
    """When → effects, queue, clock, people, law, words."""

    id: Id
    category: str  #: a category id, `any` or `state_order`
    severity: Severity
    lock: Literal["none", "floor"] = "none"
    title: Text | None = None
    when: Condition
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    scope: Literal["global", "pack_territory"]
    queue: Name  #: `none` for no queue
    sla: Sla
    human: Human
    legal_basis: Annotated[tuple[Id, ...], Field(min_length=1)]
    reason_code: Annotated[str, Field(pattern=r"^RC-\d{3,4}$")]
    exceptions: tuple[str, ...] = ()
    sor: StatementFacts | None = None
    notify: Notify | None = None
    appeal: Appeal | None = None
    transparency: Transparency | None = None
    rights_test: RightsTest | None = None
    expires_after_days: Annotated[int, Field(gt=0)] | None = None
    verify: Text | None = None  #: what counsel must still confirm

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        return value if value in {"any", "state_order"} else category_name(value)

    @field_validator("exceptions")
    @classmethod
    def _known_exceptions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_exception_name(tag) for tag in value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (Action.TEMPORARY_BLOCK in self.actions) != (self.expires_after_days is not None):
            raise ValueError("temporary_block and expires_after_days go together")
        return self

    @property
    def effects(self) -> Effects:
        """What the rule does."""
        return effects_of(self.actions)

    @property
    def about_order(self) -> bool:
        """Whether it serves an order of an authority."""
        return any(leaf.order is not None for leaf, _ in self.when.leaves())
