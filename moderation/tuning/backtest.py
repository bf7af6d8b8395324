"""What a proposed policy would have done to what was screened before: by the same evaluator that
production runs, on stored scores, never a model.

    history = load_facts(database, since=…)
    backtest = run_backtest(history, candidate, live, ["DE", "US", "IN"])
    backtest.changes, backtest.flips, backtest.quality …       # pandas, the numbers of the report
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.policy import PackSet, Verdicts, evaluate
from moderation.policy.codes import REVIEW_SHIFT, SIDE_SHIFT, thermometer
from moderation.policy.effects import ACTION_WORDS
from moderation.policy.facts import SURFACES
from moderation.policy.rollout import DIRECTIONS
from moderation.policy.verdicts import NO_RANK
from moderation.taxonomy import CATEGORY_IDS
from moderation.tuning.fact_columns import History
from moderation.tuning.intervals import Proportion
from moderation.tuning.staffing import Staffing, Workload, workload

#: Flipped items that are listed one by one; counts are exact beyond it.
MOST_FLIPS = 2_000_000

# The bits of a code in which a difference counts as a change: all axes, and review.
_COUNTS = np.uint32(thermometer(SIDE_SHIFT) | 1 << REVIEW_SHIFT)


@dataclass(frozen=True, eq=False)
class Backtest:
    """The comparison of a candidate with the live set on one history.

    Attributes:
        items: how many items were looked at.
        days: from the first to the last of them.
        regions: viewer regions.
        live_hash, candidate_hash: content hashes of the sets.
        changes: one row per region, language, surface, category and direction: `items`.
        totals: one row per region: `items`, `changed`, `share`, and one column per direction.
        volume: one row per region and action: `live`, `candidate`.
        flips: one row per flipped item and region, at most `MOST_FLIPS`.
        flips_complete: whether `flips` lists all of them.
        quality: precision and recall against human decisions, by set and slice.
        disparity: false-positive rate by language, by set.
        queues: one row per queue: jobs, hours of review and late jobs, by set.
        workloads: set name → what its review jobs mean at the staffing.
        staffing: the team that was assumed.
    """

    items: int
    days: float
    regions: tuple[str, ...]
    live_hash: str
    candidate_hash: str
    changes: pd.DataFrame
    totals: pd.DataFrame
    volume: pd.DataFrame
    flips: pd.DataFrame
    flips_complete: bool
    quality: pd.DataFrame
    disparity: pd.DataFrame
    queues: pd.DataFrame
    workloads: dict[str, Workload]
    staffing: Staffing

    def examples(self, count: int = 20) -> pd.DataFrame:
        """Some flipped items, from as many kinds of change as there are."""
        if self.flips.empty:
            return self.flips
        kinds = ["category", "direction", "before", "after"]
        first = self.flips.drop_duplicates("item_id")
        spread = first.groupby(kinds, observed=True, sort=False).head(max(1, count // 5))
        return spread.head(count)


def run_backtest(
    history: History,
    candidate: PackSet,
    live: PackSet,
    regions: Sequence[str],
    *,
    staffing: Staffing | None = None,
) -> Backtest:
    """Compares two pack sets on stored assessments and decisions.

    Raises:
        UnknownRegion: a region is no ISO 3166-1 alpha-2 code.
    """
    staffing = staffing or Staffing()
    regions = tuple(dict.fromkeys(regions))
    both = {
        "live": evaluate(live, history.facts, regions),
        "candidate": evaluate(candidate, history.facts, regions),
    }
    compared = list(_compare(history, both["live"], both["candidate"], regions))
    jobs = {name: _jobs(verdicts) for name, verdicts in both.items()}
    received = history.received_at
    flips, complete = _flips(history, compared)
    loads = {
        name: workload(received[found.rows], found.minutes, staffing)
        for name, found in jobs.items()
    }
    return Backtest(
        items=len(history),
        days=float(np.ptp(received)) / 86_400 if len(received) else 0.0,
        regions=regions,
        live_hash=live.content_hash,
        candidate_hash=candidate.content_hash,
        changes=_changes(compared),
        totals=_totals(compared, len(history)),
        volume=_volume(both, regions),
        flips=flips,
        flips_complete=complete,
        quality=_quality(history, both, regions),
        disparity=_disparity(history, both, regions),
        queues=_queues(jobs, loads, staffing),
        workloads=loads,
        staffing=staffing,
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """Regions that have the same two rule sets, and what changes for them."""

    regions: tuple[str, ...]
    table: pd.DataFrame


def _compare(
    history: History, live: Verdicts, candidate: Verdicts, regions: Sequence[str]
) -> Iterator[_Pair]:
    pairs: dict[tuple[int, int], list[str]] = {}
    for region in regions:
        pairs.setdefault((live.group_of[region], candidate.group_of[region]), []).append(region)
    for (old, new), members in pairs.items():
        before, after = live.codes[old], candidate.codes[new]
        rows = (((before ^ after) & _COUNTS) != 0).nonzero()[0]
        yield _Pair(tuple(members), _changed(history, live, candidate, members[0], rows))


def _changed(
    history: History,
    live: Verdicts,
    candidate: Verdicts,
    region: str,
    rows: npt.NDArray[np.intp],
) -> pd.DataFrame:
    """The changed items of one region, one row each."""
    facts = history.facts
    before, after = live.action(region)[rows], candidate.action(region)[rows]
    stricter = _strength(candidate, region, rows) - _strength(live, region, rows)
    reviewed = candidate.needs_review(region)[rows]
    direction = np.where(stricter > 0, 0, np.where(stricter < 0, 1, np.where(reviewed, 2, 3)))
    old, old_category = _reasons(live, region, rows)
    new, new_category = _reasons(candidate, region, rows)
    # What a change is about: the rule that acts now, or the one that no longer does.
    about = np.where((direction == 0) | (direction == 2), new_category, old_category)
    about = np.where(about == "", np.where(new_category == "", old_category, new_category), about)
    return pd.DataFrame(
        {
            "row": rows,
            "language": _named(facts.language.codes[rows], facts.language.names, "und"),
            "surface": _named(facts.surface[rows], SURFACES, "unknown"),
            "category": pd.Categorical(about),
            "direction": _named(direction, DIRECTIONS, ""),
            "before": _named(before, ACTION_WORDS, ""),
            "after": _named(after, ACTION_WORDS, ""),
            "rule_before": pd.Categorical(old),
            "rule_after": pd.Categorical(new),
            "score": _score_of(facts.scores[rows], about),
            "item_id": [facts.ids[row] for row in rows.tolist()],
        }
    )


def _strength(verdicts: Verdicts, region: str, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """One number that orders effects: the action first, then account, then money."""
    return (
        verdicts.action(region)[rows].astype(np.int32) * 100
        + verdicts.distribution(region)[rows] * 25
        + verdicts.account(region)[rows] * 5
        + verdicts.money(region)[rows]
    )


def _reasons(
    verdicts: Verdicts, region: str, rows: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Rule id and category of the reason shown, "" where there is none."""
    plan = verdicts.plan
    rules = [plan.rules[plan.entries[entry].rule].rule for entry in plan.by_reason_rank]
    ids = np.array([*(rule.id for rule in rules), ""], dtype=object)
    categories = np.array([*(rule.category for rule in rules), ""], dtype=object)
    ranks = verdicts.reasons[verdicts.group_of[region]][rows]
    found = np.where(ranks == NO_RANK, len(rules), ranks)
    return ids[found], categories[found]


def _named(codes: npt.NDArray[Any], names: Sequence[str], missing: str) -> Any:
    known = list(names) if missing in names else [*names, missing]
    filled = np.where(codes < 0, known.index(missing), codes).astype(np.int32)
    return pd.Categorical.from_codes(filled, categories=pd.Index(known))


def _score_of(scores: npt.NDArray[np.float32], about: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    column_of = {name: number for number, name in enumerate(CATEGORY_IDS)}
    columns = np.array([column_of.get(name, -1) for name in about], dtype=np.intp)
    found = scores[np.arange(len(scores)), np.maximum(columns, 0)]
    return np.where(columns < 0, np.nan, found).astype(np.float32)


def _changes(compared: Sequence[_Pair]) -> pd.DataFrame:
    by = ["language", "surface", "category", "direction"]
    parts = []
    for pair in compared:
        counted = pair.table.groupby(by, observed=True).size().rename("items").reset_index()
        counted = counted.astype(dict.fromkeys(by, str))
        parts += [counted.assign(region=region) for region in pair.regions]
    return pd.concat(parts, ignore_index=True)[["region", *by, "items"]]


def _totals(compared: Sequence[_Pair], n: int) -> pd.DataFrame:
    rows = []
    for pair in compared:
        counts = pair.table["direction"].value_counts()
        for region in pair.regions:
            changed = len(pair.table)
            share = changed / n if n else 0.0
            row: dict[str, Any] = {"region": region, "items": n, "changed": changed}
            rows.append(row | {"share": share} | {name: int(counts[name]) for name in DIRECTIONS})
    return pd.DataFrame(rows).sort_values("region", ignore_index=True)


def _volume(both: dict[str, Verdicts], regions: Sequence[str]) -> pd.DataFrame:
    counted = {
        (name, group): np.bincount(verdicts.action(region), minlength=len(ACTION_WORDS))
        for name, verdicts in both.items()
        for group, region in {verdicts.group_of[r]: r for r in regions}.items()
    }
    return pd.DataFrame(
        [
            {"region": region, "action": word}
            | {name: int(counted[name, both[name].group_of[region]][code]) for name in both}
            for region in regions
            for code, word in enumerate(ACTION_WORDS)
        ]
    )


def _flips(history: History, compared: Sequence[_Pair]) -> tuple[pd.DataFrame, bool]:
    parts, room = [], MOST_FLIPS
    for pair in compared:
        for region in pair.regions:
            part = pair.table.head(room)
            room -= len(part)
            # Regions share their verdicts here, but a person may have decided for one alone.
            decided = history.decided_in(region)[part["row"].to_numpy()]
            words = _named(decided, ACTION_WORDS, "undecided")
            parts.append(part.assign(region=region, decided=words))
    total = sum(len(pair.table) * len(pair.regions) for pair in compared)
    flips = pd.concat(parts, ignore_index=True)
    for name in ("region", "language", "surface", "category", "rule_before", "rule_after"):
        flips[name] = flips[name].astype("category")
    return flips.drop(columns="row"), total <= MOST_FLIPS


@dataclass(frozen=True, slots=True)
class _Jobs:
    rows: npt.NDArray[np.intp]
    minutes: npt.NDArray[np.int32]
    queue: npt.NDArray[Any]


def _jobs(verdicts: Verdicts) -> _Jobs:
    """One job per item that a person must see for any region: its shortest clock and its queue."""
    n = len(verdicts)
    minutes = np.full(n, np.iinfo(np.int32).max, dtype=np.int32)
    queue = np.full(n, -1, dtype=np.int16)
    names: tuple[str, ...] = ()
    needed = np.zeros(n, dtype=bool)
    for region in {verdicts.group_of[r]: r for r in verdicts.regions}.values():
        review = verdicts.needs_review(region)
        here, names = verdicts.queue(region)
        clock = verdicts.sla_minutes(region)
        sooner = review & ((clock < minutes) | ~needed)
        minutes[sooner], queue[sooner] = clock[sooner], here[sooner]
        needed |= review
    rows = needed.nonzero()[0]
    return _Jobs(rows, minutes[rows], np.array([*names, "none"], dtype=object)[queue[rows]])


def _queues(jobs: dict[str, _Jobs], loads: dict[str, Workload], staffing: Staffing) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, found in jobs.items():
        counts = pd.Series(found.queue, dtype=object).value_counts()
        late = pd.Series(found.queue[loads[name].late_rows], dtype=object).value_counts()
        columns |= {name: counts, f"{name}_hours": counts * staffing.seconds_per_item / 3600}
        columns |= {f"{name}_late": late}
    table = pd.DataFrame(columns).fillna(0)
    whole = [name for name in table.columns if not name.endswith("_hours")]
    table = table.astype(dict.fromkeys(whole, int))
    return table.rename_axis("queue").sort_index().reset_index()


def _quality(history: History, both: dict[str, Verdicts], regions: Sequence[str]) -> pd.DataFrame:
    """Precision and recall against decisions. A person's `allow` is a no, anything else a yes.

    Counted per item, whatever the number of regions: policy acts if it does in any region, and a
    person found harm if they did for any; by region, both are about that region.
    """
    decided = np.max([history.decided_in(region) for region in regions], axis=0)
    rows = (decided >= 0).nonzero()[0]
    harmful = decided[rows] > 0
    slices: list[tuple[str, str, npt.NDArray[np.bool_]]] = [("all", "", np.ones(len(rows), bool))]
    labels = history.facts.language
    slices += [("language", name, labels.codes[rows] == n) for n, name in enumerate(labels.names)]
    slices += [
        ("surface", name, history.facts.surface[rows] == n) for n, name in enumerate(SURFACES)
    ]
    slices += [
        ("category", name, history.decided_category[rows] == n)
        for n, name in enumerate(CATEGORY_IDS)
    ]
    found: list[dict[str, Any]] = []
    for set_name, verdicts in both.items():
        acts, sees = _acts_anywhere(verdicts, regions, rows)
        for kind, name, mask in slices:
            if mask.any():
                measures = _measures(acts[mask], sees[mask], harmful[mask], kind)
                found += _measured(set_name, kind, name, measures)
        found += _precision_by_category(set_name, verdicts, regions, rows, harmful)
        for region in regions:
            found += _quality_in(history, set_name, verdicts, region)
    return pd.DataFrame(found, columns=_QUALITY_COLUMNS)


def _measured(
    set_name: str, kind: str, name: str, measures: dict[str, Proportion]
) -> list[dict[str, Any]]:
    return [
        {"set": set_name, "slice": kind, "name": name, "measure": measure} | _proportion_row(share)
        for measure, share in measures.items()
    ]


def _quality_in(
    history: History, set_name: str, verdicts: Verdicts, region: str
) -> list[dict[str, Any]]:
    decided = history.decided_in(region)
    rows = (decided >= 0).nonzero()[0]
    if not len(rows):
        return []
    acts, sees = _acts_anywhere(verdicts, [region], rows)
    measures = _measures(acts, sees, decided[rows] > 0, "region")
    return _measured(set_name, "region", region, measures)


def _precision_by_category(
    set_name: str,
    verdicts: Verdicts,
    regions: Sequence[str],
    rows: npt.NDArray[np.intp],
    harmful: npt.NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Of the items on which a category's rule acts, in the first region where one does, the share
    that people found harmful for whatever category."""
    because = np.full(len(rows), "", dtype=object)
    for region in {verdicts.group_of[r]: r for r in reversed(regions)}.values():
        acts = verdicts.action(region)[rows] > 0
        _, categories = _reasons(verdicts, region, rows)
        fresh = acts & (because == "")
        because[fresh] = categories[fresh]
    found: list[dict[str, Any]] = []
    for name in sorted(set(because) - {""}):
        mask = because == name
        share = Proportion(int(harmful[mask].sum()), int(mask.sum()))
        found += _measured(set_name, "category", name, {"precision of action": share})
    return found


_QUALITY_COLUMNS = ["set", "slice", "name", "measure", "value", "low", "high", "n", "enough"]


def _measures(
    acts: npt.NDArray[np.bool_],
    sees: npt.NDArray[np.bool_],
    harmful: npt.NDArray[np.bool_],
    kind: str,
) -> dict[str, Proportion]:
    measures = {
        "recall of action": Proportion(int((acts & harmful).sum()), int(harmful.sum())),
        "recall of action or review": Proportion(int((sees & harmful).sum()), int(harmful.sum())),
    }
    if kind != "category":  # a person names a category only where there is harm
        measures["precision of action"] = Proportion(int((acts & harmful).sum()), int(acts.sum()))
    return measures


def _acts_anywhere(
    verdicts: Verdicts, regions: Sequence[str], rows: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    acts = np.zeros(len(rows), dtype=bool)
    sees = np.zeros(len(rows), dtype=bool)
    for region in {verdicts.group_of[r]: r for r in regions}.values():
        acts |= verdicts.action(region)[rows] > 0
        sees |= verdicts.needs_review(region)[rows]
    return acts, sees | acts


def _disparity(history: History, both: dict[str, Verdicts], regions: Sequence[str]) -> pd.DataFrame:
    """Of the items that people found harmless, the share on which policy acted, by language."""
    decided = np.max([history.decided_in(region) for region in regions], axis=0)
    rows = (decided == 0).nonzero()[0]
    labels = history.facts.language
    found = []
    for set_name, verdicts in both.items():
        acts, _ = _acts_anywhere(verdicts, regions, rows)
        for number, name in enumerate(labels.names):
            mask = labels.codes[rows] == number
            if mask.any():
                share = Proportion(int(acts[mask].sum()), int(mask.sum()))
                found.append({"set": set_name, "language": name} | _proportion_row(share))
    columns = ["set", "language", "value", "low", "high", "n", "enough"]
    return pd.DataFrame(found, columns=columns)


def _proportion_row(share: Proportion) -> dict[str, Any]:
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high, "n": share.n, "enough": share.enough}
