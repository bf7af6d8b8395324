"""What a pack may change of a rule that it inherits, or of its own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from moderation.items import Surface
from moderation.policy.conditions import Condition, Name, Names, Probability, category_name
from moderation.policy.effects import Action
from moderation.policy.rule import Clock, Entry, HumanMode, Id, Notify
from moderation.taxonomy import Severity


class Added(Entry):
    """A list that adds to the inherited one instead of replacing it."""

    add: tuple[str, ...]


class PartialSla(Entry):
    """The parts of a clock that change."""

    clock: Clock | None = None
    minutes: Annotated[int, Field(gt=0, le=525_600)] | None = None


class PartialHuman(Entry):
    """The parts of human involvement that change."""

    mode: HumanMode | None = None
    display: Literal["normal", "blurred", "transcript_only", "never_render_known_hash"] | None = (
        None
    )
    form: Literal["rabat_six", "order_rights_review"] | None = None


class Changes(Entry):
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


class OnlyIf(Entry):
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


class Override(Entry):
    """A change that a pack makes to a rule, its own or an inherited one."""

    rule: Id
    set: Changes
    only_if: OnlyIf | None = Field(default=None, alias="if")
    legal_basis: Annotated[tuple[Id, ...], Field(min_length=1)]
