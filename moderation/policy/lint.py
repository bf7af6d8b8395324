"""The safety constraints L1 to L12. A pack that breaks one does not load.

- L1: only the baseline may act globally or remove
- L2: an override of a floor rule may only shorten its clock, add actions, lower thresholds
- L3: floor rules have no exceptions
- L4: every rule has a legal basis that resolves, a clock, and a notice in en and zh-Hans
- L5: an order restricts only if verified, in its own territory, checked by two people, published,
  and told to the author
- L6: what serves orders only withholds or labels, with a rights form and an entry in the register
- L7: no rule looks at origin, nationality or religion, or at the fact that a text was disguised
- L8: proactive political detection is off, and no tag or list stands in for it
- L9: only a verified hash match, or P3 spam that can be appealed, is final without a person
- L10: switching off the scanning of private messages leaves reports of them working
- L11: a pack past its review date is a draft (the baseline stays, with a warning)
- L12: the golden items come out as expected
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from moderation.items import Surface
from moderation.policy.conditions import Condition
from moderation.policy.document import Path as Place
from moderation.policy.effects import Action, effects_of
from moderation.policy.golden import golden_problems, read_golden
from moderation.policy.inheritance import apply_changes, chain_of
from moderation.policy.overrides import Changes, Override
from moderation.policy.packs import PackSet, read_pack_files
from moderation.policy.problems import PackError, PackProblem
from moderation.policy.rule import Clock, HumanMode, Rule
from moderation.policy.schema import Kind, Pack

_NOTICE_LANGUAGES = ("en", "zh-Hans")
_UNATTENDED = frozenset({HumanMode.NONE, HumanMode.SAMPLED})
_FINAL = frozenset(
    {
        Action.REMOVE,
        Action.GEO_RESTRICT,
        Action.TEMPORARY_BLOCK,
        Action.SUSPEND_ACCOUNT,
        Action.TERMINATE_ACCOUNT,
        Action.TERMINATE_PAYOUTS,
    }
)
_SERVES_ORDERS = frozenset(
    {Action.GEO_RESTRICT, Action.TEMPORARY_BLOCK, Action.ALLOW_WITH_LABEL, Action.QUEUE_FOR_REVIEW}
)
_FLOOR_CHANGES = frozenset({"sla", "actions", "thresholds"})
_FORBIDDEN_NAMES = {
    "L7": ("nationality", "author_region", "religion", "ethnic", "disguis", "evasion", "obfuscat"),
    "L8": ("politic", "dissent", "protest"),
}


def lint(directory: Path, packs: PackSet) -> tuple[PackProblem, ...]:
    """Everything there is to say about a folder of packs, warnings included, in order of place.

    Args:
        directory: the folder, for its golden items.
        packs: the set parsed from it, with `PackSet.from_files`.
    """
    found = [*safety_problems(packs), *advice(packs)]
    try:
        found.extend(golden_problems(packs, read_golden(directory)))
    except PackError as error:
        found.extend(error.problems)
    return tuple(sorted(set(found)))


def lint_directory(directory: Path, **when: object) -> tuple[PackProblem, ...]:
    """`lint` for a folder that may not even parse."""
    try:
        packs = PackSet.from_files(read_pack_files(directory), **when)  # type: ignore[arg-type]
    except PackError as error:
        return error.problems
    return lint(directory, packs)


def safety_problems(packs: PackSet) -> Iterator[PackProblem]:
    """Every breach of L1 to L11 in any pack, drafts included."""
    for pack_id in sorted(packs.packs):
        pack, say = packs.packs[pack_id], packs.documents[pack_id].problem
        if pack.switches.proactive_political_detection != "off":
            message = "must be off in every pack; set it to off"
            yield say(("switches", "proactive_political_detection"), message, code="L8")
        for number, rule in enumerate(pack.rules):
            for check in _RULE_CHECKS:
                for place, message in check(packs, pack, rule):
                    yield say(("rules", number, *place), message, code=_code(check))
        yield from _override_problems(packs, pack)
    yield from packs.notes


def advice(packs: PackSet) -> Iterator[PackProblem]:
    """Warnings: things that work and deserve a second look."""
    for pack_id in sorted(packs.packs):
        pack, say = packs.packs[pack_id], packs.documents[pack_id].problem
        for name, basis in pack.legal_bases.items():
            if basis.kind != "terms" and basis.checked_on is None:
                message = "say when the text was last checked: add checked_on"
                yield say(("legal_bases", name), message, warning=True)
        for number, rule in enumerate(pack.rules):
            if rule.effects.restricts and rule.sor is None:
                message = "restricts without facts for a statement of reasons; add sor"
                yield say(("rules", number, "sor"), message, warning=True)


Found = Iterator[tuple[Place, str]]


def _l1(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    if pack.pack.kind is Kind.BASELINE:
        if rule.scope != "global":
            yield ("scope",), "the baseline acts everywhere; write scope: global"
        return
    if rule.scope == "global":
        yield ("scope",), "only the baseline acts globally; write scope: pack_territory"
    if Action.REMOVE in rule.actions:
        yield ("actions",), "only the baseline removes; write geo_restrict"


def _l3(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    if rule.lock == "floor" and rule.exceptions:
        yield ("exceptions",), "a floor rule has no exceptions; write exceptions: []"


def _l4(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    texts = _notices(packs, pack, rule.reason_code)
    for language in _NOTICE_LANGUAGES:
        if language not in texts:
            message = f"{rule.reason_code} has no notice in {language}; add it under notices"
            yield ("reason_code",), message


def _l5(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    if rule.category == "state_order" and not rule.about_order:
        yield ("when",), "a rule on state orders needs an order in its condition"
    if not rule.about_order or not rule.effects.restricts:
        return
    if pack.pack.kind is Kind.BASELINE:
        yield ("actions",), "an order is served by a regional pack only; use queue_for_review here"
        return
    home = {pack.id.upper(), *pack.pack.territory}
    if not requires(rule.when, lambda leaf: leaf.order is not None and leaf.order.verified is True):
        yield ("when",), "an unverified order restricts nothing; add verified: true to every order"
    if not requires(
        rule.when, lambda leaf: leaf.order is not None and leaf.order.territory in home
    ):
        message = f"the order must be for this pack's territory; add territory: {pack.id.upper()}"
        yield ("when",), message
    if rule.human.mode is not HumanMode.LEGAL_TWO_PERSON:
        yield ("human", "mode"), "an order is checked by two people; write legal_two_person"
    if rule.transparency is None or not rule.transparency.publish:
        yield (
            ("transparency",),
            "an order is counted in public; write transparency: {publish: true}",
        )
    notice = rule.notify.author if rule.notify is not None else None
    if notice not in {"required", "required_unless_order_forbids"}:
        yield (
            ("notify",),
            "the author is told; write notify: {author: required_unless_order_forbids}",
        )


def _l6(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    if not rule.about_order or pack.pack.kind is Kind.BASELINE or not rule.effects.restricts:
        return
    sides = {action for action in rule.actions if not effects_of((action,)).restricts}
    excess = set(rule.actions) - _SERVES_ORDERS - sides
    if excess:
        names = ", ".join(sorted(excess))
        yield ("actions",), f"an order can only withhold or label, not {names}; use geo_restrict"
    if rule.human.form != "order_rights_review":
        yield ("human", "form"), "orders reach political speech; write form: order_rights_review"
    register = rule.transparency
    if register is None or register.count_as is None or register.archive != "order_register":
        message = "add count_as: government_order and archive: order_register"
        yield ("transparency",), message


def _l7(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    yield from _named(rule, "L7", "no rule looks at origin or at disguise; remove it")


def _l8(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    yield from _named(rule, "L8", "no rule looks for political opinion; remove it")


def _l9(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    final = sorted(_FINAL & set(rule.actions))
    if not final or rule.human.mode not in _UNATTENDED:
        return
    if requires(rule.when, lambda leaf: (leaf.hash_match or "").endswith("_verified")):
        return
    if rule.category == "spam" and rule.severity == "P3" and _appeal(packs, pack, rule):
        return
    message = f"{', '.join(final)} needs a person before it is final; write mode: before_final"
    yield ("human", "mode"), message


def _l10(packs: PackSet, pack: Pack, rule: Rule) -> Found:
    if rule.lock != "floor" or not any(leaf.report for leaf, _ in rule.when.leaves()):
        return
    for leaf, negated in rule.when.leaves():
        if leaf.surface and (Surface.DIRECT_MESSAGE in leaf.surface) is negated:
            message = "a reported private message must still meet this floor rule; include it"
            yield ("when",), message


_RULE_CHECKS: tuple[Callable[[PackSet, Pack, Rule], Found], ...] = (
    _l1,
    _l3,
    _l4,
    _l5,
    _l6,
    _l7,
    _l8,
    _l9,
    _l10,
)


def _override_problems(packs: PackSet, pack: Pack) -> Iterator[PackProblem]:
    say = packs.documents[pack.id].problem
    rules: dict[str, Rule] = {}
    for each in chain_of(packs.packs, pack.id):
        rules.update({rule.id: rule for rule in each.rules})
        for number, override in enumerate(each.overrides):
            before = rules[override.rule]
            after = apply_changes(before, override.set)
            if override.only_if is None:
                rules[override.rule] = after
            if each is pack:
                for code, path, message in _change_problems(packs, pack, override, before, after):
                    yield say(("overrides", number, "set", *path), message, code=code)


def _change_problems(
    packs: PackSet, pack: Pack, override: Override, before: Rule, after: Rule
) -> Iterator[tuple[str, Place, str]]:
    if pack.pack.kind is not Kind.BASELINE:
        if override.set.scope == "global":
            yield "L1", ("scope",), "only the baseline acts globally; remove scope"
        if Action.REMOVE in set(after.actions) - set(before.actions):
            yield "L1", ("actions",), "only the baseline removes; write geo_restrict"
    if before.lock == "floor":
        for field, message in _loosened(before, after, override.set):
            yield "L2", (field,), message
        return
    for check in _RULE_CHECKS:
        if check is not _l1:
            for path, message in check(packs, pack, after):
                yield _code(check), path, message


def _code(check: Callable[[PackSet, Pack, Rule], Found]) -> str:
    return check.__name__.removeprefix("_").upper()


def _loosened(before: Rule, after: Rule, changes: Changes) -> Iterator[tuple[str, str]]:
    for field in sorted(changes.model_fields_set - _FLOOR_CHANGES):
        yield field, "cannot change on a floor rule; remove it"
    if after.sla.minutes > before.sla.minutes:
        message = f"a floor rule's clock may only shorten: at most {before.sla.minutes} minutes"
        yield "sla", message
    clocks = list(Clock)
    if clocks.index(after.sla.clock) > clocks.index(before.sla.clock):
        yield "sla", f"a floor rule's clock may not start later than {before.sla.clock}"
    lost = set(before.actions) - set(after.actions)
    if lost:
        names = ", ".join(sorted(lost))
        yield "actions", f"a floor rule keeps {names}; write actions: {{add: [...]}}"
    for category, threshold in (changes.thresholds or {}).items():
        for leaf, negated in before.when.leaves():
            score = leaf.score
            if score is None or score.category != category:
                continue
            if negated or threshold > score.gte:
                message = f"a floor rule's threshold may only fall: at most {score.gte:g}"
                yield "thresholds", message
            elif score.lt is not None:
                yield "thresholds", "a band of a floor rule cannot be moved"


def requires(condition: Condition, test: Callable[[Condition], bool]) -> bool:
    """Whether no item can meet the condition without meeting a predicate that passes the test."""
    if condition.all is not None:
        return any(requires(child, test) for child in condition.all)
    if condition.any is not None:
        return all(requires(child, test) for child in condition.any)
    return condition.negated is None and test(condition)


def _named(rule: Rule, code: str, message: str) -> Found:
    for leaf, _ in rule.when.leaves():
        for word in _names_in(leaf):
            if any(part in word.lower() for part in _FORBIDDEN_NAMES[code]):
                yield ("when",), f"{leaf.predicate[0]} {word!r}: {message}"


def _names_in(leaf: Condition) -> tuple[str, ...]:
    names = (*(leaf.image_tag or ()), *(leaf.reviewer_label or ()))
    if leaf.hash_match is not None:
        names += (leaf.hash_match,)
    if leaf.keyword_list is not None:
        names += (leaf.keyword_list.id,)
    if leaf.observation is not None:
        names += (leaf.observation.name,)
    return names


def _notices(packs: PackSet, pack: Pack, reason_code: str) -> set[str]:
    chain = chain_of(packs.packs, pack.id)
    return {language for each in chain for language in each.notices.get(reason_code, {})}


def _appeal(packs: PackSet, pack: Pack, rule: Rule) -> bool:
    chain = chain_of(packs.packs, pack.id)
    return rule.appeal is not None or any(each.defaults.appeal for each in chain)
