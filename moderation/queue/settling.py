"""One look at a job in hand: what it leads to, for the item and for whatever follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from moderation.queue import appeals, claiming, clusters, deciding, exposure, reporters, rounds
from moderation.queue.claiming import ClaimedJob
from moderation.queue.errors import DecisionRefused
from moderation.records.people_tables import Reviewer, Role
from moderation.records.queue_tables import Decision, DecisionKind, Job


@dataclass(frozen=True, slots=True)
class Look:
    """What a reviewer says about a job in hand."""

    action: str
    category: str | None = None
    note: str = ""
    seconds: float | None = None
    regions: Sequence[str] = ()
    context_tags: Sequence[str] = ()
    apart: Sequence[int] = ()
    view: Mapping[str, Any] = field(default_factory=dict)
    ask_another: bool = False

    @property
    def draft(self) -> dict[str, Any]:
        """What must not be lost if it comes too late."""
        return {"action": self.action, "category": self.category, "note": self.note}


def settle_look(session: Session, now: float, claimed: ClaimedJob, look: Look) -> Decision:
    """Store a look; close the job, or hand it to the next pair of eyes.

    Raises:
        LeaseLost: the reviewer does not hold the job any more; nothing was changed.
    """
    job = claiming.held_job(session, claimed, now, draft=look.draft)
    told, policy_hash, automatic = deciding.snapshot(session, job, claimed, look.view)
    spent = max(0.0, now - claimed.claimed_at) if look.seconds is None else look.seconds
    outcome = rounds.settle(
        session, job, claimed.reviewer_id, look.action, look.category, look.ask_another
    )
    decision = deciding.store_decision(
        session,
        job,
        {
            "reviewer_id": claimed.reviewer_id,
            "kind": deciding.purpose_of(job).value,
            "round": job.round,
            "final": outcome.final and deciding.in_force(job, look.action, automatic),
            "action": look.action,
            "category": look.category,
            "regions": list(look.regions),
            "note": look.note,
            "context_tags": list(look.context_tags),
            "seconds": spent,
            "snapshot": told,
            "policy_hash": policy_hash,
            "automatic_action": automatic,
            "supersedes": appeals.superseded_by(session, job),
            "decided_at": now,
        },
    )
    job_id = job.id or 0
    deciding.event(session, job_id, now, claimed.reviewer_id, "decided", {"decision": decision.id})
    deciding.exclude(session, job_id, claimed.reviewer_id, "decided")
    exposure.write_item(session, claimed.reviewer_id, job, spent, now)
    followers: list[Decision] = []
    if outcome.final:
        followers = _close(session, now, job, decision, claimed, look)
    else:
        # What was set apart is no copy for the second pair of eyes either.
        members = {member.job_id for member in claimed.members}
        clusters.detach(session, sorted(members & set(look.apart)), now, claimed.reviewer_id)
        rounds.next_round(session, job, outcome)
    deciding.note_decision(session, decision, now, "decided", len(followers))
    return decision


def _close(
    session: Session, now: float, job: Job, decision: Decision, claimed: ClaimedJob, look: Look
) -> list[Decision]:
    deciding.close(session, job, now)
    shown = [member.job_id for member in claimed.members]
    followers = deciding.decide_members(session, job, decision, shown, look.apart, now)
    if decision.kind in {DecisionKind.REVIEW, DecisionKind.ADJUDICATION}:
        reporters.judge(session, [decision, *followers])
    appeals.answer(session, job, decision, now)
    return followers


def correct_decision(
    session: Session, now: float, person: Reviewer, stored: Decision, job: Job, look: Look
) -> Decision:
    """Supersede a decision that is in force.

    Raises:
        DecisionRefused: it is not theirs and they are no senior, it is not in force, or policy
            made it alone.
    """
    if stored.reviewer_id != person.id and Role.SENIOR not in person.roles:
        raise DecisionRefused("only its author or a senior reviewer corrects a decision")
    if stored.kind == DecisionKind.AUTOMATIC:
        raise DecisionRefused(f"decision {stored.id} was appealed; answer the appeal instead")
    if deciding.successor(session, stored.id or 0) is not None or not stored.final:
        raise DecisionRefused(f"decision {stored.id} is not in force; correct its successor")
    corrected = deciding.store_decision(
        session,
        job,
        {
            "reviewer_id": person.id,
            "kind": DecisionKind.CORRECTION.value,
            "action": look.action,
            "category": look.category,
            "note": look.note,
            "regions": list(look.regions),
            "policy_hash": stored.policy_hash,
            "automatic_action": stored.automatic_action,
            "supersedes": stored.id,
            "decided_at": now,
        },
    )
    reporters.judge_by_correction(session, stored, corrected)
    deciding.event(session, job.id or 0, now, person.id, "corrected", {"decision": corrected.id})
    deciding.note_decision(session, corrected, now, "corrected", 0)
    return corrected
