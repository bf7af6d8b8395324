"""Which process duties an item sets off: what is owed to author, reporter and authority."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.policy.effects import Effects
from moderation.policy.facts import SOURCES, Facts
from moderation.policy.plan import Plan
from moderation.policy.schema import Process, ProcessWhen, SkipReason


class Duties:
    """The duties of one item. Regions share their answers where they share packs and rules.

    Args:
        plan: of the pack set.
        facts: the items.
        row: which of them.
    """

    def __init__(self, plan: Plan, facts: Facts, row: int) -> None:
        self._plan, self._facts, self._row = plan, facts, row
        self._about_item: dict[int, list[Process]] = {}
        self._of_packs: dict[tuple[int, int], tuple[str, ...]] = {}
        self._together: dict[tuple[int, int, int], tuple[str, ...]] = {}

    def owed(
        self, viewer: int, author: int, rules: int, effects: Effects, entries: Sequence[int]
    ) -> tuple[str, ...]:
        """What is owed by the packs of the viewer's region, and those of the author's.

        Args:
            viewer, author: places in `Plan.process_groups`; -1 for none.
            rules: the entries as bits (`plan.entry_bits`): the same bits, the same answer.
            effects: what the rules do together.
            entries: of the rules that act and of those that were exempted.
        """
        key = (viewer, author, rules)
        found = self._together.get(key)
        if found is None:
            names = self._names(viewer, rules, effects, entries)
            if author >= 0 and author != viewer:
                more = self._names(author, rules, effects, entries)
                names = tuple(dict.fromkeys(names + more))
            found = self._together[key] = names
        return found

    def _names(
        self, packs: int, rules: int, effects: Effects, entries: Sequence[int]
    ) -> tuple[str, ...]:
        found = self._of_packs.get((packs, rules))
        if found is None:
            due = [
                name
                for duty in self._asked(packs)
                if self._sets_off(duty, effects, entries)
                and not any(self._skips(reason, entries) for reason in duty.skip_if)
                for name in duty.require
            ]
            found = self._of_packs[packs, rules] = tuple(dict.fromkeys(due))
        return found

    def _asked(self, packs: int) -> list[Process]:
        """The duties of which everything holds that is about the item alone."""
        found = self._about_item.get(packs)
        if found is None:
            duties = self._plan.process_groups[packs]
            found = self._about_item[packs] = [d for d in duties if self._is_about(d.when)]
        return found

    def _is_about(self, when: ProcessWhen) -> bool:
        facts, row, report = self._facts, self._row, when.report
        if when.order is not None and not any(each.verified[row] >= 0 for each in facts.orders):
            return False
        if report is None:
            return True
        return bool(
            facts.report_complete[row] >= 0
            and (report.kind is None or facts.report_kind.name(row) in report.kind)
            and (report.source is None or SOURCES[facts.report_source[row]] == report.source)
            and (report.complete is None or facts.report_complete[row] == report.complete)
        )

    def _sets_off(self, duty: Process, effects: Effects, entries: Sequence[int]) -> bool:
        when = duty.when
        if when.restriction is not None and not effects.restricts_on(when.restriction):
            return False
        if when.category is None:
            return True
        return any(self._plan.entries[entry].category in when.category for entry in entries)

    def _skips(self, reason: SkipReason, entries: Sequence[int]) -> bool:
        """Whether a duty falls away. What a model only guesses never takes a duty away: the order
        is a fact of what acts, the rest must be confirmed as a context tag."""
        if reason is not SkipReason.ART9_ORDER:
            tag = self._facts.context_tags.get(reason)
            return tag is not None and bool(tag[self._row])
        all_entries = self._plan.entries
        grounds = {all_entries[e].ground for e in entries if all_entries[e].restricts}
        return grounds == {"order"}
