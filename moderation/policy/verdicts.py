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
from moderation.policy.effects import ACTION_WORDS, Distribution, Effects, SideEffect, Visibility
from moderation.policy.facts import SOURCES, Facts, severity_shift
from moderation.policy.plan import Plan
from moderation.policy.schema import Process, SkipReason
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
    regions: tuple[str, ...]
    group_of: Mapping[str, int]
    codes: npt.NDArray[np.uint32]  #: effects as bits
    reasons: npt.NDArray[np.int16]  #: rank of the entry whose reason is shown
    leads: npt.NDArray[np.int16]  #: rank of the entry whose queue is used
    minutes: npt.NDArray[np.int32]  #: shortest clock
    hits: Sequence[Hits]
    exempted: Sequence[Hits]

    def __len__(self) -> int:
        return len(self.facts)

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
        applied = self._entries_of(row, self._hit_index)
        exempted = self._entries_of(row, self._exempted_index)
        hits = {entry: self._hit(entry, row, None) for entry, _ in applied}
        skipped = [(entry, self._hit(entry, row, tag)) for entry, tag in exempted]
        # Few rules are met by one item, so most regions come to the same verdict: made once.
        made: dict[tuple[int, ...], Verdict] = {}
        owed: dict[tuple[int, int, int, tuple[int, ...]], tuple[str, ...]] = {}
        found: dict[str, Verdict] = {}
        author = self.facts.author_region.name(row)
        for region, plan_group in zip(self.regions, self.plan.groups_of(self.regions), strict=True):
            members = self.plan.member_lists[plan_group]
            own = tuple([entry for entry in hits if members[entry]])
            own += tuple([entry for entry, _ in skipped if members[entry]])
            code = int(self.codes[self.group_of[region], row])
            packs = self.plan.process_group(region)
            others = self.plan.process_group(author) if author not in {None, region} else -1
            key = (packs, others, code, own)
            if key not in owed:
                owed[key] = self._duties(packs, others, row, code, own)
            verdict = made.get(own)
            if verdict is None:
                verdict = made[own] = self._verdict(row, region, members, hits, skipped)
            found[region] = with_fields(verdict, region=region, duties=owed[key])
        return found

    def _verdict(
        self,
        row: int,
        region: str,
        members: Sequence[bool],
        all_hits: Mapping[int, RuleHit],
        all_skipped: Sequence[tuple[int, RuleHit]],
    ) -> Verdict:
        plan, group = self.plan, self.group_of[region]
        own = [entry for entry in all_hits if members[entry]]
        own.sort(key=plan.reason_rank.__getitem__)
        hits = [all_hits[entry] for entry in own]
        skipped = [hit for entry, hit in all_skipped if members[entry]]
        code = int(self.codes[group, row])
        effects = decode(code)
        lead = int(self.leads[group, row])
        queue = None if lead == NO_RANK else plan.entries[plan.by_queue_rank[lead]].queue
        # Everything here was made by us and checked when the packs were; checking each verdict
        # again would take longer than the evaluation.
        fields: dict[str, object] = {
            "region": region,
            "visibility": effects.visibility,
            "distribution": effects.distribution,
            "account": effects.account,
            "money": effects.money,
            "side_effects": tuple(side for side in _SIDES if side in effects.side_effects),
            "rules": (*hits, *skipped),
            "primary_reason": hits[0].reason_code if hits else None,
            "reasons": self._reasons(own, hits),
            "queue": None if queue == "none" else queue,
            "sla_minutes": int(self.minutes[group, row]) if hits else None,
            "severity": _severity(hits, severity_shift(self.facts, row)),
            "needs_review": bool(code >> REVIEW_SHIFT & 1),
            "sampled": bool(code >> SAMPLE_SHIFT & 1),
            "duties": (),
            "policy_hash": plan.packs.content_hash,
        }
        return unchecked(Verdict, fields)

    def _reasons(self, own: list[int], hits: list[RuleHit]) -> tuple[str, ...]:
        restricting = [
            hit
            for entry, hit in zip(own, hits, strict=True)
            if self.plan.entries[entry].effects.restricts
        ]
        # An order that is the real cause is never disguised as a breach of terms.
        order_leads = bool(hits) and hits[0].ground == "order"
        restricting.sort(key=lambda hit: hit.ground != ("order" if order_leads else "terms"))
        return tuple(dict.fromkeys(hit.reason_code for hit in restricting))

    def _hit(self, entry: int, row: int, exempted_by: str | None) -> RuleHit:
        update: dict[str, object] = {}
        if exempted_by is not None:
            update["exempted_by"] = exempted_by
        scores = self.facts.scores[row]
        for column, category, gte, lt in self.plan.score_leaves[self.plan.entries[entry].rule]:
            if np.float32(gte) <= scores[column] < np.float32(lt):
                update["score"] = round(float(scores[column]), 6)
                update["score_category"] = category
                update["threshold"] = gte
                break
        template = self.plan.templates[entry]
        return with_fields(template, **update) if update else template

    def _duties(
        self, packs: int, others: int, row: int, code: int, entries: Sequence[int]
    ) -> tuple[str, ...]:
        """What is owed: by the packs of the viewer's region, and those of the author's."""
        due = self.plan.process_groups[packs]
        if others >= 0:
            due += self.plan.process_groups[others]
        if not due:
            return ()
        effects = decode(code)
        return tuple(
            dict.fromkeys(
                name
                for duty in due
                if self._is_due(duty, row, effects, entries)
                and not any(self._skips(reason, row, entries) for reason in duty.skip_if)
                for name in duty.require
            )
        )

    def _skips(self, reason: SkipReason, row: int, entries: Sequence[int]) -> bool:
        """Whether a duty falls away. What a model only guesses never takes a duty away: the order
        is a fact of what acts, the rest must be confirmed as a context tag."""
        if reason is not SkipReason.ART9_ORDER:
            tag = self.facts.context_tags.get(reason.value)
            return tag is not None and bool(tag[row])
        restricting = [e for e in entries if self.plan.entries[e].effects.restricts]
        return bool(restricting) and all(
            self.plan.templates[entry].ground == "order" for entry in restricting
        )

    def _is_due(self, duty: Process, row: int, effects: Effects, entries: Sequence[int]) -> bool:
        facts, when = self.facts, duty.when
        if when.restriction is not None and not effects.restricts_on(when.restriction):
            return False
        if when.order is not None and not any(each.verified[row] >= 0 for each in facts.orders):
            return False
        if when.category is not None and not any(
            self.plan.templates[entry].category in when.category for entry in entries
        ):
            return False
        report = when.report
        if report is None:
            return True
        return bool(
            facts.report_complete[row] >= 0
            and (report.kind is None or facts.report_kind.name(row) in report.kind)
            and (report.source is None or SOURCES[facts.report_source[row]] == report.source)
            and (report.complete is None or facts.report_complete[row] == report.complete)
        )

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
        return _by_row(self.hits)

    @cached_property
    def _exempted_index(self) -> tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]:
        return _by_row(self.exempted)


def _by_row(
    hits: Sequence[Hits],
) -> tuple[npt.NDArray[np.intp], list[tuple[int, str | None]]]:
    """Rows in order, and beside each the entry that was met and what exempted it."""
    if not hits:
        return np.zeros(0, dtype=np.intp), []
    rows = np.concatenate([each.rows for each in hits])
    numbers = np.repeat(np.arange(len(hits)), [len(each.rows) for each in hits])
    order = np.argsort(rows, kind="stable")
    entries = [(hits[n].entry, hits[n].exempted_by) for n in numbers[order].tolist()]
    return rows[order], entries


def _severity(hits: Sequence[RuleHit], shift: int) -> Severity | None:
    """The worst severity, moved by circumstances, but never milder than a floor rule's."""
    if not hits:
        return None
    level = min(max(min(hit.severity.rank for hit in hits) + shift, 0), 4)
    floors = [hit.severity.rank for hit in hits if hit.floor]
    return _SEVERITIES[min([level, *floors])]


__all__ = ["ACTION_WORDS", "Distribution", "Hits", "Verdicts", "Visibility"]
