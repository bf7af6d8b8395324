"""How far reviewers agree, how often decisions are overturned, how precise automation is.

Agreement is about the clarity of policy at least as much as about people: there are no ranks here.
Cohen's kappa and Krippendorff's alpha fall when a class is rare even if everybody agrees, so
prevalence and raw agreement stand beside them, and an interval says how much was seen. Usual
cut-offs (0.8, 0.667) are misleading across cultures; compare languages with each other instead.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import krippendorff
import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import select
from sqlmodel import col

from moderation.queue.deciding import ACTIONS
from moderation.records.database import Database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Appeal, AppealState, Decision, DecisionKind, Job

#: Resamples of the bootstrap, over items.
_RESAMPLES = 500

#: Fewer items with two looks say nothing.
ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far several people agree on the same items."""

    items: int  #: items with at least two looks
    looks: int
    raw: float  #: share of pairs of looks at one item that are equal
    prevalence: Mapping[str, float]  #: share of each answer among all looks
    alpha: float | None  #: Krippendorff's, nominal; None where all answers are the same
    interval: tuple[float, float] | None  #: 95%, bootstrap over items

    @property
    def is_enough(self) -> bool:
        """Whether the figures rest on enough items to be read at all."""
        return self.items >= ENOUGH


def agreement(looks: Iterable[tuple[int, str, str]], *, seed: int = 0) -> Agreement:
    """Agreement over looks (item, reviewer, answer).

    Args:
        seed: of the bootstrap, so that a report can be made again.
    """
    by_item: dict[int, dict[str, str]] = defaultdict(dict)
    for item, reviewer, answer in looks:
        by_item[item][reviewer] = answer
    paired = [answers for answers in by_item.values() if len(answers) > 1]
    counts = Counter(answer for answers in paired for answer in answers.values())
    total = sum(counts.values())
    names = sorted(counts)
    matrix = _counts(paired, names)
    alpha = _alpha(matrix)
    return Agreement(
        items=len(paired),
        looks=total,
        raw=_raw(matrix),
        prevalence={name: counts[name] / total for name in names},
        alpha=alpha,
        interval=_interval(matrix, seed) if alpha is not None else None,
    )


def _counts(paired: Sequence[Mapping[str, str]], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """`(n_items, n_answers)`: how many looks gave each answer."""
    place = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(paired), len(names)), dtype=np.int64)
    for row, answers in enumerate(paired):
        for answer in answers.values():
            matrix[row, place[answer]] += 1
    return matrix


def _raw(matrix: npt.NDArray[np.int64]) -> float:
    looks = matrix.sum(axis=1)
    pairs = (looks * (looks - 1)).sum()
    return float((matrix * (matrix - 1)).sum() / pairs) if pairs else float("nan")


def _alpha(matrix: npt.NDArray[np.int64]) -> float | None:
    if (matrix.sum(axis=0) > 0).sum() < 2:
        return None
    return float(krippendorff.alpha(value_counts=matrix, level_of_measurement="nominal"))


def _interval(matrix: npt.NDArray[np.int64], seed: int) -> tuple[float, float] | None:
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES):
        value = _alpha(matrix[chance.integers(0, len(matrix), len(matrix))])
        # A resample in which all answers are equal shows no disagreement at all.
        found.append(1.0 if value is None else value)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two people on the items that both looked at."""

    first: str
    second: str
    items: int
    raw: float
    kappa: float | None  #: Cohen's; None where both always gave one and the same answer


def pairwise(looks: Iterable[tuple[int, str, str]]) -> list[PairAgreement]:
    """Cohen's kappa of every two people who looked at the same items."""
    by_person: dict[str, dict[int, str]] = defaultdict(dict)
    for item, reviewer, answer in looks:
        by_person[reviewer][item] = answer
    people = sorted(by_person)
    found = []
    for index, first in enumerate(people):
        for second in people[index + 1 :]:
            common = sorted(by_person[first].keys() & by_person[second].keys())
            if not common:
                continue
            ours = [by_person[first][item] for item in common]
            theirs = [by_person[second][item] for item in common]
            raw = sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(common)
            one_answer = len({*ours, *theirs}) == 1
            kappa = None if one_answer else float(cohen_kappa_score(ours, theirs))
            found.append(PairAgreement(first, second, len(common), raw, kappa))
    return found


#: By what figures can be told apart.
GROUPINGS = ("all", "language", "category", "reviewer")


def _check_grouping(by: str) -> None:
    if by not in GROUPINGS:
        raise ValueError(f"group by one of {', '.join(GROUPINGS)}")


def stored_looks(
    database: Database, *, since: float = 0.0, by: str = "all"
) -> dict[str, list[tuple[int, str, str]]]:
    """Looks (item, reviewer, action) that stand, in groups.

    Args:
        by: one of `GROUPINGS`. A category is that of the job, so that two who call one item by
            different names are compared; a reviewer's group has everybody's looks at the items
            that they looked at.
    """
    _check_grouping(by)
    with database.read() as session:
        rows = session.execute(
            select(Decision, col(StoredItem.language), col(Job.category))
            .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
            .join(Job, col(Job.id) == col(Decision.job_id))
            .where(col(Decision.decided_at) >= since, col(Decision.group_id).is_(None))
            .order_by(col(Decision.id))
        ).all()
    undone = {row.supersedes for row, _, _ in rows if row.kind == DecisionKind.UNDO}
    # An appeal sees the first decision and an adjudicator both looks: they are not independent.
    independent = {DecisionKind.REVIEW, DecisionKind.GOLDEN, DecisionKind.AUDIT}
    standing = [
        (row, {"all": "all", "language": language, "category": category or "none"})
        for row, language, category in rows
        if row.kind in independent and row.id not in undone
    ]
    seen_by: dict[int, set[str]] = defaultdict(set)
    for row, _ in standing:
        seen_by[row.item_key].add(row.reviewer_id)
    groups: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row, names in standing:
        for name in sorted(seen_by[row.item_key]) if by == "reviewer" else [names[by]]:
            groups[name].append((row.item_key, row.reviewer_id, row.action))
    return dict(groups)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95% interval (Wilson)."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """Not a number where there is nothing to count."""
        return self.count / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95%, Wilson's; (0, 1) where there is nothing to count."""
        if not self.of:
            return 0.0, 1.0
        found = binomtest(self.count, self.of).proportion_ci(method="wilson")
        return float(found.low), float(found.high)


def overturn_rates(
    database: Database, *, since: float = 0.0, by: str = "language"
) -> dict[str, Rate]:
    """Group → share of answered appeals that replaced the decision.

    Args:
        by: one of `GROUPINGS`; a reviewer is the one whose decision was appealed.
    """
    _check_grouping(by)
    with database.read() as session:
        rows = session.execute(
            select(
                col(Appeal.state),
                col(StoredItem.language),
                col(Decision.category),
                col(Decision.reviewer_id),
            )
            .join(Decision, col(Decision.id) == col(Appeal.decision_id))
            .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
            .where(
                col(Appeal.opened_at) >= since,
                col(Appeal.state).in_([AppealState.UPHELD.value, AppealState.OVERTURNED.value]),
            )
        ).all()
    answered: Counter[str] = Counter()
    overturned: Counter[str] = Counter()
    for state, language, category, reviewer in rows:
        names = {
            "all": "all",
            "language": language,
            "category": category or "none",
            "reviewer": reviewer or "automatic",
        }
        answered[names[by]] += 1
        overturned[names[by]] += state == AppealState.OVERTURNED
    return {name: Rate(overturned[name], answered[name]) for name in sorted(answered)}


def automation_precision(
    database: Database, *, since: float = 0.0, by: str = "language"
) -> dict[tuple[str, str], Rate]:
    """(group, automatic action) → share of checked items on which the first person to look gave
    the same action or a harsher one; for `allow`, exactly `allow`. Looks that were taken back do
    not count.

    Args:
        by: `all`, `language` or `category` (of the job).
    """
    if by not in {"all", "language", "category"}:
        raise ValueError("group automation by all, language or category")
    undone = select(col(Decision.supersedes)).where(col(Decision.kind) == DecisionKind.UNDO)
    with database.read() as session:
        rows: Sequence[Any] = session.execute(
            select(
                col(StoredItem.language),
                col(Job.category),
                col(Decision.automatic_action),
                col(Decision.action),
            )
            .join(StoredItem, col(StoredItem.key) == col(Decision.item_key))
            .join(Job, col(Job.id) == col(Decision.job_id))
            .where(
                col(Decision.decided_at) >= since,
                col(Decision.automatic_action).is_not(None),
                col(Decision.round) == 1,
                col(Decision.kind).in_([DecisionKind.REVIEW.value, DecisionKind.AUDIT.value]),
                col(Decision.id).not_in(undone),
            )
        ).all()
    checked: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for language, category, automatic, action in rows:
        name = {"all": "all", "language": language, "category": category or "none"}[by]
        checked[name, automatic] += 1
        right[name, automatic] += _bears_out(automatic, action)
    return {name: Rate(right[name], checked[name]) for name in sorted(checked)}


def _bears_out(automatic: str, action: str) -> bool:
    if automatic not in ACTIONS or automatic == "allow":
        return action == automatic
    return ACTIONS.index(action) >= ACTIONS.index(automatic)
