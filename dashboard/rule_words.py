"""A policy rule as sentences, for people who do not read YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dashboard.wording import category_title, duration, language_title, spoken, surface_title
from moderation.items import OrderDemand
from moderation.policy.conditions import Condition
from moderation.policy.schema import HumanMode, Rule


def when(condition: Condition) -> str:
    """The condition in words: `the score for hate is at least 90% and the language is Chinese`."""
    if condition.all is not None:
        return _joined(condition.all, " and ")
    if condition.any is not None:
        return _joined(condition.any, " or ")
    if condition.negated is not None:
        return f"not ({when(condition.negated)})"
    name, value = condition.predicate
    return _WORDS.get(name, _other)(value)


def then(rule: Rule) -> str:
    """What the rule does: `hold for review, preserve evidence`."""
    return ", ".join(spoken(action.value) for action in rule.actions)


def people(rule: Rule) -> str:
    """When a person looks, and by when."""
    words = {
        HumanMode.NONE: "no person looks",
        HumanMode.SAMPLED: "a person checks a sample",
        HumanMode.AFTER_INTERIM_ACTION: "a person looks after the interim measure",
        HumanMode.BEFORE_FINAL: "a person decides",
        HumanMode.SPECIALIST_ONLY: "a specialist decides",
        HumanMode.LEGAL_TWO_PERSON: "two people decide together",
    }[rule.human.mode]
    if rule.human.mode is HumanMode.NONE:
        return words
    return f"{words} within {duration(rule.sla.minutes * 60)} of {_CLOCKS[rule.sla.clock.value]}"


_CLOCKS = {
    "detected": "detection",
    "report_received": "the report",
    "valid_notice": "a complete notice",
    "order_received": "the order",
}


def _joined(parts: Iterable[Condition], word: str) -> str:
    sentences = [
        f"({when(part)})" if part.children and part.negated is None else when(part)
        for part in parts
    ]
    return word.join(sentences) if len(sentences) > 1 else sentences[0].strip("()")


def _category(category_id: str) -> str:
    title = category_title(category_id)
    return title[:1].lower() + title[1:]


def _score(value: Any) -> str:
    words = f"the score for {_category(value.category)} is at least {value.gte:.0%}"
    return f"{words} and below {value.lt:.0%}" if value.lt is not None else words


def _reach(value: Any) -> str:
    parts = []
    if value.views_gte is not None:
        parts.append(f"{value.views_gte:,.0f} expected views")
    if value.views_per_hour_gte is not None:
        parts.append(f"{value.views_per_hour_gte:,.0f} views per hour")
    if value.room_size_gte is not None:
        parts.append(f"{value.room_size_gte:,} listeners")
    return "it reaches at least " + " or ".join(parts)


def _strikes(value: Any) -> str:
    what = _category(value.category) if value.category else spoken(value.kind or "")
    return f"its author has {value.gte} or more strikes ({what}) in {value.window_days} days"


def _report(value: Any) -> str:
    kind = " or ".join(spoken(name) for name in value.kind or ())
    words = "it was reported" + (f" as {kind}" if kind else "")
    if value.source is not None:
        words += f" by a {spoken(value.source.value)}"
    return words + (" with a complete notice" if value.complete else "")


def _order(value: Any) -> str:
    if value.conflict:
        return "verified orders contradict each other"
    kind = " or ".join(_order_kind(name) for name in value.kind or ()) or "order"
    if value.verified is not None:
        kind = f"{'verified' if value.verified else 'unverified'} {kind}"
    words = f"there is {'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    if value.territory:
        words += f" for {value.territory}"
    if value.claims_worldwide is not None:
        words += (
            f" that {'claims' if value.claims_worldwide else 'does not claim'} to hold worldwide"
        )
    elif value.demand is OrderDemand.MUST_CARRY:
        words += " to keep it visible"
    elif not value.kind:
        words += " to restrict it"
    return words


def _order_kind(name: str) -> str:
    """`court` → `court order`; `tco_removal_order` says itself what it is."""
    called = spoken(name)
    return called if called.endswith(_ORDERS) else f"{called} order"


_ORDERS = ("order", "notice", "request", "direction", "decision")


def _aspect(value: Any) -> str:
    if value.value == "never_render":
        return "what it matches may never be shown"
    return f"it reads as {spoken(value.value)}"


def _problem(codes: Any) -> str:
    if tuple(codes) == ("any",):
        return "some of it could not be looked at"
    return f"some of it could not be looked at: {' or '.join(map(spoken, codes))}"


def _listed(lead: str, title: Callable[[str], str] = spoken) -> Callable[[Any], str]:
    def words(values: Any) -> str:
        names = [title(getattr(value, "value", value)) for value in values]
        return f"{lead} {' or '.join(names)}"

    return words


def _age(bracket: str) -> str:
    return {
        "under_13": "under 13",
        "13_15": "13 to 15",
        "16_17": "16 or 17",
        "18_plus": "18 or older",
        "unknown": "of unknown age",
    }.get(bracket, bracket)


def _other(value: Any) -> str:
    return str(value)


_WORDS: dict[str, Callable[[Any], str]] = {
    "score": _score,
    "surface": _listed("it is a", lambda name: surface_title(name).lower()),
    "author_age": _listed("its author is", _age),
    "recipient_age": _listed("its recipient is", _age),
    "viewer_age": _listed("the viewer is", _age),
    "guardian_linked": lambda value: f"a guardian is {'linked' if value else 'not linked'}",
    "account_age_days": lambda value: f"the account is younger than {value.lt:g} days",
    "reach": _reach,
    "strikes": _strikes,
    "hash_match": lambda value: f"a picture matches the bank “{spoken(value)}”",
    "keyword_list": lambda value: (
        f"{value.min_hits} or more hits in the phrase bank “{spoken(value.id)}”"
    ),
    "language": _listed("the language is", language_title),
    "image_tag": _listed("a picture shows"),
    "declared_synthetic": lambda value: (
        f"its author {'says' if value else 'denies'} that it is synthetic"
    ),
    "reviewer_label": _listed("it is labelled"),
    "report": _report,
    "order": _order,
    "problem": _problem,
    "aspect": _aspect,
    "observation": lambda value: f"{spoken(value.name)} was noticed",
}
