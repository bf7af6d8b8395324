"""Writes thresholds back into packs as a proposal: text in, text out, all else as it was.

A threshold for a whole category replaces the number in the rule; one for a language or a surface
becomes an override with `if`. The result is parsed and checked before anybody sees it. A floor rule
is never loosened this way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moderation.errors import ModerationError
from moderation.policy import PackSet
from moderation.policy.conditions import Condition
from moderation.policy.document import read_document
from moderation.policy.lint import requires
from moderation.policy.packs import parse_pack
from moderation.policy.rule import HumanMode, Rule
from moderation.policy.schema import Pack
from moderation.tuning.policy_in_force import checked
from moderation.tuning.thresholds import Answer


class ThresholdNotWritten(ModerationError):
    """A threshold cannot be written into the pack by machine."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one answer."""

    rule_id: str
    answer: Answer
    change: str  #: in words


def propose_thresholds(
    packs: PackSet, answers: Sequence[Answer], *, pack_id: str = "baseline"
) -> tuple[dict[str, bytes], tuple[Written, ...]]:
    """The files of a pack set with new thresholds in one pack.

    For a category, `action` sets the lower bound of the rules that act on its score alone, and the
    upper bound of the review bands; `review` sets the lower bound of the bands.

    Raises:
        ThresholdNotWritten: the pack has no rule for a category, or is written in a form that
            cannot be edited safely.
        PackError: the result breaks a safety constraint.
    """
    name = packs.documents[pack_id].file
    text = packs.files[name].decode()
    written: list[Written] = []
    by_place: dict[tuple[str, str | None, str | None], dict[str, Answer]] = {}
    for answer in answers:
        if answer.threshold is not None:
            place = (answer.category, answer.language, answer.surface)
            by_place.setdefault(place, {})[answer.purpose] = answer
    for (category, language, surface), wanted in by_place.items():
        pack = parse_pack(read_document(name, text.encode()))
        rules = [rule for rule in pack.rules if _acts_on(rule, category)]
        if not rules:
            raise ThresholdNotWritten(f"{name} has no rule that acts on the score of {category}")
        for rule in rules:
            chosen = wanted.get("review" if _is_band(rule) else "action")
            if chosen is None or chosen.threshold is None:
                continue
            upper = wanted["action"].threshold if _is_band(rule) and "action" in wanted else None
            if upper is not None and upper <= chosen.threshold:
                continue  # acting from so low a score on leaves no band to review
            if language is None and surface is None:
                text = _in_place(text, name, pack, rule, category, chosen.threshold, upper)
            else:
                text = _override(text, pack, rule, category, chosen.threshold, upper, chosen)
            written.append(Written(rule.id, chosen, _told(rule, chosen)))
    files = {**packs.files, name: text.encode()}
    checked(files, today=packs.today)
    return files, tuple(written)


def _acts_on(rule: Rule, category: str) -> bool:
    """Whether the score of the category decides: no report, order or hash could do it instead."""

    def scored(leaf: Condition) -> bool:
        return leaf.score is not None and leaf.score.category == category

    return rule.category == category and rule.lock != "floor" and requires(rule.when, scored)


def _is_band(rule: Rule) -> bool:
    bounded = any(leaf.score is not None and leaf.score.lt for leaf, _ in rule.when.leaves())
    return bounded or (
        not rule.effects.restricts and rule.human.mode is not HumanMode.LEGAL_TWO_PERSON
    )


def _in_place(
    text: str, name: str, pack: Pack, rule: Rule, category: str, gte: float, lt: float | None
) -> str:
    lines = text.split("\n")
    document = read_document(name, text.encode())
    number = pack.rules.index(rule)
    first = document.line(("rules", number)) - 1
    last = document.line(("rules", number, "actions")) - 1
    pattern = re.compile(rf"(category:\s*{category},\s*gte:\s*)([0-9.]+)((?:,\s*lt:\s*)([0-9.]+))?")
    changed = 0
    for line in range(first, last + 1):

        def new(match: re.Match[str]) -> str:
            upper = match[3] or ""
            if upper and lt is not None:
                upper = upper.replace(match[4], f"{lt:.2f}")
            return f"{match[1]}{gte:.2f}{upper}"

        lines[line], count = pattern.subn(new, lines[line])
        changed += count
    if changed != 1:
        raise ThresholdNotWritten(
            f"{name}, rule {rule.id}: expected one '{{category: {category}, gte: …}}' and found "
            f"{changed}; change it by hand"
        )
    return "\n".join(lines)


def _override(
    text: str, pack: Pack, rule: Rule, category: str, gte: float, lt: float | None, answer: Answer
) -> str:
    where = ", ".join(
        f"{key}: [{value}]"
        for key, value in (("surface", answer.surface), ("language", answer.language))
        if value is not None
    )
    if lt is None or rule.when.score is None:
        change = f"thresholds: {{{category}: {gte:.2f}}}"
    else:
        change = f"when: {{score: {{category: {category}, gte: {gte:.2f}, lt: {lt:.2f}}}}}"
    entry = (
        f"  - rule: {rule.id}\n    if: {{{where}}}\n    set: {{{change}}}\n"
        f"    legal_basis: [{', '.join(rule.legal_basis)}]\n"
    )
    found = re.search(r"^overrides:.*\n", text, flags=re.MULTILINE)
    if found is not None:
        return text[: found.end()] + entry + text[found.end() :]
    return text.rstrip("\n") + "\noverrides:\n" + entry


def _told(rule: Rule, answer: Answer) -> str:
    before = next(
        leaf.score.gte
        for leaf, _ in rule.when.leaves()
        if leaf.score is not None and leaf.score.category == answer.category
    )
    where = " ".join(filter(None, (answer.language, answer.surface))) or "everywhere"
    return f"{rule.id}: {answer.category} from {before:.2f} to {answer.threshold:.2f} ({where})"


def changed_files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, bytes]:
    """Only the files that are different."""
    return {name: content for name, content in after.items() if before.get(name) != content}
