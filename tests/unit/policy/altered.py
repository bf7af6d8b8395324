"""Packs that differ from the shipped ones in one place."""

from __future__ import annotations

import datetime

from moderation.policy import PackError, PackProblem, PackSet
from moderation.policy.lint import safety_problems

TODAY = datetime.date(2026, 12, 1)


def altered(shipped: PackSet, name: str, *changes: tuple[str, str]) -> dict[str, bytes]:
    """The worked packs (baseline, eu, de, in) with text replaced in one of them."""
    text = shipped.files[name].decode()
    for before, after in changes:
        assert before in text, f"{before!r} is not in {name}"
        text = text.replace(before, after, 1)
    worked = ("baseline.yaml", "eu.yaml", "de.yaml", "in.yaml")
    return {**{each: shipped.files[each] for each in worked}, name: text.encode()}


def problems_of(
    files: dict[str, bytes], *, today: datetime.date = TODAY
) -> tuple[PackProblem, ...]:
    """What is wrong with these files, whether they parse or not."""
    try:
        packs = PackSet.from_files(files, today=today)
    except PackError as error:
        return error.problems
    return tuple(safety_problems(packs))


def extra_rule(**changes: str) -> str:
    """A small valid rule of the pack `in` as YAML, with fields replaced."""
    fields = {
        "id": "IN-TEST-01",
        "category": "spam",
        "severity": "P3",
        "lock": "none",
        "when": "{score: {category: spam, gte: 0.99}}",
        "actions": "[limit_distribution]",
        "scope": "pack_territory",
        "queue": "spam",
        "sla": "{clock: detected, minutes: 60}",
        "human": "{mode: before_final}",
        "legal_basis": "[IT-3-1-D]",
        "reason_code": "RC-301",
        "exceptions": "[]",
        **changes,
    }
    return "  - " + "\n    ".join(f"{name}: {value}" for name, value in fields.items()) + "\n"


def with_rule(shipped: PackSet, **changes: str) -> dict[str, bytes]:
    """The worked packs with one more rule in the pack `in`."""
    return altered(shipped, "in.yaml", ("rules:\n", "rules:\n" + extra_rule(**changes)))
