"""The `when` of a rule: predicates about an item, joined by all, any and not.

There is no predicate on the author's region, nationality or religion, and none on how a text is
written: such a rule cannot be expressed (linter rule L7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from moderation.items import AgeBracket, OrderDemand, ReportSource, Surface
from moderation.taxonomy import CATEGORIES

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=100)]


def _listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


def category_name(value: str) -> str:
    """A category id, checked."""
    if value not in CATEGORIES:
        raise ValueError(f"{value!r} is not a category; use one of {', '.join(CATEGORIES)}")
    return value


class _Predicate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Score(_Predicate):
    """A calibrated probability in [gte, lt). A category without a detector never matches."""

    category: str
    gte: Probability
    lt: Probability | None = None
    model_min_version: str | None = None  #: documentation for reviewers of the pack

    _category = field_validator("category")(category_name)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.lt is not None and self.lt <= self.gte:
            raise ValueError(f"nothing can be at least {self.gte} and below {self.lt}")
        return self


class Below(_Predicate):
    """Strictly below; unknown never matches."""

    lt: Annotated[float, Field(gt=0)]


class Reach(_Predicate):
    """At least as far-reaching in any of the given measures; unknown never matches."""

    views_gte: Annotated[float, Field(ge=0)] | None = None
    room_size_gte: Annotated[int, Field(ge=0)] | None = None
    views_per_hour_gte: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give one of views_gte, room_size_gte, views_per_hour_gte")
        return self


class Strikes(_Predicate):
    """At least so many strikes of the author within the window."""

    category: str | None = None
    kind: Name | None = None
    window_days: Annotated[int, Field(gt=0, le=3660)]
    gte: Annotated[int, Field(gt=0)]
    prior_warning: bool | None = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.category is None) == (self.kind is None):
            raise ValueError("give either category or kind")
        if self.category is not None:
            category_name(self.category)
        return self


class KeywordList(_Predicate):
    """Hits in a phrase bank."""

    id: Name
    match: Literal["raw", "normalised"] = "normalised"
    min_hits: Annotated[int, Field(gt=0)] = 1


class ReportIs(_Predicate):
    """A report of that kind, completeness and source; what is not given does not matter."""

    kind: Annotated[tuple[Name, ...], BeforeValidator(_listed)] | None = None
    complete: bool | None = None
    source: ReportSource | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is None and self.source is None and self.complete is None:
            raise ValueError("give one of kind, complete, from")
        return self


class OrderIs(_Predicate):
    """An order of that kind for that territory. `claims_worldwide` matches an order that asks for
    more than its own territory. Without `demand: must_carry`, an order to restrict is meant.

    `conflict: true` stands alone and matches an item for which verified orders contradict each
    other: one to restrict it and one to keep it visible.
    """

    kind: Annotated[tuple[Name, ...], BeforeValidator(_listed)] | None = None
    territory: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    verified: bool | None = None
    claims_worldwide: bool | None = None
    demand: OrderDemand | None = None  #: `restrict` unless it says `must_carry`
    conflict: Literal[True] | None = None

    @model_validator(mode="after")
    def _conflict_stands_alone(self) -> Self:
        if self.conflict is not None and len(self.model_fields_set) > 1:
            raise ValueError("conflict stands alone; it is about all orders of an item together")
        return self


class AspectIs(_Predicate):
    """What the strongest signal of a category means, such as distress or encouragement."""

    category: str
    value: Name = Field(alias="is")

    _category = field_validator("category")(category_name)


class Observation(_Predicate):
    """Something a classifier noticed that is no harm in itself, such as `unread_text` (text on an
    image that could not be read) or `contact.phone`."""

    name: Name
    gte: Probability = 0.5


Ages = Annotated[tuple[AgeBracket, ...], Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]


class Condition(_Predicate):
    """Exactly one predicate, or one of all, any, not."""

    all: tuple[Condition, ...] | None = Field(default=None, min_length=1)
    any: tuple[Condition, ...] | None = Field(default=None, min_length=1)
    negated: Condition | None = Field(default=None, alias="not")
    score: Score | None = None
    surface: Annotated[tuple[Surface, ...], Field(min_length=1)] | None = None
    author_age: Ages | None = None
    recipient_age: Ages | None = None
    viewer_age: Ages | None = None
    guardian_linked: bool | None = None
    account_age_days: Below | None = None
    reach: Reach | None = None
    strikes: Strikes | None = None
    hash_match: Name | None = None
    keyword_list: KeywordList | None = None
    language: Names | None = None
    image_tag: Names | None = None
    declared_synthetic: bool | None = None
    reviewer_label: Names | None = None
    report: ReportIs | None = None
    order: OrderIs | None = None
    problem: Names | None = None  #: codes of what could not be looked at; `any` for whatever
    aspect: AspectIs | None = None
    observation: Observation | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                "give exactly one predicate here; join several with all: [...] or any: [...]"
            )
        return self

    @property
    def predicate(self) -> tuple[str, Any]:
        """The name and the value of the one thing that is set."""
        [name] = self.model_fields_set
        return name, getattr(self, name)

    @property
    def children(self) -> tuple[Condition, ...]:
        """The conditions inside of all, any or not."""
        if self.negated is not None:
            return (self.negated,)
        return self.all or self.any or ()

    def leaves(self, negated: bool = False) -> Iterator[tuple[Condition, bool]]:
        """Every predicate, with whether it stands under an odd number of nots."""
        if self.children:
            for child in self.children:
                yield from child.leaves(negated != (self.negated is not None))
        else:
            yield self, negated

    def with_thresholds(self, thresholds: dict[str, float]) -> Condition:
        """The same condition with other lower bounds of scores, by category. A band's upper
        bound stays; a band that would be empty loses it."""
        if self.score is not None and self.score.category in thresholds:
            gte = thresholds[self.score.category]
            lt = self.score.lt if self.score.lt is not None and self.score.lt > gte else None
            return Condition(score=self.score.model_copy(update={"gte": gte, "lt": lt}))
        if self.negated is not None:
            return Condition(negated=self.negated.with_thresholds(thresholds))
        if self.all is not None:
            return Condition(all=tuple(c.with_thresholds(thresholds) for c in self.all))
        if self.any is not None:
            return Condition(any=tuple(c.with_thresholds(thresholds) for c in self.any))
        return self


Condition.model_rebuild()
