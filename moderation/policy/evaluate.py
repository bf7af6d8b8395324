"""`evaluate`: packs, facts and regions in, verdicts out; for one item and for a million.

Every compiled rule is matched once, whatever the number of regions. Effects are bits that unite by
OR (`moderation.policy.codes`), and regions with the same rules are combined once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt

from moderation.policy.facts import Facts
from moderation.policy.packs import PackSet
from moderation.policy.plan import Layout, Plan, entry_bits
from moderation.policy.verdicts import NO_CLOCK, NO_RANK, Hits, Verdicts

#: Items per block: the columns of a block stay in the processor's cache.
BLOCK = 16_384


def evaluate(packs: PackSet, facts: Facts, regions: Sequence[str]) -> Verdicts:
    """What the rules in force say about each item for each viewer region.

    Args:
        packs: from `load_packs`.
        facts: n items.
        regions: ISO 3166-1 alpha-2 codes in capitals. A region without a pack has the baseline.

    Raises:
        UnknownRegion: a region is no such code.
    """
    plan = Plan.of(packs)
    layout = plan.layout(regions)
    table = _Table(plan, len(facts), layout)
    for start in range(0, len(facts), BLOCK):
        block = facts if len(facts) <= BLOCK else facts.rows(start, start + BLOCK)
        table.add(block, start)
    return Verdicts(
        plan=plan,
        facts=facts,
        layout=layout,
        codes=table.codes,
        reasons=table.reasons,
        leads=table.leads,
        minutes=table.minutes,
        hits=table.hits,
        exempted=table.exempted,
    )


class _Table:
    """Results by group of regions and item, filled a block of items at a time."""

    def __init__(self, plan: Plan, n: int, layout: Layout) -> None:
        self._plan, self._layout = plan, layout
        shape = (len(layout.member_bits), n)
        self.codes = np.zeros(shape, dtype=np.uint32)
        self.reasons = np.full(shape, NO_RANK, dtype=np.int16)
        self.leads = np.full(shape, NO_RANK, dtype=np.int16)
        self.minutes = np.full(shape, NO_CLOCK, dtype=np.int32)
        self.hits: list[Hits] = []
        self.exempted: list[Hits] = []

    def add(self, block: Facts, start: int) -> None:
        """Matches all rules against a block of items and combines what they say."""
        met = self._met(block, start)
        part = slice(start, start + len(block))
        codes: npt.NDArray[np.uint32] = self.codes[:, part]
        reasons: npt.NDArray[np.int16] = self.reasons[:, part]
        leads, minutes = self.leads[:, part], self.minutes[:, part]
        if not len(codes):
            return
        if len(block) == 1:
            self._combine_one(met, start)
            return
        # Rules that hold in all groups are combined once and copied; the others come on top.
        for entry, rows in met:
            if self._layout.everywhere[entry]:
                self._combine(entry, rows, codes[0], reasons[0], leads[0], minutes[0])
        for group in range(1, len(codes)):
            codes[group], reasons[group] = codes[0], reasons[0]
            leads[group], minutes[group] = leads[0], minutes[0]
        for entry, rows in met:
            if not self._layout.everywhere[entry]:
                for g in self._layout.rows[entry]:
                    self._combine(entry, rows, codes[g], reasons[g], leads[g], minutes[g])

    def _combine_one(self, met: list[tuple[int, npt.NDArray[np.intp]]], row: int) -> None:
        """As `_combine` for a single item: for so little, plain numbers are faster than arrays."""
        if not met:
            return
        plan = self._plan
        all_met = entry_bits(entry for entry, _ in met)
        said = {0: (0, NO_RANK, NO_RANK, NO_CLOCK)}
        groups = [bits & all_met for bits in self._layout.member_bits]
        for bits in groups:
            if bits not in said:
                own = [entry for entry, _ in met if bits >> entry & 1]
                said[bits] = (
                    reduce(or_, [plan.entries[entry].code for entry in own]),
                    min([plan.reason_ranks[entry] for entry in own]),
                    min([plan.queue_ranks[entry] for entry in own]),
                    min([plan.entries[entry].minutes for entry in own]),
                )
        columns = zip(*[said[bits] for bits in groups], strict=True)
        self.codes[:, row], self.reasons[:, row], self.leads[:, row], self.minutes[:, row] = columns

    def _combine(
        self,
        entry: int,
        rows: npt.NDArray[np.intp],
        codes: npt.NDArray[np.uint32],
        reasons: npt.NDArray[np.int16],
        leads: npt.NDArray[np.int16],
        minutes: npt.NDArray[np.int32],
    ) -> None:
        plan = self._plan
        codes[rows] |= np.uint32(plan.entries[entry].code)
        reasons[rows] = np.minimum(reasons[rows], plan.reason_rank[entry])
        leads[rows] = np.minimum(leads[rows], plan.queue_rank[entry])
        minutes[rows] = np.minimum(minutes[rows], np.int32(plan.entries[entry].minutes))

    def _met(self, block: Facts, start: int) -> list[tuple[int, npt.NDArray[np.intp]]]:
        plan, tags = self._plan, block.context_tags
        political = tags.get("political_speech")
        met: list[tuple[int, npt.NDArray[np.intp]]] = []
        for index, mask in plan.matcher.masks(block):
            rows = mask.nonzero()[0]
            for tag in plan.rules[index].rule.exceptions if len(tags) else ():
                if tag in tags and len(rows):
                    exempt = tags[tag][rows]
                    if exempt.any():
                        self.exempted.append(Hits(plan.normal[index], rows[exempt] + start, tag))
                        rows = rows[~exempt]
            if political is not None and index in plan.reduced:
                speech = political[rows]
                met.append((plan.reduced[index], rows[speech]))
                rows = rows[~speech]
            met.append((plan.normal[index], rows))
        met = [(entry, rows) for entry, rows in met if len(rows)]
        self.hits.extend(Hits(entry, rows + start) for entry, rows in met)
        return met
