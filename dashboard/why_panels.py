"""The right side of the review page: why the item is here, by which rule, from whom."""

from __future__ import annotations

import math
import time
from typing import Any

import streamlit as st

from dashboard import templates, wording
from dashboard.evidence import OBSERVATION, level_of, told
from moderation.classifiers.matching.known_images import NEVER_RENDER
from moderation.queue import CaseFile
from moderation.queue.drafts import views_per_minute
from moderation.taxonomy import CATEGORIES, Severity

#: How a rule can want an item to be shown, strictest first.
DISPLAYS = ("never_render_known_hash", "transcript_only", "blurred", "normal")

#: Scores below this are counted, not listed.
SCORES_FROM = 0.05

#: A reach of so many views fills the bar; the scale is logarithmic.
FULL_REACH = 1_000_000


def used_categories(case: CaseFile) -> set[str]:
    """Categories that brought the item here: the job's own, and those of its rules."""
    used = {case.job.category} if case.job.category else set()
    for verdict in case.verdicts.values():
        for hit in verdict.verdict.get("rules", ()):
            used.add(hit.get("score_category") or hit.get("category"))
    return {name for name in used if name in CATEGORIES}


def strictest_display(case: CaseFile) -> str:
    """How the item may be shown: normal, blurred, transcript_only or never_render_known_hash.

    A match with a bank that is marked `never_render` needs no rule: nobody is shown the picture.
    """
    if any(signal.aspect == NEVER_RENDER for signal in case.assessment.signals):
        return DISPLAYS[0]
    wanted = {
        hit.get("display", "normal")
        for verdict in case.verdicts.values()
        for hit in verdict.verdict.get("rules", ())
        if not hit.get("exempted_by")
    }
    return next((name for name in DISPLAYS if name in wanted), "normal")


def show_why(case: CaseFile) -> None:
    """Severity × likelihood × reach × time left, as bars and in words."""
    job = case.job
    left = job.due_at - time.time()
    whole = max(job.due_at - job.claimed_at, Severity(f"P{job.severity}").minutes * 60.0, 1.0)
    per_minute, parts = views_per_minute(case.item)
    views = per_minute * max(left, 0.25 * whole) / 60
    reach = f"about {wording.count(views)} views until due" if views >= 1 else "hardly anybody"
    if parts.get("reach_assumed"):
        reach = "unknown, taken as small"
    likely = f"{wording.likelihood(job.probability)} ({job.probability:.0%})"
    gauges = [
        (
            "Severity",
            f"P{job.severity}: {wording.SEVERITIES[job.severity]}",
            (5 - job.severity) / 5,
            job.severity,
        ),
        ("Likelihood", likely, job.probability, 2 if job.probability >= 0.6 else 4),
        ("Reach", reach, min(1.0, math.log1p(views) / math.log(FULL_REACH)), 3),
        (
            "Time",
            wording.due(left),
            min(1.0, max(0.0, 1 - left / whole)),
            0 if left < 0.4 * whole else 4,
        ),
    ]
    templates.show("why", gauges=gauges, why=job.why)


def show_rules(case: CaseFile) -> None:
    """What the rules say now, per group of regions, and each rule with its law and threshold."""
    groups: dict[tuple[str, ...], list[str]] = {}
    hits: dict[tuple[str, str], dict[str, Any]] = {}
    for region, stored in sorted(case.verdicts.items()):
        verdict = stored.verdict
        axes = tuple(str(verdict.get(axis, "")) for axis in ("distribution", "account", "money"))
        groups.setdefault((stored.action, *axes), []).append(region)
        for hit in verdict.get("rules", ()):
            known = hits.setdefault((hit["rule_id"], hit.get("exempted_by") or ""), _rule(hit))
            known["regions"].append(region)
    rows = [
        {
            "regions": regions,
            "action": action,
            "distribution": _axis(distribution, "normal"),
            "account": _axis(account, "none"),
            "money": _axis(money, "none"),
        }
        for (action, distribution, account, money), regions in groups.items()
    ]
    ordered = sorted(hits.values(), key=lambda hit: (bool(hit["exempted_by"]), hit["level"]))
    templates.show("rules", rows=rows, hits=ordered, regions=len(case.verdicts))


def _rule(hit: dict[str, Any]) -> dict[str, Any]:
    return {
        "rule_id": hit["rule_id"],
        "pack": hit.get("pack", ""),
        "pack_version": hit.get("pack_version", ""),
        "floor": hit.get("floor", False),
        "category": hit.get("category"),
        "actions": hit.get("actions", ()),
        "score": hit.get("score"),
        "threshold": hit.get("threshold"),
        "legal": hit.get("legal_cites") or hit.get("legal_basis") or (),
        "exempted_by": hit.get("exempted_by"),
        "level": Severity(hit["severity"]).rank if hit.get("severity") else 4,
        "regions": [],
    }


def _axis(value: str, nothing: str) -> str:
    return "–" if value in {"", nothing} else wording.plain(value).lower()


def show_scores(case: CaseFile) -> None:
    """All scores worth a look, what else was noticed, and what could not be looked at."""
    assessment = case.assessment
    scores = sorted(assessment.scores.items(), key=lambda entry: -entry[1])
    shown = [
        (name, value, CATEGORIES[name].severity.rank)
        for name, value in scores
        if value >= SCORES_FROM
    ][:8]
    noticed = dict.fromkeys(
        wording.plain(signal.name.rpartition(".")[2])
        for signal in told(assessment)
        if level_of(signal) == OBSERVATION and signal.probability >= 0.5
    )
    templates.show(
        "scores",
        scores=shown,
        rest=len(scores) - len(shown),
        below=SCORES_FROM if len(shown) < 8 else shown[-1][1],
        observations=list(noticed)[:10],
        problems=assessment.problems[:6],
    )


def show_author(case: CaseFile) -> None:
    """What is known of the author, who reported it, and what was decided before.

    Neither region nor language of the author: they are no reason for a decision.
    """
    author = case.item.author
    facts: list[tuple[str, str]] = []
    if author.id:
        facts.append(("Author", templates.short_plain(author.id, 60)))
    if author.account_age_days is not None:
        facts.append(("Account", f"{author.account_age_days:,} days old"))
    if author.age.value != "unknown":
        facts.append(("Age", wording.plain(author.age.value.replace("_plus", " or older"))))
    if author.verified_business:
        facts.append(("Business", "verified"))
    if author.guardian_linked:
        facts.append(("Guardian", "linked"))
    if case.item.context_tags:
        facts.append(
            ("Context", ", ".join(wording.plain(tag).lower() for tag in case.item.context_tags))
        )
    earlier = [
        {"when": wording.day(row.decided_at), "action": row.action, "category": row.category}
        for row in case.author_history[:6]
    ]
    templates.show(
        "author",
        facts=facts or [("Author", "not given")],
        reports=case.reports[:4],
        reported=len(case.reports),
        order=case.item.order,
        earlier=earlier,
        further=max(0, len(case.author_history) - len(earlier)),
    )


def show_notes(case: CaseFile) -> None:
    """What colleagues left behind, and earlier looks where the reviewer may know them."""
    notes = [
        {
            "who": event.actor,
            "kind": event.kind,
            "text": str(
                event.detail.get("text") or event.detail.get("note") or event.detail.get("reason")
            ),
            "when": wording.moment(event.at),
        }
        for event in case.comments[-6:]
    ]
    looks = [
        {
            "action": look.action,
            "category": look.category,
            "note": look.note,
            "when": wording.day(look.decided_at),
        }
        for look in case.looks
    ]
    if notes or looks or case.appeal:
        templates.show("notes", notes=notes, looks=looks, appeal=case.appeal)


def show_all(case: CaseFile) -> None:
    """All panels, top to bottom."""
    with st.container(gap="small"):
        show_why(case)
        show_rules(case)
        show_notes(case)
        show_scores(case)
        show_author(case)
