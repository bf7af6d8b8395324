"""The form of a pack file, `policy-pack/1`, as typed models. The JSON Schema that editors complete
against is generated from here."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moderation.items import Surface
from moderation.policy.conditions import (
    Condition,
    Name,
    Names,
    Probability,
    ReportIs,
    category_name,
)
from moderation.policy.effects import Action, Effects, effects_of
from moderation.taxonomy import CATEGORIES, CONTEXT_TAGS, Severity

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


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Kind(StrEnum):
    """Which layer a pack is."""

    BASELINE = "baseline"  #: the platform's own rules, everywhere
    REGIONAL = "regional"
    OVERLAY = "overlay"  #: below a regional pack


class Status(StrEnum):
    """Whether a pack takes part in verdicts."""

    DRAFT = "draft"
    ENABLED = "enabled"
    DISABLED = "disabled"


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


class Reviewed(_Entry):
    """Who looked at the pack, when, and when it is due again."""

    roles: Annotated[tuple[Name, ...], Field(min_length=1)]
    on: datetime.date
    next_due: datetime.date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.next_due <= self.on:
            raise ValueError(f"next_due {self.next_due} must be after on {self.on}")
        return self


class Head(_Entry):
    """Who a pack is."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=60)]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    kind: Kind
    territory: Annotated[tuple[Territory, ...], Field(min_length=1)]
    inherits: str | None = None
    effective_from: datetime.date
    effective_to: datetime.date | None = None
    status: Status
    reviewed: Reviewed

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("effective_to must be after effective_from")
        if (self.kind is Kind.BASELINE) != (self.inherits is None):
            raise ValueError("a baseline inherits null; every other pack names what it inherits")
        if (self.kind is Kind.BASELINE) != (self.territory == ("001",)):
            raise ValueError('territory ["001"] (the world) belongs to the baseline and only to it')
        if self.inherits == self.id:
            raise ValueError(f"{self.id!r} inherits from itself; name its parent")
        return self


class Appeal(_Entry):
    """How a decision can be appealed."""

    window_days: Annotated[int, Field(gt=0)]
    reviewer: Literal["different_human", "senior_human", "panel"] = "different_human"
    external: str | None = None


class NoticeDefaults(_Entry):
    """Who is told, in which languages."""

    author: Literal["required", "delayed_generic", "required_unless_order_forbids"] = "required"
    reporter: Literal["required", "none"] = "required"
    languages: tuple[str, ...] = ("author_ui", "en")


class Defaults(_Entry):
    """What rules of the pack have unless they say otherwise."""

    appeal: Appeal | None = None
    notice: NoticeDefaults | None = None


class Switches(_Entry):
    """Things that are on or off in the pack's territory."""

    scan_private_messages: Literal["on", "off"] = "on"
    proactive_political_detection: Literal["on", "off"] = "off"


class LegalBasis(_Entry):
    """A law, an order or a rule of the platform."""

    kind: Literal["statute", "order", "terms"]
    cite: Text
    aim: Text | None = None
    checked_on: datetime.date | None = None
    verify: Text | None = None  #: what counsel must still confirm
    text_ref: str | None = None


class Sla(_Entry):
    """Until when a person must have decided."""

    clock: Clock
    minutes: Annotated[int, Field(gt=0, le=525_600)]


class Human(_Entry):
    """How a person takes part."""

    mode: HumanMode
    display: Literal["normal", "blurred", "transcript_only", "never_render_known_hash"] = "normal"
    form: Literal["rabat_six", "order_rights_review"] | None = None


class StatementFacts(_Entry):
    """Facts that a statement of reasons needs (DSA Transparency Database names)."""

    ground: Literal["illegal", "incompatible"]
    category: Annotated[str, Field(pattern=r"^STATEMENT_CATEGORY_[A-Z_]+$")]
    keywords: Annotated[
        tuple[Annotated[str, Field(pattern=r"^KEYWORD_[A-Z_]+$")], ...], Field(min_length=1)
    ]
    also_illegal: bool = False


class Notify(_Entry):
    """Who is told about one rule's effect."""

    author: Literal["required", "delayed_generic", "required_unless_order_forbids"] | None = None
    reporter: Literal["required", "none"] | None = None
    viewer: Literal["tombstone_with_reason", "none"] | None = None


class Transparency(_Entry):
    """How an effect is counted in public."""

    count_as: Name | None = None
    publish: bool = False
    archive: Name | None = None


class RightsTest(_Entry):
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


class Rule(_Entry):
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


class Added(_Entry):
    """A list that adds to the inherited one instead of replacing it."""

    add: tuple[str, ...]


class PartialSla(_Entry):
    """The parts of a clock that change."""

    clock: Clock | None = None
    minutes: Annotated[int, Field(gt=0, le=525_600)] | None = None


class PartialHuman(_Entry):
    """The parts of human involvement that change."""

    mode: HumanMode | None = None
    display: Literal["normal", "blurred", "transcript_only", "never_render_known_hash"] | None = (
        None
    )
    form: Literal["rabat_six", "order_rights_review"] | None = None


class Changes(_Entry):
    """What an override sets. Lists replace unless written as {add: [...]}."""

    thresholds: dict[str, Probability] | None = None  #: category → new lower bound of its scores
    when: Condition | None = None
    severity: Severity | None = None
    actions: tuple[Action, ...] | Added | None = None
    queue: Name | None = None
    sla: PartialSla | None = None
    human: PartialHuman | None = None
    exceptions: tuple[str, ...] | Added | None = None
    notify: Notify | None = None
    reason_code: Annotated[str, Field(pattern=r"^RC-\d{3,4}$")] | None = None
    scope: Literal["global", "pack_territory"] | None = None

    @field_validator("thresholds")
    @classmethod
    def _known_categories(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        for name in value or {}:
            category_name(name)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("set at least one field")
        return self


class OnlyIf(_Entry):
    """Where an override applies: a surface, a language, or both."""

    surface: Annotated[tuple[Surface, ...], Field(min_length=1)] | None = None
    language: Names | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give surface or language, or leave `if` out")
        return self

    def condition(self) -> Condition:
        """As a condition of a rule."""
        parts = []
        if self.surface is not None:
            parts.append(Condition(surface=self.surface))
        if self.language is not None:
            parts.append(Condition(language=self.language))
        return parts[0] if len(parts) == 1 else Condition(all=tuple(parts))


class Override(_Entry):
    """A change that a pack makes to a rule, its own or an inherited one."""

    rule: Id
    set: Changes
    only_if: OnlyIf | None = Field(default=None, alias="if")
    legal_basis: Annotated[tuple[Id, ...], Field(min_length=1)]


class ProcessWhen(_Entry):
    """What makes a process duty due; all that is given must hold."""

    restriction: Literal["any", "visibility", "account", "money"] | None = None
    report: ReportIs | None = None
    order: Literal["any"] | None = None
    category: tuple[str, ...] | None = None  #: of a rule that acts

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give one of restriction, report, order, category")
        for name in self.category or ():
            category_name(name)
        return self


class Process(_Entry):
    """Something owed to the author, the reporter or an authority."""

    id: Id
    when: ProcessWhen
    require: Annotated[tuple[Name, ...], Field(min_length=1)]
    skip_if: tuple[Name, ...] = ()
    legal_basis: Annotated[tuple[Id, ...], Field(min_length=1)]


class Route(_Entry):
    """Where a category is reported to."""

    category: str
    body: Text
    clock: Literal["as_soon_as_possible", "promptly", "immediately"] | Text
    retention_days: Annotated[int, Field(gt=0)] | None = None
    equivalence_note: Text | None = None
    verify: Text | None = None


class Reporting(_Entry):
    """Reporting to authorities; chosen by place of establishment, never by viewer region."""

    routes: tuple[Route, ...] = ()


class Pack(_Entry):
    """One pack file."""

    schema_: Literal["policy-pack/1"] = Field(alias="schema")
    pack: Head
    defaults: Defaults = Defaults()
    switches: Switches = Switches()
    legal_bases: dict[Id, LegalBasis] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    overrides: tuple[Override, ...] = ()
    process: tuple[Process, ...] = ()
    reporting: Reporting = Reporting()
    notices: dict[Annotated[str, Field(pattern=r"^RC-\d{3,4}$")], dict[Language, Text]] = Field(
        default_factory=dict
    )

    @property
    def id(self) -> str:
        """The pack's id."""
        return self.pack.id


#: What `category` of a rule may be.
RULE_CATEGORIES: tuple[str, ...] = (*CATEGORIES, "any", "state_order")
