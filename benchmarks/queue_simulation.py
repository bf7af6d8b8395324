"""The overnight surge: which order of work averts the most harm at the same staffing?

    python benchmarks/queue_simulation.py --plot docs/queue-simulation.png

A community of 95% Mandarin traffic gets 50% English within two days, at ten times the volume. The
reviewers and their languages stay as they are, so that a backlog builds up. The same arrivals are
worked off in four orders: ours (`moderation.queue.priority`, with lanes), oldest first, by
probability only, by number of reports.

What is simulated, and how it differs from what the order knows:

* An item is truly harmful with its calibrated probability; the order sees the probability.
* Its views are heavy-tailed (log-normal) and fade with a half-life of four hours; the order sees a
  noisy forecast for 24 hours (a factor of two either way, one standard deviation) and assumes a
  constant rate.
* People report what they see, harmful items ten times as often as harmless ones; a report raises
  the probability in ours as it does in the queue, every reporter being unknown to it.
* A review takes a minute and a half on average, whatever the order. Nobody takes an item in a
  language they do not read.
* Harm is severity weight × views × half a minute; removing a harmful item averts the harm of the
  views that are still to come. The severity weights are those of the order, so its advantage in
  weighing severities is by definition; harm is therefore told without them as well.

Prints one JSON object; draws the plot if asked.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.queue import priority as formula
from moderation.taxonomy import Severity

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS = 96
SURGE_FROM, SURGE_TO = 24.0, 72.0  #: hours within which the volume and the languages change
#: At first three people are busy for five eighths of their time: 75 of the 120 items an hour that
#: they can do. That leaves room for an ordinary day, not for ten times as much.
BASE_PER_HOUR, SURGE_FACTOR = 75.0, 10.0
HALF_LIFE = 4.0  #: hours in which half of the remaining views are gone
REVIEW_SECONDS = 90.0
#: Two languages by index: Mandarin 0, English 1. Three people at a time, day and night; one of them
#: reads English too.
REVIEWERS: tuple[frozenset[int], ...] = (frozenset({0}), frozenset({0}), frozenset({0, 1}))
SEVERITY_SHARES = (0.02, 0.18, 0.30, 0.35, 0.15)
CLOCKS = np.array([Severity(f"P{level}").minutes / 60 for level in range(5)])
WEIGHTS = np.array(formula.SEVERITY_WEIGHTS)


@dataclass(frozen=True)
class Arrivals:
    """Everything that comes, in order of time."""

    at: Floats  #: hours
    language: Ints
    severity: Ints
    probability: Floats
    harmful: npt.NDArray[np.bool_]
    views: Floats  #: all that it would ever get
    forecast: Floats  #: views per minute that the queue is told
    report_rate: Floats  #: reports per view
    seconds: Floats  #: that a person needs for it


def arrivals(seed: int) -> Arrivals:
    """One draw of the four days."""
    chance = np.random.default_rng(seed)
    times, languages = [], []
    step = 1 / 60
    for minute in range(HOURS * 60):
        hour = minute * step
        share = float(np.clip((hour - SURGE_FROM) / (SURGE_TO - SURGE_FROM), 0, 1))
        rate = BASE_PER_HOUR * (1 + (SURGE_FACTOR - 1) * share) * step
        english = 0.05 + 0.45 * share
        for _ in range(int(chance.poisson(rate))):
            times.append(hour + chance.uniform(0, step))
            languages.append(int(chance.random() < english))
    order = np.argsort(times)
    count = len(times)
    probability = chance.beta(1.2, 2.0, count)
    harmful = chance.random(count) < probability
    views = chance.lognormal(np.log(150), 1.8, count)
    return Arrivals(
        at=np.asarray(times)[order],
        language=np.asarray(languages)[order],
        severity=chance.choice(5, count, p=SEVERITY_SHARES),
        probability=probability,
        harmful=harmful,
        views=views,
        forecast=views * np.exp(chance.normal(0, np.log(2), count)) / 1440,
        report_rate=np.where(harmful, 1 / 300, 1 / 3000) * chance.lognormal(0, 0.7, count),
        seconds=np.maximum(10.0, chance.lognormal(np.log(REVIEW_SECONDS) - 0.18, 0.6, count)),
    )


def reports(world: Arrivals, waiting: Ints, now: float) -> Floats:
    """How often each was reported until now."""
    seen = world.views[waiting] * (1 - 0.5 ** ((now - world.at[waiting]) / HALF_LIFE))
    return np.floor(seen * world.report_rate[waiting])


def probability_now(world: Arrivals, waiting: Ints, now: float) -> Floats:
    """`moderation.queue.priority.after_reports` for many jobs, reporters being unknown."""
    probability = world.probability[waiting]
    odds = probability / (1 - probability) * 2.0 ** np.minimum(reports(world, waiting, now), 60)
    raised = np.minimum(formula.MOST_BY_REPORTS, odds / (1 + odds))
    return np.maximum(probability, raised)


def our_order(world: Arrivals, waiting: Ints, now: float) -> Floats:
    """`moderation.queue.priority.priority` for many jobs at once, lanes before all else."""
    return _ranked(world, waiting, now, np.log2)


def our_order_with_linear_reach(world: Arrivals, waiting: Ints, now: float) -> Floats:
    """What was tried: reach counts in full instead of its logarithm."""
    return _ranked(world, waiting, now, lambda views: views / 60)


def our_order_with_full_ageing(world: Arrivals, waiting: Ints, now: float) -> Floats:
    """What was tried: a clock that ran out adds the whole weight of the severity."""
    return _ranked(world, waiting, now, np.log2, weight=1.0)


def _ranked(
    world: Arrivals,
    waiting: Ints,
    now: float,
    weigh: Callable[[Floats], Floats],
    weight: float = formula.AGEING_WEIGHT,
) -> Floats:
    clock = CLOCKS[world.severity[waiting]]
    age = now - world.at[waiting]
    elapsed = age / clock
    remaining = np.maximum(clock - age, formula.LEAST_REMAINING * clock) * 60
    reach = weigh(1 + world.forecast[waiting] * remaining)
    ramp = (elapsed - formula.AGEING_FROM) / (1 - formula.AGEING_FROM)
    ageing = np.where(elapsed > 1, 1 + np.log2(np.maximum(elapsed, 1)), np.maximum(ramp, 0))
    probability = probability_now(world, waiting, now)
    score = WEIGHTS[world.severity[waiting]] * (probability * reach + weight * ageing)
    return score + np.where(world.severity[waiting] == 0, 1e6, 0.0)


def oldest_first(world: Arrivals, waiting: Ints, now: float) -> Floats:
    return -world.at[waiting]


def by_probability(world: Arrivals, waiting: Ints, now: float) -> Floats:
    return world.probability[waiting]


def by_reports(world: Arrivals, waiting: Ints, now: float) -> Floats:
    # Ties (no report yet) go to the older one.
    return reports(world, waiting, now) - world.at[waiting] * 1e-6


ORDERS: dict[str, Callable[[Arrivals, Ints, float], Floats]] = {
    "ours": our_order,
    "oldest first": oldest_first,
    "probability only": by_probability,
    "report count": by_reports,
    "ours, linear reach": our_order_with_linear_reach,
    "ours, full ageing": our_order_with_full_ageing,
}


def check_formula(world: Arrivals) -> None:
    """The order simulated is the one that the queue runs."""
    some = np.arange(0, len(world.at), max(1, len(world.at) // 50))
    now = float(world.at[some].max()) + 1.0
    ours = our_order(world, some, now)
    counts = reports(world, some, now)
    for index, score, count in zip(some, ours, counts, strict=True):
        opened = float(world.at[index]) * 3600
        severity = int(world.severity[index])
        job = SimpleNamespace(
            severity=severity,
            probability=formula.after_reports(float(world.probability[index]), 1.0, int(count)),
            reliability=1.0,
            views_per_minute=float(world.forecast[index]),
            opened_at=opened,
            due_at=opened + CLOCKS[severity] * 3600,
        )
        expected = formula.priority(job, now * 3600) + (1e6 if severity == 0 else 0.0)
        assert abs(expected - score) < 1e-6, (expected, score)


class Pile:
    """The items of one language that wait, as an array that grows and shrinks."""

    def __init__(self, size: int) -> None:
        self._items = np.empty(size, dtype=np.int64)
        self._count = 0

    @property
    def items(self) -> Ints:
        return self._items[: self._count]

    def put(self, item: int) -> None:
        self._items[self._count] = item
        self._count += 1

    def take(self, place: int) -> int:
        item = int(self._items[place])
        self._count -= 1
        self._items[place] = self._items[self._count]
        return item


def work_off(world: Arrivals, order: Callable[[Arrivals, Ints, float], Floats]) -> Floats:
    """When each item was decided, in hours; infinite where it still waits at the end."""
    decided = np.full(len(world.at), np.inf)
    piles = [Pile(len(world.at)), Pile(len(world.at))]
    free = [(0.0, number) for number in range(len(REVIEWERS))]
    heapq.heapify(free)
    come = 0
    while free:
        now, number = heapq.heappop(free)
        if now >= HOURS:
            continue
        while come < len(world.at) and world.at[come] <= now:
            piles[world.language[come]].put(come)
            come += 1
        own = [piles[language] for language in sorted(REVIEWERS[number])]
        waiting = np.concatenate([pile.items for pile in own])
        if not len(waiting):
            following = float(world.at[come]) if come < len(world.at) else float(HOURS)
            heapq.heappush(free, (max(following, now + 1e-4), number))
            continue
        place = int(np.argmax(order(world, waiting, now)))
        first = len(own[0].items)
        chosen = own[0].take(place) if place < first else own[1].take(place - first)
        done = now + float(world.seconds[chosen]) / 3600
        decided[chosen] = done
        heapq.heappush(free, (done, number))
    return decided


def harm_averted(world: Arrivals, decided: Floats, equal_severity: bool) -> Floats:
    """Harm-minutes averted by each decision."""
    weight = np.ones(len(world.at)) if equal_severity else WEIGHTS[world.severity]
    left = np.where(np.isinf(decided), 0.0, 0.5 ** ((decided - world.at) / HALF_LIFE))
    return np.asarray(world.harmful * weight * world.views * left * 0.5)


def figures(world: Arrivals, decided: Floats) -> dict[str, Any]:
    """What the issue asks for, of one order."""
    end = np.minimum(decided, HOURS)
    waited = end - world.at
    late = waited > CLOCKS[world.severity]
    worst = world.severity == 0
    matters = worst & (world.at < HOURS - 0.25)
    breaches = {}
    for lane, in_lane in (("lane 0", worst), ("lane 2", ~worst)):
        for language, name in enumerate(("zh", "en")):
            own = in_lane & (world.language == language)
            breaches[f"{lane}, {name}"] = round(float(late[own].mean()), 3)
    hours = len(REVIEWERS) * HOURS
    weighed, unweighed = (float(harm_averted(world, decided, e).sum()) for e in (False, True))
    return {
        "harm_minutes_averted_per_reviewer_hour": round(weighed / hours, 1),
        "the_same_without_severity": round(unweighed / hours, 1),
        "p0_within_15_minutes": round(float((waited[matters] <= 0.25).mean()), 3),
        "breached_share": breaches,
        "longest_wait_hours": round(float(waited.max()), 1),
        "decided": int(np.isfinite(decided).sum()),
        "waiting_at_the_end": int(np.isinf(decided).sum()),
    }


def draw(world: Arrivals, results: dict[str, Floats], told: dict[str, Any], path: Path) -> None:
    """Harm averted over time, and the share of P0 in time."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=[2, 1])
    hours = np.linspace(0, HOURS, 400)
    for name, decided in results.items():
        averted = harm_averted(world, decided, False)
        order = np.argsort(decided)
        known = np.isfinite(decided[order])
        total = np.concatenate([[0.0], np.cumsum(averted[order][known])])
        place = np.searchsorted(decided[order][known], hours)
        left.plot(hours, total[place] / 1e6, label=name, linewidth=2.2 if name == "ours" else 1.3)
    left.axvspan(SURGE_FROM, SURGE_TO, alpha=0.08, color="grey")
    left.set(xlabel="hours", ylabel="harm-minutes averted, millions (cumulative)")
    left.set_title("The surge (grey): 10× volume, 5% → 50% English, same people")
    left.legend(frameon=False)
    names = list(results)
    shares = [told[name]["p0_within_15_minutes"]["mean"] * 100 for name in names]
    right.barh(names[::-1], shares[::-1])
    right.set(xlabel="% of P0 looked at within 15 minutes", xlim=(0, 100))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over the draws, with the smallest and the largest for single numbers."""
    found: dict[str, Any] = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        if isinstance(values[0], dict):
            found[name] = {k: round(float(np.mean([v[k] for v in values])), 3) for k in values[0]}
        else:
            found[name] = {
                "mean": round(float(np.mean(values)), 3),
                "least": min(values),
                "most": max(values),
            }
    return found


def times(told: dict[str, Any], measure: str) -> dict[str, float]:
    """How many times the harm of each other order ours averts."""
    ours = told["ours"][measure]["mean"]
    return {
        name: round(ours / own[measure]["mean"], 2) for name, own in told.items() if name != "ours"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ORDERS}
    last: tuple[Arrivals, dict[str, Floats]] | None = None
    for draw_number in range(given.draws):
        world = arrivals(given.seed + draw_number)
        check_formula(world)
        results = {name: work_off(world, order) for name, order in ORDERS.items()}
        for name, decided in results.items():
            runs[name].append(figures(world, decided))
        last = (world, results)
    told = {name: summary(own) for name, own in runs.items()}
    report = {
        "draws": given.draws,
        "reviewers": len(REVIEWERS),
        "orders": told,
        "ours_times": times(told, "harm_minutes_averted_per_reviewer_hour"),
        "ours_times_without_severity": times(told, "the_same_without_severity"),
    }
    print(json.dumps(report, indent=2))
    if given.plot is not None and last is not None:
        draw(*last, told, given.plot)


if __name__ == "__main__":
    main()
