"""How urgent a job is: computed in SQL when a job is claimed, from parts that are stored.

`severity × probability × log2(1 + views until due) × reliability + ageing`, after Facebook's
virality × severity × likelihood (2020) and the reach-weighted indices of arXiv:2505.21331.

Two parts need a word. *Views until due* never counts less than a quarter of the whole clock: an
overdue item still has viewers. *Ageing* is nothing before 60% of the clock, rises to a quarter of
the weight of the severity when it is due, and grows with the logarithm of the delay from then on:
slowly enough that a backlog does not turn into oldest-first, for ever, so that nothing starves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from moderation.taxonomy import CATEGORIES

#: Worth of P0..P4 relative to each other. Judgement: each level is twice as bad as the next.
SEVERITY_WEIGHTS: tuple[float, ...] = (16.0, 8.0, 4.0, 2.0, 1.0)

#: Views that an item gets when nobody knows: per hour. Low, so that known reach outranks it.
ASSUMED_VIEWS_PER_HOUR = 20.0

#: Share of the clock before ageing sets in.
AGEING_FROM = 0.6

#: What a clock that just ran out adds, as a share of the severity's weight. With the whole weight a
#: backlog was worked off by age, and a fifth of the harm was averted less (`docs/queue.md`).
AGEING_WEIGHT = 0.25

#: An overdue item still counts the views of this share of its clock.
LEAST_REMAINING = 0.25

_SEVERITY_SQL = (
    "CASE severity "
    + " ".join(f"WHEN {level} THEN {weight}" for level, weight in enumerate(SEVERITY_WEIGHTS))
    + " ELSE 1.0 END"
)
_REMAINING_SQL = (
    f"CASE WHEN due_at - :now > {LEAST_REMAINING} * (due_at - opened_at) "
    f"THEN due_at - :now ELSE {LEAST_REMAINING} * (due_at - opened_at) END"
)
_ELAPSED_SQL = (
    "(:now - opened_at) / (CASE WHEN due_at - opened_at > 1 THEN due_at - opened_at ELSE 1 END)"
)
_AGEING_SQL = (
    f"CASE WHEN {_ELAPSED_SQL} <= {AGEING_FROM} THEN 0.0 "
    f"WHEN {_ELAPSED_SQL} <= 1 THEN ({_ELAPSED_SQL} - {AGEING_FROM}) / {1 - AGEING_FROM} "
    f"ELSE 1.0 + ln({_ELAPSED_SQL}) / {math.log(2)} END"
)

#: The priority of a row of `jobs` at `:now`; the same on SQLite and PostgreSQL.
PRIORITY_SQL = (
    f"({_SEVERITY_SQL}) * (probability * reliability"
    f" * ln(1.0 + views_per_minute * ({_REMAINING_SQL}) / 60.0) / {math.log(2)}"
    f" + {AGEING_WEIGHT} * ({_AGEING_SQL}))"
)


#: The columns that it is computed from.
PRIORITY_COLUMNS = (
    "severity",
    "probability",
    "reliability",
    "views_per_minute",
    "opened_at",
    "due_at",
)

#: However many people report an item, the probability that a person will agree stays below this.
MOST_BY_REPORTS = 0.9


def after_reports(probability: float, reliability: float, reports: int = 1) -> float:
    """The probability of harm after so many more reports.

    Each multiplies the odds by 1 + reliability: by two for an unknown reporter, by nearly three
    for one who was always right, by a quarter more for one who was always wrong. A crowd of false
    reports brings a person to look sooner; it can decide nothing.
    """
    if probability >= MOST_BY_REPORTS:
        return probability
    odds = probability / (1 - probability) * (1 + reliability) ** min(reports, 60)
    return min(MOST_BY_REPORTS, odds / (1 + odds))


def opening_weight(
    severity: int, probability: float, views_per_minute: float, minutes: float, reliability: float
) -> float:
    """The priority without ageing when the job is opened; the index finds candidates by it."""
    reach = math.log2(1.0 + views_per_minute * minutes)
    return SEVERITY_WEIGHTS[severity] * probability * reach * reliability


def priority(job: Any, now: float) -> float:
    """The same number as `PRIORITY_SQL`, for showing and for checking it."""
    clock = max(job.due_at - job.opened_at, 1.0)
    remaining = max(job.due_at - now, LEAST_REMAINING * (job.due_at - job.opened_at))
    elapsed = (now - job.opened_at) / clock
    if elapsed <= AGEING_FROM:
        ageing = 0.0
    elif elapsed <= 1:
        ageing = (elapsed - AGEING_FROM) / (1 - AGEING_FROM)
    else:
        ageing = 1.0 + math.log2(elapsed)
    reach = math.log2(1.0 + job.views_per_minute * remaining / 60.0)
    return float(
        SEVERITY_WEIGHTS[job.severity]
        * (job.probability * job.reliability * reach + AGEING_WEIGHT * ageing)
    )


def explain(job: Any, now: float) -> list[str]:
    """Why this job comes now, in words, most important first."""
    parts: Mapping[str, Any] = job.parts or {}
    why = [_lane_words(job.lane, parts), *(parts.get("raised") or []), _harm_words(job)]
    why += _report_words(job, parts)
    why.append(_reach_words(job, parts, now))
    why.append(_clock_words(job, now))
    rules = parts.get("rules") or []
    if rules:
        regions = parts.get("regions") or []
        where = f" (for viewers in {', '.join(regions)})" if regions else ""
        why.append(f"rule {', '.join(rules[:4])}{where}")
    why += list(parts.get("notes") or [])
    return [line for line in why if line]


def _lane_words(lane: int, parts: Mapping[str, Any]) -> str:
    because = parts.get("lane_reason")
    if lane == 0:
        return f"goes before everything else: {because or 'danger to life or a legal clock'}"
    if lane == 1:
        return f"goes before the rest: {because or 'trusted flagger or appeal near its deadline'}"
    return ""


def _harm_words(job: Any) -> str:
    if job.category is None:
        return f"severity P{job.severity}"
    title = CATEGORIES[job.category].title if job.category in CATEGORIES else job.category
    likely = f"{job.probability * 100:.0f}% likely"
    return f"{title} (P{job.severity}), {likely}"


def _report_words(job: Any, parts: Mapping[str, Any]) -> list[str]:
    count = int(parts.get("reports") or 0)
    if not count:
        return []
    times = "once" if count == 1 else f"{count} times"
    if job.reliability > 1.15:
        trust = "; its reporters are usually right"
    elif job.reliability < 0.85:
        trust = "; its reporters are often wrong"
    else:
        trust = ""
    return [f"reported {times}{trust}"]


def _reach_words(job: Any, parts: Mapping[str, Any], now: float) -> str:
    remaining = max(job.due_at - now, LEAST_REMAINING * (job.due_at - job.opened_at)) / 60.0
    views = job.views_per_minute * remaining
    rough = f"{float(f'{views:.2g}'):,.0f}"
    if parts.get("listeners"):
        return f"live: {parts['listeners']:,} listeners now, about {rough} views until it is due"
    if parts.get("reach_assumed"):
        return f"reach unknown; taken as {rough} views until it is due"
    return f"about {rough} views until it is due"


def _clock_words(job: Any, now: float) -> str:
    left = job.due_at - now
    if left < 0:
        return f"overdue by {_duration(-left)}"
    return f"due in {_duration(left)}"


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
