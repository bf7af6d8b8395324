"""Checking automatic decisions at random: the same items every time, whoever asks."""

from __future__ import annotations

import hashlib
from typing import Any

from moderation.items import Item
from moderation.queue.drafts import JobDraft, likeliest, views_per_minute
from moderation.queue.rules import QueueRules
from moderation.records.queue_tables import JobKind
from moderation.taxonomy import Severity


def is_sampled(item_id: str, share: float, salt: str = "audit") -> bool:
    """Whether an item falls into a random sample of `share` of all items.

    Deterministic by item id and salt, so that a repeated call and another machine agree, and so
    that nobody can try again until an item escapes.
    """
    if share <= 0:
        return False
    digest = hashlib.sha256(f"{salt}\x00{item_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def audit_draft(item: Item, screening: Any, rules: QueueRules, now: float) -> JobDraft | None:
    """A job that checks an automatic decision, if the item falls into the sample."""
    if not is_sampled(item.id, rules.audit_share, rules.audit_salt):
        return None
    views, parts = views_per_minute(item)
    # Named, so that nobody is handed what they opted out of, or may not see.
    category = likeliest(screening.assessment)
    scores = screening.assessment.scores
    parts |= {
        "surface": item.surface.value,
        "notes": ["chosen at random to check automatic decisions"],
    }
    return JobDraft(
        queue="audit",
        lane=2,
        severity=Severity.P3.rank,
        category=category,
        probability=max([0.05, *map(float, scores.values())]),
        views_per_minute=views,
        reliability=1.0,
        due_at=now + Severity.P4.minutes * 60,
        parts=parts,
        kind=JobKind.AUDIT,
    )
