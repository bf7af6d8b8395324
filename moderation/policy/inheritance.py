"""What each region's rules are once inheritance and overrides are applied.

`baseline → regional → overlay`: a region has the rules of every pack in force that contains it, and
the baseline's; overrides along that chain change them. Rules that come out the same in several
regions are one `CompiledRule`, so that each is evaluated once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moderation.policy.conditions import Condition
from moderation.policy.overrides import Added, Changes, Override
from moderation.policy.rule import Rule, Sla
from moderation.policy.schema import Kind, LegalBasis, Pack

#: Stands for every region that no pack but the baseline contains.
ELSEWHERE = ""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One form of a rule, and where it holds."""

    rule: Rule  #: with overrides applied
    pack: str
    pack_version: str
    chain: tuple[str, ...]  #: `pack@version`, the definition first
    baseline: bool  #: defined by the baseline: its effects are global
    regions: frozenset[str]  #: where it holds; `ELSEWHERE` included if everywhere else too
    territory_size: int  #: of the defining pack; the world is larger than any
    sla: Sla  #: the clock in force: for a global effect, the shortest of all packs
    cites: tuple[str, ...]
    ground: str  #: `terms`, `statute` or `order`

    @property
    def regional_law(self) -> bool:
        """Whether a regional pack restricts on legal grounds (linter rule L6)."""
        return not self.baseline and self.ground != "terms"


@dataclass(frozen=True, slots=True)
class _Form:
    key: tuple[Any, ...]
    rule: Rule
    pack: Pack
    chain: tuple[str, ...]
    basis: tuple[tuple[str, str], ...]  #: (pack, legal basis) pairs


def chain_of(packs: Mapping[str, Pack], pack_id: str) -> tuple[Pack, ...]:
    """A pack and its ancestors, the baseline first. A parent that is not among `packs` ends it."""
    chain: list[Pack] = []
    seen: set[str] = set()
    current: str | None = pack_id
    while current is not None and current in packs and current not in seen:
        seen.add(current)
        chain.append(packs[current])
        current = packs[current].pack.inherits
    return tuple(reversed(chain))


def packs_for(packs: Mapping[str, Pack], region: str) -> tuple[Pack, ...]:
    """The packs that hold in a region, ancestors first; the order of files plays no part."""
    depth = {pack_id: len(chain_of(packs, pack_id)) for pack_id in packs}
    holding = [
        pack
        for pack in packs.values()
        if pack.pack.kind is Kind.BASELINE or region in pack.pack.territory
    ]
    return tuple(sorted(holding, key=lambda pack: (depth[pack.id], pack.id)))


def territories(packs: Iterable[Pack]) -> tuple[str, ...]:
    """All regions that some pack other than the baseline contains."""
    found = {region for pack in packs for region in pack.pack.territory}
    return tuple(sorted(found - {"001"}))


def compile_rules(packs: Mapping[str, Pack]) -> tuple[CompiledRule, ...]:
    """Every distinct form of every rule with the regions where it holds, ordered by rule id."""
    forms: dict[tuple[Any, ...], _Form] = {}
    regions: dict[tuple[Any, ...], set[str]] = {}
    done: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]] = {}
    for region in (ELSEWHERE, *territories(packs.values())):
        chain = packs_for(packs, region)
        names = tuple(pack.id for pack in chain)
        if names not in done:
            found = _forms_of(chain)
            forms.update({form.key: form for form in found})
            done[names] = tuple(form.key for form in found)
        for key in done[names]:
            regions.setdefault(key, set()).add(region)
    compiled = [_compiled(form, regions[key], packs) for key, form in forms.items()]
    compiled.sort(key=lambda entry: (entry.rule.id, entry.chain, sorted(entry.regions)))
    return _with_global_clocks(compiled)


def _forms_of(chain: Sequence[Pack]) -> list[_Form]:
    forms: dict[str, list[_Form]] = {}
    for pack in chain:
        for rule in pack.rules:
            name = f"{pack.id}@{pack.pack.version}"
            basis = tuple((pack.id, each) for each in rule.legal_basis)
            forms[rule.id] = [_Form((rule.id,), rule, pack, (name,), basis)]
        for number, override in enumerate(pack.overrides):
            forms[override.rule] = [
                changed
                for form in forms.get(override.rule, [])
                for changed in _overridden(form, pack, number, override)
            ]
    return [form for own in forms.values() for form in own]


def _overridden(form: _Form, pack: Pack, number: int, override: Override) -> list[_Form]:
    rule = apply_changes(form.rule, override.set)
    changed = _Form(
        (*form.key, pack.id, number, True),
        rule,
        form.pack,
        (*form.chain, f"{pack.id}@{pack.pack.version}"),
        form.basis + tuple((pack.id, each) for each in override.legal_basis),
    )
    if override.only_if is None:
        return [changed]
    here = override.only_if.condition()
    otherwise = Condition(all=(form.rule.when, Condition(negated=here)))
    return [
        replace(
            form,
            key=(*form.key, pack.id, number, False),
            rule=form.rule.model_copy(update={"when": otherwise}),
        ),
        replace(
            changed,
            rule=rule.model_copy(update={"when": Condition(all=(rule.when, here))}),
        ),
    ]


def apply_changes(rule: Rule, changes: Changes) -> Rule:
    """A rule with the changes of an override."""
    update: dict[str, Any] = {}
    for name in sorted(changes.model_fields_set):
        value = getattr(changes, name)
        if value is None:
            continue
        if name == "thresholds":
            when = changes.when or rule.when
            update["when"] = when.with_thresholds(value)
        elif name == "when":
            update.setdefault("when", value)
        elif name in {"actions", "exceptions"}:
            update[name] = _merged(getattr(rule, name), value)
        elif name in {"sla", "human", "notify"}:
            before = getattr(rule, name)
            given = {k: getattr(value, k) for k in value.model_fields_set}
            update[name] = before.model_copy(update=given) if before is not None else value
        else:
            update[name] = value
    # Validated again: a merged rule has to be as sound as one that was written.
    return Rule.model_validate({**_plain(rule), **update})


def _plain(rule: Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in rule.model_fields_set}


def _merged(before: tuple[str, ...], value: tuple[str, ...] | Added) -> tuple[str, ...]:
    if isinstance(value, Added):
        return (*before, *(entry for entry in value.add if entry not in before))
    return tuple(value)


def _compiled(form: _Form, regions: set[str], packs: Mapping[str, Pack]) -> CompiledRule:
    bases = [basis_of(packs, pack_id, name) for pack_id, name in form.basis]
    # An override's legal basis explains the change; what the rule rests on decides its ground.
    grounds = {basis.kind for basis in bases[: len(form.rule.legal_basis)] if basis is not None}
    ground = "order" if form.rule.about_order else "statute" if "statute" in grounds else "terms"
    baseline = form.pack.pack.kind is Kind.BASELINE
    return CompiledRule(
        rule=form.rule,
        pack=form.pack.id,
        pack_version=form.pack.pack.version,
        chain=form.chain,
        baseline=baseline,
        regions=frozenset(regions),
        territory_size=1000 if baseline else len(form.pack.pack.territory),
        sla=form.rule.sla,
        cites=tuple(basis.cite for basis in bases if basis is not None),
        ground=ground,
    )


def basis_of(packs: Mapping[str, Pack], pack_id: str, name: str) -> LegalBasis | None:
    """A legal basis as a pack sees it: its own, or an ancestor's."""
    for pack in reversed(chain_of(packs, pack_id)):
        if name in pack.legal_bases:
            return pack.legal_bases[name]
    return None


def _with_global_clocks(compiled: list[CompiledRule]) -> tuple[CompiledRule, ...]:
    """A global effect is one act, due by the shortest clock of all packs that know the rule."""
    shortest: dict[str, Sla] = {}
    for entry in compiled:
        if entry.baseline:
            best = shortest.get(entry.rule.id)
            if best is None or (entry.sla.minutes, entry.sla.clock) < (best.minutes, best.clock):
                shortest[entry.rule.id] = entry.sla
    return tuple(
        replace(entry, sla=shortest[entry.rule.id]) if entry.baseline else entry
        for entry in compiled
    )
