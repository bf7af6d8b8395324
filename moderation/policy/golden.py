"""Golden items: what the packs must say about chosen items (linter rule L12).

They live in `policies/golden/*.yaml`: an item, the scores the classifiers are taken to have given,
and per viewer region what must come out. Scores are stated, because policy never runs a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moderation.errors import ModerationError
from moderation.items import Item, invalid_item
from moderation.policy.columns import Strike
from moderation.policy.document import Document, read_document
from moderation.policy.evaluate import evaluate
from moderation.policy.facts import Facts
from moderation.policy.packs import PackSet
from moderation.policy.problems import PackError, PackProblem
from moderation.policy.verdict import Verdict
from moderation.signals import Assessment, Problem, Signal


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class StrikeGiven(_Entry):
    """A strike that the author has."""

    name: str
    age_days: float = 0


class Expected(_Entry):
    """What must come out for one region; what is not given is not checked."""

    action: str | None = None
    visibility: str | None = None
    distribution: str | None = None
    account: str | None = None
    money: str | None = None
    side_effects: tuple[str, ...] | None = None  #: at least these
    primary_rule: str | None = None
    primary_reason: str | None = None
    rules: tuple[str, ...] | None = None  #: at least these have effect
    not_rules: tuple[str, ...] | None = None  #: none of these has effect
    exempted: tuple[str, ...] | None = None  #: at least these were exempted
    queue: str | None = None
    sla_minutes: int | None = None
    needs_review: bool | None = None
    duties: tuple[str, ...] | None = None  #: at least these


class GoldenItem(_Entry):
    """One item and its expected verdicts."""

    id: str
    what: str
    item: dict[str, Any]
    scores: dict[str, float] = Field(default_factory=dict)
    aspects: dict[str, str] = Field(default_factory=dict)
    language: str = "und"
    problems: tuple[str, ...] = ()
    strikes: tuple[StrikeGiven, ...] = ()
    prior_warning: bool = False
    reviewer_labels: tuple[str, ...] = ()
    expect: Annotated[dict[str, Expected], Field(min_length=1)]


class GoldenFile(_Entry):
    """One file of golden items."""

    schema_: Literal["policy-golden/1"] = Field(alias="schema")
    packs: tuple[str, ...]  #: the packs under test; drafts are tried as if they were enabled
    items: tuple[GoldenItem, ...]


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """A golden item with its place in the files."""

    golden: GoldenItem
    document: Document
    number: int
    packs: tuple[str, ...]

    def problem(self, region: str, message: str) -> PackProblem:
        """A complaint about this case."""
        path = ("items", self.number, "expect", region)
        line = self.document.line(path)
        return PackProblem(
            self.document.file, line, f"golden {self.golden.id}", region, message, "L12"
        )


def read_golden(directory: Path) -> tuple[GoldenCase, ...]:
    """All golden items below `directory/golden`.

    Raises:
        PackError: a file is broken.
    """
    cases: list[GoldenCase] = []
    for path in sorted((directory / "golden").glob("*.yaml")):
        document = read_document(f"golden/{path.name}", path.read_bytes())
        try:
            parsed = GoldenFile.model_validate(document.data)
        except ValidationError as error:
            raise PackError(
                [
                    document.problem(tuple(each["loc"]), each["msg"])
                    for each in error.errors(include_url=False)
                ]
            ) from None
        cases.extend(
            GoldenCase(golden, document, number, parsed.packs)
            for number, golden in enumerate(parsed.items)
        )
    return tuple(cases)


def facts_of(golden: GoldenItem) -> Facts:
    """The facts that a golden item states.

    Raises:
        InvalidItem: its item does not fit the schema of items.
    """
    try:
        item = Item.model_validate({"id": golden.id, **golden.item})
    except ValidationError as error:
        raise invalid_item(error, golden.id) from None
    signals = tuple(
        Signal(
            name=f"stated.{category}",
            category=category,
            probability=golden.scores.get(category, 1.0),
            aspect=aspect,
            model="stated",
            model_version="1",
        )
        for category, aspect in golden.aspects.items()
    )
    assessment = Assessment(
        item_id=golden.id,
        scores=golden.scores,
        signals=signals,
        language=golden.language,
        problems=tuple(Problem(part="item", code=c, message=c) for c in golden.problems),
    )
    return Facts.from_items(
        [item],
        [assessment],
        strikes=[[Strike(given.name, given.age_days) for given in golden.strikes]],
        prior_warning=[golden.prior_warning],
        reviewer_labels=[golden.reviewer_labels],
    )


def golden_verdicts(packs: PackSet, golden: GoldenItem) -> dict[str, Verdict]:
    """The verdicts of one golden item for the regions it names."""
    return evaluate(packs, facts_of(golden), tuple(golden.expect)).row(0)


def golden_problems(packs: PackSet, cases: tuple[GoldenCase, ...]) -> Iterator[PackProblem]:
    """Every expectation that does not hold. Drafts that a case is about are tried as if enabled."""
    tried: dict[frozenset[str], PackSet] = {frozenset(): packs}
    for case in cases:
        unknown = set(case.packs) - set(packs.packs)
        if unknown:
            yield case.problem("", f"there is no pack {', '.join(sorted(unknown))}")
            continue
        drafts = frozenset(case.packs) - set(packs.in_force)
        if drafts not in tried:
            tried[drafts] = packs.with_drafts(drafts)
        try:
            verdicts = golden_verdicts(tried[drafts], case.golden)
        except ModerationError as error:
            yield case.problem("", f"cannot be evaluated: {error}")
            continue
        for region, expected in case.golden.expect.items():
            for message in differences(expected, verdicts[region]):
                yield case.problem(region, message)


def differences(expected: Expected, verdict: Verdict) -> Iterator[str]:
    """What a verdict has otherwise than expected, in words."""
    primary = verdict.primary
    found: Mapping[str, Any] = {
        "action": verdict.action,
        "visibility": verdict.visibility.value,
        "distribution": verdict.distribution.value,
        "account": verdict.account.value,
        "money": verdict.money.value,
        "primary_rule": primary.rule_id if primary else None,
        "primary_reason": verdict.primary_reason,
        "queue": verdict.queue,
        "sla_minutes": verdict.sla_minutes,
        "needs_review": verdict.needs_review,
    }
    for name, value in found.items():
        wanted = getattr(expected, name)
        if name in expected.model_fields_set and wanted != value:
            yield f"{name} is {value}, expected {wanted}"
    acting = {hit.rule_id for hit in verdict.rules if hit.exempted_by is None}
    sets: Mapping[str, set[str]] = {
        "side_effects": {side.value for side in verdict.side_effects},
        "rules": acting,
        "exempted": {hit.rule_id for hit in verdict.rules if hit.exempted_by is not None},
        "duties": set(verdict.duties),
    }
    for name, present in sets.items():
        missing = set(getattr(expected, name) or ()) - present
        if missing:
            yield f"{name} lacks {', '.join(sorted(missing))}; it has {sorted(present)}"
    unwanted = acting & set(expected.not_rules or ())
    if unwanted:
        yield f"{', '.join(sorted(unwanted))} must not act here"
