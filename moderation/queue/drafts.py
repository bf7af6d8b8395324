"""Whether a person is asked, by what clock, and how urgent it is: the parts of a new job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moderation.items import AgeBracket, Item, ReportSource, Surface
from moderation.queue.priority import ASSUMED_VIEWS_PER_HOUR, SEVERITY_WEIGHTS, opening_weight
from moderation.records.queue_tables import JobKind, JobState
from moderation.signals import Assessment
from moderation.taxonomy import CATEGORIES, Severity

#: What a report says about the probability of harm when no model sees any. Judgement: about a
#: third of user reports are upheld in published platform figures; flaggers and victims far more.
REPORT_PROBABILITY: Mapping[ReportSource, float] = {
    ReportSource.USER: 0.35,
    ReportSource.TRUSTED_FLAGGER: 0.8,
    ReportSource.VICTIM: 0.7,
    ReportSource.RIGHTS_HOLDER: 0.6,
}

#: A live room with more listeners is one level more severe (regions: severity belongs to reach).
LARGE_ROOM = 1000

_MINORS = {AgeBracket.UNDER_13, AgeBracket.FROM_13_TO_15, AgeBracket.FROM_16_TO_17}
_LIVE = {Surface.LIVE_CHAT, Surface.LIVE_TRANSCRIPT}
_FALLBACK_QUEUE = "general"


@dataclass(frozen=True, slots=True)
class JobDraft:
    """Everything about a job that does not depend on the database."""

    queue: str
    lane: int
    severity: int
    category: str | None
    probability: float
    views_per_minute: float
    reliability: float
    due_at: float
    parts: dict[str, Any] = field(default_factory=dict)
    kind: str = JobKind.REVIEW
    min_seniority: int = 0

    def row(self, now: float) -> dict[str, Any]:
        """The columns of `jobs` that this draft fills."""
        minutes = max((self.due_at - now) / 60, 1.0)
        return {
            "kind": self.kind,
            "state": JobState.OPEN.value,
            "lane": self.lane,
            "severity": self.severity,
            "category": self.category,
            "probability": self.probability,
            "views_per_minute": self.views_per_minute,
            "reliability": self.reliability,
            "weight": opening_weight(
                self.severity, self.probability, self.views_per_minute, minutes, self.reliability
            ),
            "parts": self.parts,
            "opened_at": now,
            "due_at": self.due_at,
            "claim_number": 0,
            "round": 1,
        }


@dataclass(frozen=True, slots=True)
class _Ask:
    queue: str
    severity: int
    minutes: float
    category: str | None
    rules: list[str]
    regions: list[str]


def draft_job(
    item: Item,
    assessment: Assessment,
    verdicts: Mapping[str, Any],
    reliability: float,
    now: float,
) -> JobDraft | None:
    """The job that these verdicts, this report or this order ask for; None if no person is."""
    ask = _ask(item, assessment, verdicts)
    if ask is None:
        return None
    notes: list[str] = []
    # Policy has raised the severity of its own verdicts already (reach, recipient, context).
    severity = ask.severity if ask.rules else _adjusted(ask.severity, item, notes)
    notes += [
        f"{problem.part} could not be looked at: {problem.code}"
        for problem in assessment.problems[:3]
    ]
    probability = assessment.scores.get(ask.category, 0.0) if ask.category else 0.0
    if item.report is not None:
        probability = max(
            probability, REPORT_PROBABILITY[item.report.source] * min(reliability, 1.0)
        )
    if item.order is not None or item.hash_match is not None:
        probability = 1.0
    lane, reason = _lane(item, severity)
    views, reach_parts = views_per_minute(item)
    parts: dict[str, Any] = {
        "surface": item.surface.value,
        "rules": ask.rules,
        "regions": ask.regions,
        "reports": 1 if item.report is not None else 0,
        "notes": notes,
        **reach_parts,
    }
    if reason:
        parts["lane_reason"] = reason
    return JobDraft(
        queue=ask.queue,
        lane=lane,
        severity=severity,
        category=ask.category,
        # A rule asked for a person although no score stands behind it: an even chance.
        probability=probability or 0.5,
        views_per_minute=views,
        reliability=reliability,
        due_at=now + ask.minutes * 60,
        parts=parts,
    )


def _ask(item: Item, assessment: Assessment, verdicts: Mapping[str, Any]) -> _Ask | None:
    asking = {region: v for region, v in verdicts.items() if v.needs_review}
    if asking:
        lead = min(asking.values(), key=lambda v: (_rank(v.severity), v.sla_minutes or 10**9))
        hits = [hit for hit in lead.model_dump(mode="json")["rules"] if not hit.get("exempted_by")]
        names = list(dict.fromkeys(hit["rule_id"] for hit in hits))
        minutes = [float(v.sla_minutes) for v in asking.values() if v.sla_minutes]
        rank = _rank(lead.severity)
        return _Ask(
            lead.queue or _FALLBACK_QUEUE,
            rank,
            min(minutes, default=float(Severity(f"P{rank}").minutes)),
            _hit_category(hits) or likeliest(assessment),
            names,
            list(asking),
        )
    if item.report is None and item.order is None and not assessment.problems:
        return None
    category = likeliest(assessment)
    severity = CATEGORIES[category].severity if category else Severity.P3
    if item.order is not None:
        return _Ask("legal", 1, float(Severity.P1.minutes), category, [], [])
    if assessment.problems and item.report is None:
        severity = Severity.P3
    return _Ask(_FALLBACK_QUEUE, severity.rank, float(severity.minutes), category, [], [])


def _rank(severity: Any) -> int:
    return Severity(str(severity)).rank if severity is not None else Severity.P3.rank


def deciding_category(verdict: Mapping[str, Any]) -> str | None:
    """The category that weighs most among the rules that a stored verdict rests on."""
    return _hit_category([hit for hit in verdict.get("rules", ()) if not hit.get("exempted_by")])


def _hit_category(hits: list[dict[str, Any]]) -> str | None:
    """The category of the rule that weighs most: severity times its score."""
    best, weight = None, -1.0
    for hit in hits:
        score = hit.get("score")
        own = SEVERITY_WEIGHTS[_rank(hit.get("severity"))] * (0.5 if score is None else score)
        if own > weight and hit.get("category") in CATEGORIES:
            best, weight = hit["category"], own
    return best


def likeliest(assessment: Assessment) -> str | None:
    """The category with the most severity times probability, if any is at least one in five."""
    weighed = {
        name: SEVERITY_WEIGHTS[CATEGORIES[name].severity.rank] * probability
        for name, probability in assessment.scores.items()
        if probability >= 0.2
    }
    return max(weighed, key=lambda name: weighed[name], default=None)


def _adjusted(severity: int, item: Item, notes: list[str]) -> int:
    if item.surface in _LIVE and (item.audience.room_size or 0) > LARGE_ROOM and severity > 0:
        notes.append("one level more severe: a large live room")
        severity -= 1
    if item.recipient_age in _MINORS and severity > 0:
        notes.append("one level more severe: the recipient is a minor")
        severity -= 1
    return severity


def _lane(item: Item, severity: int) -> tuple[int, str | None]:
    if item.order is not None:
        return 0, "an authority's order with a legal clock"
    if severity == 0:
        return 0, "danger to life or to a child (P0)"
    if item.report is not None and item.report.source is ReportSource.VICTIM and severity <= 1:
        return 0, "reported by the person it harms"
    if item.report is not None and item.report.source is ReportSource.TRUSTED_FLAGGER:
        return 1, "reported by a trusted flagger"
    if item.report is not None and item.report.source is ReportSource.VICTIM:
        return 1, "reported by the person it harms"
    return 2, None


def views_per_minute(item: Item) -> tuple[float, dict[str, Any]]:
    """Expected views per minute, and the parts that tell where the number comes from.

    A listener of a live room hears every sentence, so counts as one view per minute.
    """
    audience = item.audience
    candidates = []
    if audience.views_per_hour is not None:
        candidates.append(audience.views_per_hour / 60)
    if audience.expected_views is not None:
        candidates.append(audience.expected_views / 1440)
    parts: dict[str, Any] = {}
    if audience.room_size is not None and item.surface in _LIVE:
        candidates.append(float(audience.room_size))
        parts["listeners"] = audience.room_size
    if not candidates:
        return ASSUMED_VIEWS_PER_HOUR / 60, {"reach_assumed": True}
    return max(candidates), parts
