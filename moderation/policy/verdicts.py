"""The columnar result of `evaluate`: whole columns for tuning, single rows for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from moderation.policy.codes import (
    ACCOUNT_SHIFT,
    DISTRIBUTION_SHIFT,
    MONEY_SHIFT,
    REVIEW_SHIFT,
    SAMPLE_SHIFT,
    SEVERITY_SHIFT,
    actions,
    decode,
    flags,
    levels,
)
from moderation.policy.duties import Duties
from moderation.policy.effects import ACTION_WORDS, Distribution, Effects, SideEffect, Visibility
from moderation.policy.facts import Facts, severity_shift
from moderation.policy.plan import Entry, Layout, Plan, entry_bits
from moderation.policy.verdict import RuleHit, Verdict, unchecked, with_fields
from moderation.taxonomy import Severity

NO_RANK = np.iinfo(np.int16).max  #: no rule was met
NO_CLOCK = np.iinfo(np.int32).max  #: no clock runs

_SEVERITIES = tuple(Severity)
_SIDES = tuple(SideEffect)


@dataclass(frozen=True, slots=True)
class Hits:
    """The items that meet one entry of the plan."""

    entry: int
    rows: npt.NDArray[np.intp]
    exempted_by: str | None = None


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts of n items for some regions.

    Regions with the same rules share one row of the arrays; `group_of` tells which. All arrays are
    `(n_groups, n_items)`.
    """

    plan: Plan
    facts: Facts
    layout: Layout
    codes: npt.NDArray[np.uint32]  #: effects as bits
    reasons: npt.NDArray[np.int16]  #: rank of the entry whose reason is shown
    leads: npt.NDArray[np.int16]  #: rank of the entry whose queue is used
    minutes: npt.NDArray[np.int32]  #: shortest clock
    hits: Sequence[Hits]
    exempted: Sequence[Hits]

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def regions(self) -> tuple[str, ...]:
        """The viewer regions, in the order they were asked for."""
        return self.layout.regions

    @property
    def group_of(self) -> Mapping[str, int]:
        """Region → its row in the arrays."""
        return self.layout.group_of

    def visibility(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` rank on the visibility axis: 0 visible … 5 unavailable."""
        return levels(self.codes[self.group_of[region]], 0)

    def distribution(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` rank on the distribution axis."""
        return levels(self.codes[self.group_of[region]], DISTRIBUTION_SHIFT)

    def account(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` rank on the account axis."""
        return levels(self.codes[self.group_of[region]], ACCOUNT_SHIFT)

    def money(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` rank on the money axis."""
        return levels(self.codes[self.group_of[region]], MONEY_SHIFT)

    def action(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` index into `ACTION_WORDS`."""
        return actions(self.codes[self.group_of[region]])

    def needs_review(self, region: str) -> npt.NDArray[np.bool_]:
        """`(n,)` whether a person must look."""
        return flags(self.codes[self.group_of[region]], REVIEW_SHIFT)

    def sampled(self, region: str) -> npt.NDArray[np.bool_]:
        """`(n,)` whether some rule wants a sample of its hits reviewed."""
        return flags(self.codes[self.group_of[region]], SAMPLE_SHIFT)

    def severity(self, region: str) -> npt.NDArray[np.int8]:
        """`(n,)` 0 for P0 … 4 for P4, 5 where no rule was met; before circumstances adjust it."""
        return (5 - levels(self.codes[self.group_of[region]], SEVERITY_SHIFT)).astype(np.int8)

    def sla_minutes(self, region: str) -> npt.NDArray[np.int32]:
        """`(n,)` shortest clock in minutes; `NO_CLOCK` where none runs."""
        return np.asarray(self.minutes[self.group_of[region]])

    def queue(self, region: str) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
        """`(n,)` index into the names returned beside it; -1 where no job is made."""
        plan = self.plan
        names = tuple(sorted({entry.queue for entry in plan.entries} - {"none"}))
        table = np.full(len(plan.entries) + 1, -1, dtype=np.int16)
        for rank, entry in enumerate(plan.by_queue_rank):
            queue = plan.entries[entry].queue
            table[rank] = names.index(queue) if queue != "none" else -1
        ranks = np.minimum(self.leads[self.group_of[region]], len(plan.entries))
        return table[ranks], names

    def row(self, row: int) -> dict[str, Verdict]:
        """Region → verdict of one item, with the rules that said it."""
        applied = [entry for entry, _ in self._entries_of(row, self._hit_index)]
        exempted = self._entries_of(row, self._exempted_index)
        region_of_author = self.facts.author_region.name(row)
        if applied or exempted or not self._is_plain(row):
            return self._row(row, applied, exempted, region_of_author)
        # Most items meet no rule, and then nothing but the regions can tell their verdicts apart.
        return dict(
            self.plan.kept_verdicts(
                (self.layout.regions, region_of_author),
                lambda: self._row(row, applied, exempted, region_of_author),
            )
        )

    def _is_plain(self, row: int) -> bool:
        """Whether the item has nothing that sets off a duty or takes one away."""
        facts = self.facts
        return not facts.orders and not facts.context_tags and facts.report_complete[row] < 0

    def _row(
        self,
        row: int,
        applied: list[int],
        exempted: list[tuple[int, str | None]],
        region_of_author: str | None,
    ) -> dict[str, Verdict]:
        plan, layout = self.plan, self.layout
        applied.sort(key=plan.reason_ranks.__getitem__)
        scores: list[float] = self.facts.scores[row].tolist()
        hits = [(entry, self._hit(entry, scores)) for entry in applied]
        skipped = [(entry, self._hit(entry, scores, tag)) for entry, tag in exempted]
        all_met = entry_bits([*applied, *[entry for entry, _ in exempted]])
        duties = Duties(plan, self.facts, row)
        author = plan.process_group(region_of_author) if region_of_author is not None else -1
        # Few rules are met by one item, so most regions come to the same verdict: made once.
        made: dict[int, tuple[Verdict, Effects, list[int]]] = {}
        found: dict[str, Verdict] = {}
        for region, viewer in zip(layout.regions, layout.process, strict=True):
            group = layout.group_of[region]
            rules = layout.member_bits[group] & all_met
            if rules not in made:
                own = [(entry, hit) for entry, hit in hits if rules >> entry & 1]
                left_out = [(entry, hit) for entry, hit in skipped if rules >> entry & 1]
                verdict = self._verdict(row, group, own, [hit for _, hit in left_out])
                entries = [entry for entry, _ in own + left_out]
                made[rules] = verdict, decode(int(self.codes[group, row])), entries
            verdict, effects, entries = made[rules]
            owed = duties.owed(viewer, author, rules, effects, entries)
            found[region] = with_fields(verdict, region=region, duties=owed)
        return found

    def _verdict(
        self, row: int, group: int, met: Sequence[tuple[int, RuleHit]], skipped: Sequence[RuleHit]
    ) -> Verdict:
        plan = self.plan
        own = [plan.entries[entry] for entry, _ in met]
        hits = [hit for _, hit in met]
        code = int(self.codes[group, row])
        effects = decode(code)
        lead = int(self.leads[group, row])
        queue = None if lead == NO_RANK else plan.entries[plan.by_queue_rank[lead]].queue
        # Everything here was made by us and checked when the packs were; checking each verdict
        # again would take longer than the evaluation.
        fields: dict[str, object] = {
            "region": "",
            "visibility": effects.visibility,
            "distribution": effects.distribution,
            "account": effects.account,
            "money": effects.money,
            "side_effects": tuple([side for side in _SIDES if side in effects.side_effects]),
            "rules": (*hits, *skipped),
            "primary_reason": hits[0].reason_code if hits else None,
            "reasons": _reasons(own, hits),
            "queue": None if queue == "none" else queue,
            "sla_minutes": int(self.minutes[group, row]) if hits else None,
            "severity": _severity(own, severity_shift(self.facts, row)) if hits else None,
            "needs_review": bool(code >> REVIEW_SHIFT & 1),
            "sampled": bool(code >> SAMPLE_SHIFT & 1),
            "duties": (),
            "policy_hash": plan.packs.content_hash,
        }
        return unchecked(Verdict, fields)

    def _hit(self, entry: int, scores: list[float], exempted_by: str | None = None) -> RuleHit:
        update: dict[str, object] = {}
        if exempted_by is not None:
            update["exempted_by"] = exempted_by
        for column, category, gte, low, high in self.plan.score_leaves[
            self.plan.entries[entry].rule
        ]:
            if low <= scores[column] < high:
                update["score"] = round(scores[column], 6)
                update["score_category"] = category
                update["threshold"] = gte
                break
        template = self.plan.templates[entry]
        return with_fields(template, **update) if update else template

    def _entries_of(
        self, row: int, index: tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]
    ) -> list[tuple[int, str | None]]:
        rows, entries = index
        if len(self) == 1:
            return entries
        first, last = np.searchsorted(rows, [row, row + 1])
        return entries[int(first) : int(last)]

    @cached_property
    def _hit_index(self) -> tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]:
        return _by_row(self.hits, len(self))

    @cached_property
    def _exempted_index(self) -> tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]:
        return _by_row(self.exempted, len(self))


_NO_ROWS = np.zeros(0, dtype=np.intp)


def _by_row(
    hits: Sequence[Hits], n: int
) -> tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]:
    """Rows in order, and beside each the entry that was met and what exempted it. Of a single
    item all entries are, and no rows are needed."""
    if n == 1 or not hits:
        return _NO_ROWS, [(each.entry, each.exempted_by) for each in hits]
    rows = np.concatenate([each.rows for each in hits])
    numbers = np.repeat(np.arange(len(hits)), [len(each.rows) for each in hits])
    order = np.argsort(rows, kind="stable")
    entries = [(hits[n].entry, hits[n].exempted_by) for n in numbers[order].tolist()]
    return rows[order], entries


def _reasons(own: Sequence[Entry], hits: Sequence[RuleHit]) -> tuple[str, ...]:
    """Reason codes of what restricts. An order that is the real cause is never disguised as a
    breach of terms."""
    first = "order" if own and own[0].ground == "order" else "terms"
    pairs = list(zip(own, hits, strict=True))
    leading = [hit.reason_code for e, hit in pairs if e.restricts and e.ground == first]
    others = [hit.reason_code for e, hit in pairs if e.restricts and e.ground != first]
    return tuple(dict.fromkeys(leading + others))


def _severity(own: Sequence[Entry], shift: int) -> Severity:
    """The worst severity, moved by circumstances, but never milder than a floor rule's."""
    level = min(max(min([entry.severity for entry in own]) + shift, 0), 4)
    return _SEVERITIES[min([level, *[entry.severity for entry in own if entry.floor]])]


__all__ = ["ACTION_WORDS", "Distribution", "Hits", "Verdicts", "Visibility"]
