"""How often those who report are right: what decisions say of the reports behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.item_tables import Reporter, StoredReport
from moderation.records.queue_tables import Decision


def judge(session: Session, decisions: Sequence[Decision], sign: int = 1) -> None:
    """Count a report as upheld where the item was restricted, as rejected where it was allowed."""
    _count(session, {decision.job_id: decision.action for decision in decisions}, sign)


def _count(session: Session, actions: Mapping[int, str], sign: int = 1) -> None:
    upheld = {job_id: action != "allow" for job_id, action in actions.items()}
    query = (
        select(col(StoredReport.job_id), col(StoredReport.reporter_id))
        .where(col(StoredReport.job_id).in_(list(upheld)), col(StoredReport.reporter_id) != "")
        .distinct()
        # In one order for all, so that two deciders never wait for each other.
        .order_by(col(StoredReport.reporter_id))
    )
    for job_id, reporter_id in session.execute(query).all():
        reporter = session.get(Reporter, reporter_id, with_for_update=True)
        reporter = reporter or Reporter(id=reporter_id)
        if upheld[job_id]:
            reporter.upheld = max(0, reporter.upheld + sign)
        else:
            reporter.rejected = max(0, reporter.rejected + sign)
        session.add(reporter)
    session.flush()


def judge_by_correction(session: Session, before: Decision, after: Decision) -> None:
    """Those whose report was judged by a decision are judged by the one that replaces it."""
    if (before.action == "allow") == (after.action == "allow"):
        return
    judge(session, [before], sign=-1)
    _count(session, {before.job_id: after.action})


def restore_judgement(session: Session, undone: Decision, before: Decision) -> None:
    """The decision that an undone one had replaced is in force again."""
    if (before.action == "allow") == (undone.action == "allow"):
        return
    _count(session, {before.job_id: undone.action}, sign=-1)
    judge(session, [before])
