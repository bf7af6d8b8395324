"""A pack set made ready for evaluation: numbered entries, their effects as bits, their ranks, and
which regions share the same entries. Built once per pack set."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from moderation.errors import UnknownRegion
from moderation.policy.codes import (
    REVIEW_SHIFT,
    SAMPLE_SHIFT,
    SEVERITY_SHIFT,
    encode,
    thermometer,
)
from moderation.policy.effects import Effects
from moderation.policy.facts import score_column
from moderation.policy.inheritance import ELSEWHERE, CompiledRule
from moderation.policy.matching import Matcher
from moderation.policy.packs import PackSet
from moderation.policy.rule import Clock, HumanMode
from moderation.policy.schema import Process
from moderation.policy.verdict import RuleHit, Verdict

_REGION = re.compile(r"[A-Z]{2}\Z")
#: Combinations of regions that a plan keeps ready.
_MOST_LAYOUTS = 256

_DUTY = {HumanMode.NONE: 0, HumanMode.SAMPLED: 1}


@dataclass(frozen=True, slots=True)
class Entry:
    """A compiled rule, or its reduced form for political speech."""

    rule: int  #: index into `Plan.rules`
    reduced: bool
    effects: Effects
    code: int
    minutes: int
    queue: str
    restricts: bool  #: on any axis
    severity: int  #: 0 for P0
    floor: bool
    ground: str  #: `terms`, `statute` or `order`
    category: str


class ScoreLeaf(NamedTuple):
    """A score that a rule asks for: in [low, high), as float32 like the scores themselves."""

    column: int  #: of `Facts.scores`
    category: str
    gte: float  #: the lower bound as the rule is written
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Viewer regions that are asked for together. Those with the same rules share a group.

    Attributes:
        regions: each region once, in the order they were asked for.
        group_of: region → its group, numbered from 0 within this layout.
        everywhere: for each entry, whether it holds in all groups.
        rows: for each entry, the groups in which it holds.
        member_bits: for each group, its entries as the bits of a number.
        process: for each region, the place of its duties in `Plan.process_groups`.
    """

    regions: tuple[str, ...]
    group_of: Mapping[str, int]
    everywhere: list[bool]
    rows: list[list[int]]
    member_bits: list[int]
    process: list[int]


def entry_bits(entries: Iterable[int]) -> int:
    """Numbers of entries as the bits of one number."""
    bits = 0
    for entry in entries:
        bits |= 1 << entry
    return bits


class Plan:
    """What evaluation needs of a pack set."""

    def __init__(self, packs: PackSet) -> None:
        self.packs = packs
        self.rules: tuple[CompiledRule, ...] = packs.compiled
        groups = [
            (compiled.pack.upper(), frozenset(packs.packs[compiled.pack].pack.territory))
            for compiled in self.rules
        ]
        self.matcher = Matcher([compiled.rule.when for compiled in self.rules], groups)
        self.entries: list[Entry] = []
        self.normal: list[int] = []  #: rule → its entry
        self.reduced: dict[int, int] = {}  #: rule → its entry for political speech
        for index, compiled in enumerate(self.rules):
            self.normal.append(len(self.entries))
            effects = compiled.rule.effects
            self.entries.append(_entry(index, compiled, effects, reduced=False))
            if compiled.regional_law and effects.for_political_speech() != effects:
                self.reduced[index] = len(self.entries)
                less = effects.for_political_speech()
                self.entries.append(_entry(index, compiled, less, reduced=True))
        #: `(n_entries,)` the place of each entry when the reason shown is chosen, 0 first.
        self.reason_rank = _ranks([self._reason_key(entry) for entry in self.entries])
        #: `(n_entries,)` the place of each entry when the queue is chosen, 0 first.
        self.queue_rank = _ranks([self._queue_key(entry) for entry in self.entries])
        #: The same as lists, for one row.
        self.reason_ranks: list[int] = self.reason_rank.tolist()
        self.queue_ranks: list[int] = self.queue_rank.tolist()
        self.by_queue_rank = np.argsort(self.queue_rank)
        self.by_reason_rank = np.argsort(self.reason_rank)
        self._group_regions()

    @classmethod
    def of(cls, packs: PackSet) -> Plan:
        """The plan of a pack set, made once."""
        plan = _PLANS.get(packs)
        if plan is None:
            plan = _PLANS[packs] = cls(packs)
        return plan

    def _group_regions(self) -> None:
        members: dict[tuple[tuple[int, ...], tuple[str, ...]], int] = {}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._kept: dict[Hashable, Mapping[str, Verdict]] = {}
        self.group_of: dict[str, int] = {}
        for region in (ELSEWHERE, *self.packs.regions):
            own = tuple(
                number
                for number, entry in enumerate(self.entries)
                if region in self.rules[entry.rule].regions
            )
            duties = tuple(duty.id for duty in self.process_of[region])
            self.group_of[region] = members.setdefault((own, duties), len(members))
        #: `(n_groups, n_entries)` bool: which entries hold in which group of regions.
        self.members: npt.NDArray[np.bool_] = np.zeros(
            (len(members), len(self.entries)), dtype=bool
        )
        for (own, _), group in members.items():
            self.members[group, list(own)] = True

    def layout(self, regions: Sequence[str]) -> Layout:
        """The layout of some viewer regions. Kept for the combinations that are asked for again
        and again.

        Raises:
            UnknownRegion: a name that is not an ISO 3166-1 alpha-2 code.
        """
        asked = tuple(dict.fromkeys(regions))
        found = self._layouts.get(asked)
        if found is None:
            found = self._laid_out(asked)
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[asked] = found
        return found

    def kept_verdicts(
        self, key: Hashable, made: Callable[[], Mapping[str, Verdict]]
    ) -> Mapping[str, Verdict]:
        """Verdicts under a key, made once; whoever reads them changes them no more."""
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_LAYOUTS:
                self._kept.clear()
            found = self._kept[key] = made()
        return found

    def _laid_out(self, regions: tuple[str, ...]) -> Layout:
        of_region = self.groups_of(regions)
        groups = sorted(set(of_region))
        members = self.members[groups]
        return Layout(
            regions=regions,
            group_of={r: groups.index(g) for r, g in zip(regions, of_region, strict=True)},
            everywhere=np.asarray(members.all(axis=0)).tolist(),
            rows=[column.nonzero()[0].tolist() for column in members.T],
            member_bits=[entry_bits(own.nonzero()[0].tolist()) for own in members],
            process=[self.process_group(region) for region in regions],
        )

    def groups_of(self, regions: Sequence[str]) -> list[int]:
        """The group of each region; a region without a pack has the baseline's.

        Raises:
            UnknownRegion: a name that is not an ISO 3166-1 alpha-2 code.
        """
        elsewhere = self.group_of[ELSEWHERE]
        found = []
        for region in regions:
            if not _REGION.match(region):
                raise UnknownRegion(
                    f"{region!r} is not a viewer region; give an ISO 3166-1 alpha-2 code in "
                    "capitals, such as DE"
                )
            found.append(self.group_of.get(region, elsewhere))
        return found

    def _reason_key(self, entry: Entry) -> tuple[object, ...]:
        """The reason shown: a floor rule before others; of the rules that alone explain the most
        restrictive effect, the one with the narrowest territory; then severity, then rule id."""
        compiled, effects = self.rules[entry.rule], entry.effects
        axes = (effects.visibility, effects.distribution, effects.account, effects.money)
        leading = next((n for n, axis in enumerate(axes) if axis.rank), len(axes))
        strength = axes[leading].rank if leading < len(axes) else 0
        return (
            leading,
            -strength,
            compiled.rule.lock != "floor",
            compiled.territory_size,
            compiled.rule.severity.rank,
            compiled.rule.id,
            compiled.chain,
            entry.reduced,
        )

    def _queue_key(self, entry: Entry) -> tuple[object, ...]:
        """The queue of the job: rules that need a person before those that sample; then severity,
        the shorter clock, the rule id. Rules without a queue come last."""
        compiled = self.rules[entry.rule]
        return (
            compiled.rule.queue == "none",
            -_DUTY.get(compiled.rule.human.mode, 2),
            compiled.rule.severity.rank,
            entry.minutes,
            compiled.rule.id,
            compiled.chain,
            entry.reduced,
        )

    @cached_property
    def templates(self) -> list[RuleHit]:
        """A `RuleHit` per entry, without what depends on the item."""
        return [self._template(entry) for entry in self.entries]

    def _template(self, entry: Entry) -> RuleHit:
        compiled = self.rules[entry.rule]
        rule = compiled.rule
        sor = rule.sor
        notice = rule.notify.author if rule.notify is not None else None
        return RuleHit(
            rule_id=rule.id,
            pack=compiled.pack,
            pack_version=compiled.pack_version,
            chain=compiled.chain,
            category=rule.category,
            severity=rule.severity,
            floor=rule.lock == "floor",
            actions=tuple(action.value for action in rule.actions),
            scope=rule.scope,
            reason_code=rule.reason_code,
            queue=rule.queue,
            sla_clock=Clock(compiled.sla.clock),
            sla_minutes=entry.minutes,
            human_mode=rule.human.mode,
            display=rule.human.display,
            form=rule.human.form or ("order_rights_review" if entry.reduced else None),
            legal_basis=rule.legal_basis,
            legal_cites=compiled.cites,
            ground=compiled.ground,
            dsa_category=sor.category if sor else None,
            dsa_keywords=sor.keywords if sor else (),
            also_illegal=sor.also_illegal if sor else False,
            author_notice=notice or "required",
            expires_after_days=rule.expires_after_days,
            reduced_for_political_speech=entry.reduced,
        )

    @cached_property
    def score_leaves(self) -> list[tuple[ScoreLeaf, ...]]:
        """Per rule, its scores that are not negated."""
        return [
            tuple(
                ScoreLeaf(
                    score_column(leaf.score.category),
                    leaf.score.category,
                    leaf.score.gte,
                    float(np.float32(leaf.score.gte)),
                    np.inf if leaf.score.lt is None else float(np.float32(leaf.score.lt)),
                )
                for leaf, negated in compiled.rule.when.leaves()
                if leaf.score is not None and not negated
            )
            for compiled in self.rules
        ]

    @cached_property
    def process_groups(self) -> tuple[tuple[Process, ...], ...]:
        """The distinct duties that regions have; `process_group` says which."""
        return tuple(dict.fromkeys(self.process_of.values()))

    def process_group(self, region: str | None) -> int:
        """Place of a region's duties in `process_groups`."""
        return self._process_group.get(region or ELSEWHERE, self._process_group[ELSEWHERE])

    @cached_property
    def _process_group(self) -> Mapping[str, int]:
        place = {duties: number for number, duties in enumerate(self.process_groups)}
        return {region: place[duties] for region, duties in self.process_of.items()}

    @cached_property
    def process_of(self) -> Mapping[str, tuple[Process, ...]]:
        """Region → the process duties of its packs, the baseline's first."""
        return {
            region: tuple(duty for pack in self.packs.packs_for(region) for duty in pack.process)
            for region in (ELSEWHERE, *self.packs.regions)
        }


def _entry(index: int, compiled: CompiledRule, effects: Effects, *, reduced: bool) -> Entry:
    rule = compiled.rule
    duty = _DUTY.get(rule.human.mode, 2)
    code = encode(effects)
    code |= (duty == 2) << REVIEW_SHIFT
    code |= (duty == 1) << SAMPLE_SHIFT
    code |= thermometer(5 - rule.severity.rank) << SEVERITY_SHIFT
    return Entry(
        rule=index,
        reduced=reduced,
        effects=effects,
        code=code,
        minutes=compiled.sla.minutes,
        queue=rule.queue,
        restricts=effects.restricts,
        severity=rule.severity.rank,
        floor=rule.lock == "floor",
        ground=compiled.ground,
        category=rule.category,
    )


def _ranks(keys: list[tuple[object, ...]]) -> npt.NDArray[np.int16]:
    order = sorted(range(len(keys)), key=lambda number: keys[number])
    ranks = np.empty(len(keys), dtype=np.int16)
    ranks[order] = np.arange(len(keys))
    return ranks


_PLANS: WeakKeyDictionary[PackSet, Plan] = WeakKeyDictionary()
