"""What changes between two pack sets, in sentences and as rows.

Rules are compared as each region has them, after inheritance and overrides, because that is what
authors and reviewers will meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.items import Surface
from moderation.policy.conditions import Condition
from moderation.policy.inheritance import ELSEWHERE, CompiledRule
from moderation.policy.packs import PackSet

_VERBS = {
    "allow": "is allowed",
    "allow_with_label": "labels",
    "interstitial": "warns",
    "age_gate": "gates by age",
    "hold_for_review": "holds",
    "geo_restrict": "withholds",
    "temporary_block": "blocks for a time",
    "remove": "removes",
    "limit_distribution": "limits",
    "stop_distribution": "stops recommending",
    "warn_account": "warns the account",
    "limit_feature": "limits a feature",
    "suspend_account": "suspends",
    "terminate_account": "terminates the account",
    "payout_hold": "holds payouts",
    "terminate_payouts": "ends payouts",
    "queue_for_review": "asks for review",
    "support_resources": "offers support",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one rule, for the regions that share it."""

    regions: tuple[str, ...]  #: `ELSEWHERE` ("") stands for all regions without a pack
    rule_id: str
    category: str
    field: str  #: rule, threshold, action, clock, severity, queue, people, exceptions …
    before: str
    after: str
    sentence: str


def diff(before: PackSet, after: PackSet) -> tuple[Change, ...]:
    """Every change from one set to another, by rule and then by region."""
    regions = (ELSEWHERE, *sorted(set(before.regions) | set(after.regions)))
    found: dict[tuple[str, str, str, str, str, str], list[str]] = {}
    for region in regions:
        old, new = _rules_in(before, region), _rules_in(after, region)
        for rule_id in sorted(set(old) | set(new)):
            was, now = old.get(rule_id, []), new.get(rule_id, [])
            for field, left, right, told in _changes(was, now):
                category = (now or was)[0].rule.category
                key = (rule_id, category, field, left, right, told)
                found.setdefault(key, []).append(region)
    everywhere = len(regions)
    return tuple(
        Change(
            tuple(places), rule_id, category, field, left, right,
            f"{_where(places, everywhere)}, {told}",
        )
        for (rule_id, category, field, left, right, told), places in found.items()
    )  # fmt: skip


def _rules_in(packs: PackSet, region: str) -> dict[str, list[CompiledRule]]:
    """Rule id → its forms in a region; more than one where an override has an `if`."""
    key = region if region in packs.regions else ELSEWHERE
    found: dict[str, list[CompiledRule]] = {}
    for compiled in packs.compiled:
        if key in compiled.regions:
            found.setdefault(compiled.rule.id, []).append(compiled)
    return found


def _changes(
    was: Sequence[CompiledRule], now: Sequence[CompiledRule]
) -> Iterator[tuple[str, str, str, str]]:
    if not was or not now:
        compiled = (now or was)[0]
        told = f"{_subject(compiled)} {'now' if now else 'no longer'} {_does(compiled)}"
        told += f" (rule {compiled.rule.id} is {'new' if now else 'gone'})"
        yield "rule", *(("", "present") if now else ("present", "")), told
        return
    if len(was) != len(now):
        yield from _split_changes(was, now)
        return
    for old, new in zip(was, now, strict=True):
        yield from _form_changes(old, new)


def _split_changes(
    was: Sequence[CompiledRule], now: Sequence[CompiledRule]
) -> Iterator[tuple[str, str, str, str]]:
    """A rule that is told apart by surface or language now, or no longer."""
    for old in was:
        for new in now:
            before, after = dict(_thresholds(old.rule.when)), dict(_thresholds(new.rule.when))
            narrow = new if len(now) > len(was) else old
            for category in before:
                left, right = before[category], after.get(category, before[category])
                if left != right:
                    told = f"{_subject(narrow)} now {_does(new)} at {right} instead of {left}"
                    yield "threshold", left, right, told
            if old.rule.actions != new.rule.actions:
                left, right = _joined(old.rule.actions), _joined(new.rule.actions)
                told = f"{_subject(narrow)} now {_does(new)}, before it {_does(old)}"
                yield "action", left, right, told


def _form_changes(old: CompiledRule, new: CompiledRule) -> Iterator[tuple[str, str, str, str]]:
    subject, does = _subject(new), _does(new)
    thresholds_only = _without_thresholds(old.rule.when) == _without_thresholds(new.rule.when)
    if thresholds_only:
        for (category, left), (_, right) in zip(
            _thresholds(old.rule.when), _thresholds(new.rule.when), strict=True
        ):
            if left != right:
                named = "" if category == new.rule.category else f" ({category})"
                told = f"{subject} now {does} at {right}{named} instead of {left}"
                yield "threshold", left, right, told
    elif old.rule.when != new.rule.when:
        left, right = describe(old.rule.when), describe(new.rule.when)
        yield "condition", left, right, f"{subject} now {does} when {right}, before when {left}"
    left, right = _joined(old.rule.actions), _joined(new.rule.actions)
    if left != right:
        yield "action", left, right, f"{subject} now {does}, before it {_does(old)}"
    if old.sla != new.sla:
        left, right = _clock(old), _clock(new)
        told = f"{subject} is now due {right}, before {left}"
        yield "clock", left, right, told
    plain: tuple[tuple[str, str, str], ...] = (
        ("severity", old.rule.severity, new.rule.severity),
        ("queue", old.rule.queue, new.rule.queue),
        ("people", old.rule.human.mode, new.rule.human.mode),
        ("exceptions", _joined(old.rule.exceptions), _joined(new.rule.exceptions)),
        ("reason", old.rule.reason_code, new.rule.reason_code),
        ("lock", old.rule.lock, new.rule.lock),
        ("legal basis", _joined(old.cites), _joined(new.cites)),
    )
    for field, left, right in plain:
        if left != right:
            told = f"rule {new.rule.id} has {field} {right or 'none'} instead of {left or 'none'}"
            yield field, left, right, told


def describe(condition: Condition) -> str:
    """A condition in words: `hate ≥ 0.90 and surface is listing`."""
    if condition.all is not None:
        return " and ".join(_bracketed(part) for part in condition.all)
    if condition.any is not None:
        return " or ".join(_bracketed(part) for part in condition.any)
    if condition.negated is not None:
        return f"not {_bracketed(condition.negated)}"
    if condition.score is not None:
        score = condition.score
        upper = "" if score.lt is None else f" and < {score.lt:.2f}"
        return f"{score.category} ≥ {score.gte:.2f}{upper}"
    name, value = condition.predicate
    if hasattr(value, "model_dump"):
        given = value.model_dump(exclude_none=True, by_alias=True, mode="json")
        inside = ", ".join(f"{key} {_plain(each)}" for key, each in given.items())
        return f"{name.replace('_', ' ')} ({inside or 'any'})"
    return f"{name.replace('_', ' ')} is {_plain(value)}"


def _bracketed(condition: Condition) -> str:
    text = describe(condition)
    return f"({text})" if condition.all or condition.any else text


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " or ".join(str(each) for each in value)
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _subject(compiled: CompiledRule) -> str:
    rule = compiled.rule
    surfaces = [
        leaf.surface for leaf, negated in rule.when.leaves() if leaf.surface and not negated
    ]
    where = ""
    if surfaces and set(surfaces[0]) != set(Surface):
        where = " in " + " or ".join(surface.value.replace("_", " ") for surface in surfaces[0])
    name = rule.id if rule.category in {"any", "state_order"} else rule.category.replace("_", " ")
    return f"{name}{where}"


def _does(compiled: CompiledRule) -> str:
    return " and ".join(
        _VERBS.get(action.value, action.value.replace("_", " ")) for action in compiled.rule.actions
    )


def _clock(compiled: CompiledRule) -> str:
    return f"within {compiled.sla.minutes:,} minutes of {compiled.sla.clock.replace('_', ' ')}"


def _joined(values: Sequence[str]) -> str:
    return ", ".join(str(value) for value in values)


def _thresholds(condition: Condition) -> list[tuple[str, str]]:
    return [
        (
            leaf.score.category,
            f"{leaf.score.gte:.2f}" + ("" if leaf.score.lt is None else f"–{leaf.score.lt:.2f}"),
        )
        for leaf, _ in condition.leaves()
        if leaf.score is not None
    ]


def _without_thresholds(condition: Condition) -> str:
    if condition.score is not None:
        return f"score {condition.score.category}"
    if condition.children:
        return f"{condition.predicate[0]}({','.join(map(_without_thresholds, condition.children))})"
    return describe(condition)


def _where(regions: Sequence[str], everywhere: int) -> str:
    if len(regions) == everywhere:
        return "Everywhere"
    named = [region for region in regions if region != ELSEWHERE]
    if ELSEWHERE in regions:
        named.append("regions without a pack")
    if len(named) > 6:
        return f"In {', '.join(named[:5])} and {len(named) - 5} more"
    return "In " + ", ".join(named)
