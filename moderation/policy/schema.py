"""The form of a pack file, `policy-pack/1`, as typed models. The JSON Schema that editors complete
against is generated from here."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from moderation.policy.conditions import Name, ReportIs, category_name
from moderation.policy.overrides import Override
from moderation.policy.rule import Appeal, Entry, Id, Language, Territory, Text
from moderation.policy.rule import HumanMode as HumanMode
from moderation.policy.rule import Rule as Rule


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


class Reviewed(Entry):
    """Who looked at the pack, when, and when it is due again."""

    roles: Annotated[tuple[Name, ...], Field(min_length=1)]
    on: datetime.date
    next_due: datetime.date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.next_due <= self.on:
            raise ValueError(f"next_due {self.next_due} must be after on {self.on}")
        return self


class Head(Entry):
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


class NoticeDefaults(Entry):
    """Who is told, in which languages."""

    author: Literal["required", "delayed_generic", "required_unless_order_forbids"] = "required"
    reporter: Literal["required", "none"] = "required"
    languages: tuple[str, ...] = ("author_ui", "en")


class Defaults(Entry):
    """What rules of the pack have unless they say otherwise."""

    appeal: Appeal | None = None
    notice: NoticeDefaults | None = None


class Switches(Entry):
    """Things that are on or off in the pack's territory."""

    scan_private_messages: Literal["on", "off"] = "on"
    proactive_political_detection: Literal["on", "off"] = "off"


class LegalBasis(Entry):
    """A law, an order or a rule of the platform."""

    kind: Literal["statute", "order", "terms"]
    cite: Text
    aim: Text | None = None
    checked_on: datetime.date | None = None
    verify: Text | None = None  #: what counsel must still confirm
    text_ref: str | None = None


class ProcessWhen(Entry):
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


class SkipReason(StrEnum):
    """When a duty falls away."""

    ART9_ORDER = "art9_order"  #: everything that restricts serves an authority's order
    DECEPTIVE_HIGH_VOLUME_COMMERCIAL = "deceptive_high_volume_commercial"  #: confirmed as a context
    AUTHOR_CONTACT_UNKNOWN = "author_contact_unknown"  #: told by the platform as a context


class Process(Entry):
    """Something owed to the author, the reporter or an authority."""

    id: Id
    when: ProcessWhen
    require: Annotated[tuple[Name, ...], Field(min_length=1)]
    skip_if: tuple[SkipReason, ...] = ()
    legal_basis: Annotated[tuple[Id, ...], Field(min_length=1)]


class Route(Entry):
    """Where a category is reported to."""

    category: str
    body: Text
    clock: Literal["as_soon_as_possible", "promptly", "immediately"] | Text
    retention_days: Annotated[int, Field(gt=0)] | None = None
    equivalence_note: Text | None = None
    verify: Text | None = None


class Reporting(Entry):
    """Reporting to authorities; chosen by place of establishment, never by viewer region."""

    routes: tuple[Route, ...] = ()


class Pack(Entry):
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
