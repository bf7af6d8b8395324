"""Which items meet a condition: conditions compiled to a small tree over cached columns.

Each distinct predicate is looked at once per block of items, however many rules use it. `None`
stands for "no item", so that most rules end after one look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moderation.items import AgeBracket, OrderDemand, ReportSource, Surface
from moderation.policy.columns import WARNED, Bools, Codes, Floats, Orders
from moderation.policy.conditions import Condition
from moderation.policy.facts import AGES, SOURCES, SURFACES, Facts, score_column

#: Stands for a leaf that nobody looked at yet.
_UNSEEN: Bools = np.zeros(0, dtype=bool)


@dataclass(frozen=True, slots=True)
class Node:
    """A condition over numbered predicates. `op` is leaf, all, any or not."""

    op: str
    leaf: int
    children: tuple[Node, ...]


class Matcher:
    """Many conditions over the same facts.

    Args:
        conditions: the conditions; equal ones share their work.
        order_territories: for each condition, the regions that its pack contains: an order for
            one of them is an order for the pack's group (`territory: EU`).
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        order_territories: Sequence[tuple[str, frozenset[str]]],
    ) -> None:
        self._leaf_index: dict[str, int] = {}
        self._scores: list[tuple[int, float, float]] = []
        self._others: list[tuple[str, Any, frozenset[str]] | None] = []
        # Leaves of scores come first, so that all of them are one comparison of two matrices.
        self._nodes: list[Node] = []
        score_leaves: list[tuple[int, int]] = []
        for condition, group in zip(conditions, order_territories, strict=True):
            self._nodes.append(self._node(condition, group, score_leaves))
        self._score_leaves = [leaf for leaf, _ in score_leaves]
        self._nodes = [self._cheapest_first(node) for node in self._nodes]
        #: Leaf → the conditions that cannot be met without it; -1 for those without such a leaf.
        gates: dict[int, list[int]] = {}
        for number, node in enumerate(self._nodes):
            first = node.children[0] if node.op == "all" else node
            gates.setdefault(first.leaf, []).append(number)
        self._score_gates = [gates.pop(leaf, []) for leaf in self._score_leaves]
        self._other_gates = list(gates.items())
        #: Name of a rare predicate → its leaves.
        self._rare: dict[str, list[int]] = {}
        for leaf, other in enumerate(self._others):
            if other is not None and other[0] in _PRESENT:
                self._rare.setdefault(other[0], []).append(leaf)
        #: What is known of each leaf before one is looked at: scores and rare predicates are met
        #: by no item until they are found to be.
        rare = {leaf for leaves in self._rare.values() for leaf in leaves}
        self._unseen: list[Bools | None] = [
            None if other is None or leaf in rare else _UNSEEN
            for leaf, other in enumerate(self._others)
        ]
        self._columns = np.array([s[0] for s in self._scores], dtype=np.intp)
        self._gte = np.array([s[1] for s in self._scores], dtype=np.float32)[:, None]
        self._lt = np.array([s[2] for s in self._scores], dtype=np.float32)[:, None]

    def _node(
        self,
        condition: Condition,
        group: tuple[str, frozenset[str]],
        score_leaves: list[tuple[int, int]],
    ) -> Node:
        name, value = condition.predicate
        if condition.children:
            children = tuple(self._node(c, group, score_leaves) for c in condition.children)
            return Node("not" if name == "negated" else name, -1, children)
        territories: frozenset[str] = frozenset()
        if name == "order" and value.territory is not None:
            territories = frozenset({value.territory})
            if value.territory == group[0]:
                territories |= group[1]
        key = f"{name}:{value!r}:{sorted(territories)}"
        leaf = self._leaf_index.get(key)
        if leaf is None:
            leaf = self._leaf_index[key] = len(self._others)
            if name == "score":
                upper = np.inf if value.lt is None else value.lt
                score_leaves.append((leaf, len(self._scores)))
                self._scores.append((score_column(value.category), value.gte, upper))
                self._others.append(None)
            else:
                self._others.append((name, value, territories))
        return Node("leaf", leaf, ())

    def _cheapest_first(self, node: Node) -> Node:
        """The same condition with the parts that most often end it in front."""
        children = tuple(self._cheapest_first(child) for child in node.children)
        return Node(node.op, node.leaf, tuple(sorted(children, key=self._cost)))

    def _cost(self, node: Node) -> int:
        if node.op != "leaf":
            return 3
        other = self._others[node.leaf]
        return 0 if other is None else 1 if other[0] in _PRESENT else 2

    def masks(self, facts: Facts) -> list[tuple[int, Bools]]:
        """The conditions that some item meets, in their order, each with `(n,)` bool."""
        seen = self._unseen.copy()
        candidates: list[int] = []
        if self._scores:
            by_category = np.ascontiguousarray(facts.scores.T)[self._columns]
            met: Bools = np.asarray((by_category >= self._gte) & (by_category < self._lt))
            for position in np.flatnonzero(met.any(axis=1)).tolist():
                seen[self._score_leaves[position]] = met[position]
                candidates += self._score_gates[position]
        for name, leaves in self._rare.items():
            if _PRESENT[name](facts):
                for leaf in leaves:
                    seen[leaf] = _UNSEEN
        for leaf, numbers in self._other_gates:
            if leaf < 0 or (seen[leaf] is not None and self._leaf(leaf, facts, seen) is not None):
                candidates += numbers
        found: list[tuple[int, Bools]] = []
        for number in sorted(candidates):
            mask = self._mask(self._nodes[number], facts, seen)
            if mask is not None:
                found.append((number, mask))
        return found

    def _mask(self, node: Node, facts: Facts, seen: list[Bools | None]) -> Bools | None:
        if node.op == "leaf":
            return self._leaf(node.leaf, facts, seen)
        if node.op == "not":
            inside = self._mask(node.children[0], facts, seen)
            if inside is None:
                return np.ones(len(facts), dtype=bool)
            return ~inside if len(facts) > 1 else None
        found: Bools | None = None
        for child in node.children:
            mask = self._mask(child, facts, seen)
            if node.op == "all":
                if mask is None:
                    return None
                found = mask if found is None else found & mask
            elif mask is not None:
                found = mask if found is None else found | mask
        return found

    def _leaf(self, leaf: int, facts: Facts, seen: list[Bools | None]) -> Bools | None:
        known = seen[leaf]
        if known is not _UNSEEN:
            return known
        entry = self._others[leaf]
        assert entry is not None  # scores are seen already
        name, value, territories = entry
        mask = _LEAVES[name](facts, value, territories)
        if mask is not None and not (mask[0] if len(mask) == 1 else mask.any()):
            mask = None
        seen[leaf] = mask
        return mask


def _one_of(codes: Codes, names: Sequence[str], wanted: Sequence[str]) -> Bools:
    if len(wanted) == 1:
        return np.asarray(codes == names.index(wanted[0]))
    table = np.zeros(len(names) + 1, dtype=bool)
    table[[names.index(name) for name in wanted]] = True
    return np.asarray(table[codes])  # -1, unknown, reads the last entry, which stays False


def _any_tag(tags: Mapping[str, Bools], wanted: Sequence[str]) -> Bools | None:
    found: Bools | None = None
    for name in wanted:
        if name in tags:
            found = tags[name] if found is None else found | tags[name]
    return found


def _yes_no(codes: Codes, wanted: bool) -> Bools:
    return np.asarray(codes == (1 if wanted else 0))


def _reach(facts: Facts, value: Any, _: Any) -> Bools | None:
    found: Bools | None = None
    limits: tuple[tuple[Floats, float | None], ...] = (
        (facts.views, value.views_gte),
        (facts.room_size, value.room_size_gte),
        (facts.views_per_hour, value.views_per_hour_gte),
    )
    for column, limit in limits:
        if limit is not None:
            mask = np.asarray(column >= limit)
            found = mask if found is None else found | mask
    return found


def _strikes(facts: Facts, value: Any, _: Any) -> Bools | None:
    if facts.strikes is None:
        return None
    name = value.category or value.kind
    enough = np.asarray(facts.strikes.count(name, value.window_days, len(facts)) >= value.gte)
    if value.prior_warning is None:
        return enough
    warned = facts.prior_warning | (facts.strikes.count(WARNED, math.inf, len(facts)) > 0)
    return np.asarray(enough & (warned == value.prior_warning))


def _report(facts: Facts, value: Any, _: Any) -> Bools | None:
    named = facts.report_kind.where(value.kind) if value.kind is not None else None
    if value.kind is not None and named is None:
        return None
    found: Bools = np.asarray(facts.report_complete >= 0)  # there is a report
    if named is not None:
        found = found & named
    if value.source is not None:
        found = found & (facts.report_source == SOURCES.index(ReportSource(value.source)))
    if value.complete is not None:
        found = found & _yes_no(facts.report_complete, value.complete)
    return found


def _order(facts: Facts, value: Any, territories: frozenset[str]) -> Bools | None:
    if value.conflict is not None:
        return np.asarray(facts.order_conflict == value.conflict)
    found: Bools | None = None
    for orders in facts.orders:
        mask = _one_order(orders, value, territories)
        if mask is not None:
            found = mask if found is None else found | mask
    return found


def _one_order(orders: Orders, value: Any, territories: frozenset[str]) -> Bools | None:
    named = orders.kind.where(value.kind) if value.kind is not None else None
    placed = orders.territory.where(territories) if territories else None
    if (value.kind is not None and named is None) or (territories and placed is None):
        return None
    # An order to keep an item visible is never served by restricting it.
    carry = value.demand is OrderDemand.MUST_CARRY
    found: Bools = np.asarray((orders.verified >= 0) & (orders.must_carry == carry))
    if named is not None:
        found = found & named
    if placed is not None:
        found = found & placed
    if value.verified is not None:
        found = found & _yes_no(orders.verified, value.verified)
    if value.claims_worldwide is not None:
        found = found & (orders.worldwide == value.claims_worldwide)
    return found


def _language(facts: Facts, value: Sequence[str], _: Any) -> Bools | None:
    codes = [
        code
        for code, name in enumerate(facts.language.names)
        if any(name == wanted or name.startswith(f"{wanted}-") for wanted in value)
    ]
    found = facts.language.where_codes(codes)
    if "mixed" in value:
        return facts.mixed_language if found is None else found | facts.mixed_language
    return found


def _problem(facts: Facts, value: Sequence[str], _: Any) -> Bools | None:
    return _any_tag(facts.problems, tuple(facts.problems) if "any" in value else value)


def _keyword_list(facts: Facts, value: Any, _: Any) -> Bools | None:
    hits = facts.keyword_hits.get(value.id)
    return None if hits is None else np.asarray(hits >= value.min_hits)


def _observation(facts: Facts, value: Any, _: Any) -> Bools | None:
    found = facts.observations.get(value.name)
    return None if found is None else np.asarray(found >= np.float32(value.gte))


def _ages(column: str) -> Callable[[Facts, Any, Any], Bools | None]:
    def ages(facts: Facts, value: Sequence[AgeBracket], _: Any) -> Bools | None:
        return _one_of(getattr(facts, column), AGES, value)

    return ages


def _surface(facts: Facts, value: Sequence[Surface], _: Any) -> Bools | None:
    return _one_of(facts.surface, SURFACES, value)


_LEAVES: Mapping[str, Callable[[Facts, Any, Any], Bools | None]] = {
    "surface": _surface,
    "author_age": _ages("author_age"),
    "recipient_age": _ages("recipient_age"),
    "viewer_age": _ages("viewer_age"),
    "guardian_linked": lambda facts, value, _: _yes_no(facts.guardian_linked, value),
    "account_age_days": lambda facts, value, _: np.asarray(facts.account_age_days < value.lt),
    "reach": _reach,
    "strikes": _strikes,
    "hash_match": lambda facts, value, _: facts.hash_match.get(value),
    "keyword_list": _keyword_list,
    "language": _language,
    "image_tag": lambda facts, value, _: _any_tag(facts.image_tags, value),
    "declared_synthetic": lambda facts, value, _: _yes_no(facts.declared_synthetic, value),
    "reviewer_label": lambda facts, value, _: _any_tag(facts.reviewer_labels, value),
    "report": _report,
    "order": _order,
    "problem": _problem,
    "observation": _observation,
    "aspect": lambda facts, value, _: facts.aspects.get(f"{value.category}:{value.value}"),
}

#: Whether any item has what a rare predicate asks for; without, none of its leaves is looked at.
_PRESENT: Mapping[str, Callable[[Facts], bool]] = {
    "report": lambda facts: bool((facts.report_complete >= 0).any()),
    "order": lambda facts: any((orders.verified >= 0).any() for orders in facts.orders),
    "strikes": lambda facts: facts.strikes is not None and len(facts.strikes.row) > 0,
    "hash_match": lambda facts: bool(facts.hash_match),
    "keyword_list": lambda facts: bool(facts.keyword_hits),
    "image_tag": lambda facts: bool(facts.image_tags),
    "reviewer_label": lambda facts: bool(facts.reviewer_labels),
    "problem": lambda facts: bool(facts.problems),
    "observation": lambda facts: bool(facts.observations),
    "aspect": lambda facts: bool(facts.aspects),
}
