"""What a version on trial says beside what acts, as rows. Nothing here opens a job."""

from __future__ import annotations

from typing import Any

from moderation.policy.rollout import Shadow, change
from moderation.policy.verdict import RuleHit, Verdict


def shadow_rows(
    screening: Any, item_key: int, assessment_id: int, now: float
) -> list[dict[str, Any]]:
    """Rows of `shadow_verdicts` for a screening; none where no version is tried.

    Args:
        screening: a `moderation.screening.Screening`, or anything else with `verdicts`.
    """
    shadow: Shadow | None = getattr(screening, "shadow", None)
    if shadow is None:
        return []
    rows = []
    for region, other in shadow.verdicts.items():
        acting: Verdict = screening.verdicts[region]
        live, candidate = (other, acting) if shadow.candidate_acts else (acting, other)
        direction, category = change(live, candidate)
        rows.append(
            {
                "rollout_id": shadow.rollout,
                "item_key": item_key,
                "assessment_id": assessment_id,
                "region": region,
                "policy_hash": other.policy_hash,
                "candidate_acted": shadow.candidate_acts,
                "action": other.action,
                "acting_action": acting.action,
                "needs_review": other.needs_review,
                "direction": direction,
                "category": category,
                "verdict": None if _same(acting, other) else other.model_dump(mode="json"),
                "given_at": now,
            }
        )
    return rows


def _same(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same for the same reasons, whatever the packs' versions."""
    return _said(one) == _said(other) and [_meant(hit) for hit in one.rules] == [
        _meant(hit) for hit in other.rules
    ]


def _said(verdict: Verdict) -> dict[str, Any]:
    return {**verdict.__dict__, "rules": None, "policy_hash": None}


def _meant(hit: RuleHit) -> dict[str, Any]:
    return {**hit.__dict__, "pack_version": None, "chain": None}
