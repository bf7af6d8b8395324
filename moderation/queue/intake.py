"""From a screening to the records and, where a person is asked, to a job.

Screening the same content twice changes nothing. Under a newer policy it gets new verdicts beside
its assessment, which may bring its waiting job forward (`merging.py`) or open its first one, and
never a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from moderation.classifiers.matching.near_duplicates import hash_of_signal
from moderation.items import Item
from moderation.queue import merging, raising, sampling
from moderation.queue.drafts import JobDraft, draft_job
from moderation.queue.entries import Entry, ScreeningLike, VerdictLike
from moderation.queue.known_items import (
    hold_items,
    models_of,
    newest_assessments,
    policies_of,
    with_any_job,
)
from moderation.queue.near_copies import picture_keys
from moderation.queue.opening import open_jobs
from moderation.queue.rules import QueueRules
from moderation.queue.shadows import shadow_rows
from moderation.records.database import Database
from moderation.records.errors import WritersCollided
from moderation.records.item_store import (
    PreparedItem,
    assessment_row,
    insert_items,
    insert_rows,
    prepare_item,
)
from moderation.records.item_tables import (
    Reporter,
    StoredAssessment,
    StoredReport,
    StoredVerdict,
)
from moderation.records.people import primary_language
from moderation.records.queue_tables import JobKind
from moderation.records.rollout_tables import ShadowVerdict
from moderation.signals import Assessment

#: How often a batch is stored anew when another process was faster with one of its items.
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a screening went."""

    item_key: int
    is_new: bool  #: False: this content was stored before
    job_id: int | None  #: the job that waits for a person, if one does


def record_screening(
    database: Database,
    item: Item,
    screening: ScreeningLike,
    *,
    reporter_id: str = "",
    rules: QueueRules | None = None,
) -> Recorded:
    """Store an item, its assessment and verdicts, and open a job where a person is asked: in one
    transaction, once per content.

    Args:
        reporter_id: who sent `item.report`, where `item.report.reporter_id` does not say it; their
            earlier reports weigh this one.

    Raises:
        DatabaseUnavailable: nothing was stored.
    """
    [recorded] = record_screenings(
        database, [(item, screening)], reporter_ids=[reporter_id], rules=rules
    )
    return recorded


def record_screenings(
    database: Database,
    screenings: Sequence[tuple[Item, ScreeningLike]],
    *,
    reporter_ids: Sequence[str] | None = None,
    rules: QueueRules | None = None,
) -> list[Recorded]:
    """As `record_screening` for many items in one transaction, in their order."""
    rules = rules or QueueRules()
    reporters = reporter_ids or [""] * len(screenings)
    entries = [
        Entry(
            _with_picture_hashes(prepare_item(database.media, item), screening.assessment),
            screening,
            reporter or (item.report.reporter_id if item.report else ""),
            primary_language(screening.assessment.language),
        )
        for (item, screening), reporter in zip(screenings, reporters, strict=True)
    ]
    for attempt in range(_ATTEMPTS):
        try:
            with database.write() as session:
                now = database.now(session)
                _store(session, entries, now)
                _open_jobs(session, entries, now, rules)
            break
        except (IntegrityError, WritersCollided):
            # Another process stored the same item at the same moment; now it can be seen.
            if attempt == _ATTEMPTS - 1:
                raise
    return [Recorded(entry.key, entry.is_new, entry.job_id) for entry in entries]


def _with_picture_hashes(prepared: PreparedItem, assessment: Assessment) -> PreparedItem:
    hashes = {signal.part: hash_of_signal(signal) for signal in assessment.signals}
    found = [value for _, value in sorted(hashes.items(), key=str) if value is not None]
    return replace(prepared, near_keys=(*prepared.near_keys, *picture_keys(found)))


def _store(session: Session, entries: Sequence[Entry], now: float) -> None:
    keys = insert_items(session, [(e.prepared, e.language) for e in entries], now)
    seen: set[int] = set()
    for entry in entries:
        entry.key, fresh = keys[entry.prepared.item.id, entry.prepared.content_hash]
        entry.is_new = fresh and entry.key not in seen
        seen.add(entry.key)
    known_models = models_of(session, [e.key for e in entries if not e.is_new])
    assessed: set[int] = set()
    for entry in entries:
        models = dict(entry.screening.assessment.models)
        again = not entry.is_new and known_models.get(entry.key) != models
        entry.assess = (entry.is_new or again) and entry.key not in assessed
        assessed.add(entry.key)
    to_store = [e for e in entries if e.assess]
    insert_rows(
        session,
        StoredAssessment,
        [assessment_row(e.screening.assessment, e.key, now) for e in to_store],
    )
    _mark_judged_anew(session, entries)
    to_judge = [e for e in entries if e.assess or e.restore_judgement]
    ids = newest_assessments(session, [e.key for e in to_judge])
    insert_rows(
        session,
        StoredVerdict,
        [
            _verdict_row(region, verdict, e.key, ids[e.key], now)
            for e in to_judge
            for region, verdict in e.screening.verdicts.items()
        ],
    )
    shadows = [row for e in to_judge for row in shadow_rows(e.screening, e.key, ids[e.key], now)]
    judged = {entry.key for entry in to_judge}
    shadows += _shadows_of_resent(session, [e for e in entries if e.key not in judged], now)
    insert_rows(session, ShadowVerdict, shadows)


def _shadows_of_resent(
    session: Session, entries: Sequence[Entry], now: float
) -> list[dict[str, Any]]:
    """What a trial says of content that was judged before it began: once per item and region."""
    tried = {e.key: e for e in reversed(entries) if getattr(e.screening, "shadow", None)}
    missing = _without_shadow(session, tried, now)
    if not missing:
        return []
    hold_items(session, sorted({row["item_key"] for row in missing}))
    return _without_shadow(session, tried, now)


def _without_shadow(
    session: Session, tried: Mapping[int, Entry], now: float
) -> list[dict[str, Any]]:
    ids = newest_assessments(session, list(tried))
    wanted = [r for key, e in tried.items() for r in shadow_rows(e.screening, key, ids[key], now)]
    known: set[tuple[int, int, str]] = set()
    for start in range(0, len(tried), 500):
        query = select(
            col(ShadowVerdict.rollout_id), col(ShadowVerdict.item_key), col(ShadowVerdict.region)
        ).where(col(ShadowVerdict.item_key).in_(list(tried)[start : start + 500]))
        known |= {(rollout, key, region) for rollout, key, region in session.execute(query)}
    return [r for r in wanted if (r["rollout_id"], r["item_key"], r["region"]) not in known]


def _mark_judged_anew(session: Session, entries: Sequence[Entry]) -> None:
    """Once per content: what was judged last, for some region, by another policy or not at all."""
    done = {e.key for e in entries if e.assess}
    others = {e.key: e for e in reversed(entries) if e.key not in done}
    known = policies_of(session, list(others))
    changed = sorted(key for key, e in others.items() if _by_other_rules(e, known))
    if not changed:
        return
    hold_items(session, changed)
    known = policies_of(session, changed)
    for key in changed:
        others[key].restore_judgement = _by_other_rules(others[key], known)


def _by_other_rules(entry: Entry, known: Mapping[tuple[int, str], str]) -> bool:
    return any(
        known.get((entry.key, region)) != verdict.policy_hash
        for region, verdict in entry.screening.verdicts.items()
    )


def _verdict_row(
    region: str, verdict: VerdictLike, item_key: int, assessment_id: int, now: float
) -> dict[str, Any]:
    return {
        "item_key": item_key,
        "assessment_id": assessment_id,
        "region": region,
        "action": verdict.action,
        "queue": verdict.queue,
        "severity": str(verdict.severity) if verdict.severity is not None else None,
        "sla_minutes": verdict.sla_minutes,
        "needs_review": verdict.needs_review,
        "policy_hash": verdict.policy_hash,
        "verdict": verdict.model_dump(mode="json"),
        "given_at": now,
    }


def _open_jobs(session: Session, entries: Sequence[Entry], now: float, rules: QueueRules) -> None:
    waiting = merging.waiting_jobs(session, [e.prepared.item.id for e in entries])
    seen_before = with_any_job(session, [e.key for e in entries if e.restore_judgement])
    drafts: dict[str, tuple[Entry, JobDraft]] = {}
    reports: list[tuple[Entry, dict[str, Any]]] = []
    rises: list[raising.Rise] = []
    for entry in entries:
        item = entry.prepared.item
        if item.id in drafts:
            # A second report on the same item within this batch finds the job of the first.
            _insert_jobs(session, list(drafts.values()), now, rules)
            drafts.clear()
            waiting |= merging.waiting_jobs(session, [item.id])
        trust = _reliability(session, entry.reporter_id) if item.report else 1.0
        draft = draft_job(item, entry.screening.assessment, entry.screening.verdicts, trust, now)
        if draft is None and entry.is_new:
            draft = sampling.audit_draft(item, entry.screening, rules, now)
        job = merging.its_job(waiting.get(item.id, ()), entry.key)
        wanted = entry.is_new or entry.assess or item.report is not None or item.order is not None
        if entry.restore_judgement and (job is not None or entry.key not in seen_before):
            wanted = True
        told_before = job is not None and merging.told_before(session, job, entry, reports)
        if item.report is not None:
            reports.append((entry, _report_row(entry, now)))
        if draft is None or not wanted:
            entry.job_id = job.id if job is not None else None
        elif job is not None and draft.kind == JobKind.REVIEW and not merging.is_behind(job, entry):
            entry.job_id = job.id
            rises += merging.merge(session, job, entry, draft, now, rules, told_before)
        else:
            drafts[item.id] = (entry, draft)
    _insert_jobs(session, list(drafts.values()), now, rules)
    insert_rows(session, StoredReport, [row | {"job_id": entry.job_id} for entry, row in reports])
    raising.write_audit(session, rises, now)


def _reliability(session: Session, reporter_id: str) -> float:
    """Twice the smoothed share of upheld reports: 1 for a newcomer, 0.25 to 2."""
    reporter = session.get(Reporter, reporter_id) if reporter_id else None
    if reporter is None:
        return 1.0
    share = (reporter.upheld + 2) / (reporter.upheld + reporter.rejected + 4)
    return max(0.25, 2 * share)


def _report_row(entry: Entry, now: float) -> dict[str, Any]:
    report = entry.prepared.item.report
    assert report is not None
    return {
        "item_key": entry.key,
        "reporter_id": entry.reporter_id,
        "kind": report.kind,
        "source": report.source.value,
        "complete": report.complete,
        "note": report.note,
        "received_at": report.received_at.timestamp() if report.received_at else now,
    }


def _insert_jobs(
    session: Session, drafts: Sequence[tuple[Entry, JobDraft]], now: float, rules: QueueRules
) -> None:
    if not drafts:
        return
    ids = open_jobs(
        session,
        [(e.key, e.language, e.copyable, draft) for e, draft in drafts],
        now,
        rules,
    )
    for (entry, _), job_id in zip(drafts, ids, strict=True):
        entry.job_id = job_id
