"""What policy decided alone, as a decision: written down when somebody appeals against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.queue.deciding import ACTIONS, is_superseded
from moderation.queue.drafts import deciding_category
from moderation.queue.errors import DecisionRefused
from moderation.records.errors import NotFound
from moderation.records.item_store import read_verdicts
from moderation.records.item_tables import StoredItem, StoredVerdict
from moderation.records.queue_tables import Decision, DecisionKind, Job, JobKind, JobState
from moderation.taxonomy import Severity


@dataclass(frozen=True, slots=True)
class AutomaticDecision:
    """What the newest verdicts about an item say, as far as one appeal is about it."""

    item: StoredItem
    action: str
    category: str | None  #: of the rule that weighs most
    regions: list[str]  #: viewer regions it holds for; empty is everywhere
    severity: int  #: 0 (P0) to 4 (P4)
    policy_hash: str
    given_at: float  #: seconds since 1970
    actions: Mapping[str, str]  #: region → action, of all regions
    assessment_id: int

    def row(self, now: float) -> dict[str, Any]:
        """The columns of `decisions` besides job and item."""
        return {
            "reviewer_id": "",
            "kind": DecisionKind.AUTOMATIC.value,
            "action": self.action,
            "category": self.category,
            "regions": self.regions,
            "policy_hash": self.policy_hash,
            "automatic_action": self.action,
            "snapshot": {
                "item_id": self.item.id,
                "content_hash": self.item.content_hash,
                "assessment_id": self.assessment_id,
                "verdicts": dict(self.actions),
                "stored_at": now,
            },
            "decided_at": self.given_at,
        }


def stored_at(decision: Decision) -> float:
    """When the row was written, in seconds since 1970; for an automatic one, long after it was
    decided."""
    told = decision.snapshot or {}
    if decision.kind == DecisionKind.AUTOMATIC and "stored_at" in told:
        return float(told["stored_at"])
    return decision.decided_at


def read_automatic(session: Session, item_id: str, opened_by: str) -> AutomaticDecision:
    """What was decided automatically about the version of an item that was judged last: the
    strictest action for its author, the mildest for a reporter. The item's row is locked.

    Raises:
        NotFound: no such item, or it was never judged.
        DecisionRefused: a person decided it, or will.
    """
    key = session.execute(
        select(col(StoredVerdict.item_key))
        .join(StoredItem, col(StoredItem.key) == col(StoredVerdict.item_key))
        .where(col(StoredItem.id) == item_id)
        .order_by(col(StoredVerdict.id).desc())
        .limit(1)
    ).scalar()
    if key is None:
        raise NotFound(f"no verdict about an item {item_id!r} is stored")
    item = session.get(StoredItem, key, with_for_update=True)
    assert item is not None
    _refuse_persons(session, item)
    verdicts = read_verdicts(session, key)
    choose = max if opened_by == "author" else min
    action = choose((v.action for v in verdicts.values()), key=ACTIONS.index)
    regions = [region for region, verdict in verdicts.items() if verdict.action == action]
    lead = min((verdicts[region] for region in regions), key=_severity)
    return AutomaticDecision(
        item=item,
        action=action,
        category=deciding_category(lead.verdict),
        regions=[] if len(regions) == len(verdicts) else sorted(regions),
        severity=_severity(lead),
        policy_hash=lead.policy_hash,
        given_at=max(verdicts[region].given_at for region in regions),
        actions={region: verdict.action for region, verdict in verdicts.items()},
        assessment_id=lead.assessment_id,
    )


def _severity(verdict: StoredVerdict) -> int:
    return Severity(verdict.severity).rank if verdict.severity else Severity.P3.rank


def _refuse_persons(session: Session, item: StoredItem) -> None:
    """Raises DecisionRefused where a person decided this version of the item, or is about to."""
    standing = session.execute(
        select(Decision)
        .where(
            col(Decision.item_key) == item.key,
            col(Decision.final).is_(True),
            ~is_superseded(Decision),
        )
        .order_by(col(Decision.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if standing is not None and standing.kind == DecisionKind.AUTOMATIC:
        raise DecisionRefused(
            f"item {item.id} was appealed already; job {standing.job_id} waits for a person"
        )
    if standing is not None:
        raise DecisionRefused(
            f"a person decided about item {item.id}; appeal decision {standing.id} instead"
        )
    waiting = session.execute(
        select(col(Job.id)).where(
            col(Job.item_key) == item.key,
            col(Job.kind) == JobKind.REVIEW,
            col(Job.state) != JobState.DONE,
        )
    ).scalar()
    if waiting is not None:
        raise DecisionRefused(
            f"a person looks at item {item.id} anyway (job {waiting}); appeal what they decide"
        )
