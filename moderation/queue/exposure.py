"""How much difficult material a person has seen, and when to propose a break.

The diary is the reviewer's own. Managers see sums over eight people or more. None of the numbers
is fixed by research; they are starting points. Blur and breaks are a comfort, not a protection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select, text
from sqlmodel import Session, col

from moderation.queue.errors import ExposureReached
from moderation.queue.rotation import rested_families
from moderation.queue.rules import QueueRules
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import ReviewerRefused
from moderation.records.people import load_reviewer
from moderation.records.people_tables import Exposure, ExposureKind, Reviewer, Role
from moderation.records.queue_tables import Job

#: How much a minute with a category weighs.
MINUTE_WEIGHTS: Mapping[str, float] = {
    "csae": 4.0,
    "grooming": 4.0,
    "graphic_violence": 3.0,
    "self_harm": 3.0,
    "terror_extremism": 3.0,
    "threat_incitement": 2.0,
    "ncii": 3.0,
    "hate": 2.0,
    "harassment": 1.5,
    "fraud_phishing": 0.5,
    "pig_butchering": 0.5,
    "crossborder_scam": 0.5,
    "spam": 0.25,
}

#: A minute of anything else.
OTHER_MINUTE = 1.0

#: Items that count as severe for the break prompt: this weight or more.
_SEVERE = 2.0

#: A pause this long counts as a break, in seconds.
_BREAK = 300.0

#: Nobody's minutes can be told from a sum over so many people.
AGGREGATE_OF = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands in this shift."""

    weighted_minutes: float
    soft_cap: float
    hard_cap: float
    minutes_since_break: float
    severe_since_break: int
    rested: tuple[str, ...]  #: kinds of material of which others come first now (`rotation.py`)
    prompts: tuple[str, ...]


def minute_weight(category: str | None) -> float:
    """How much a minute with this category weighs."""
    return MINUTE_WEIGHTS.get(category or "", OTHER_MINUTE)


class DiaryEntry(NamedTuple):
    """One entry of the diary, as claims read it. In the order of time when sorted."""

    at: float  #: seconds since 1970
    id: int
    kind: str
    category: str | None
    seconds: float
    weighted_minutes: float


def diary_sql(dialect: str) -> str:
    """A query for the diary, one value of JSON for `read_diary`; its WHERE follows.

    One value, because a shift has hundreds of entries, and every claim reads them.
    """
    names = ", ".join(DiaryEntry._fields)
    if dialect == "sqlite":
        return f"SELECT json_group_array(json_array({names})) FROM exposures"  # noqa: S608
    return f"SELECT CAST(json_agg(json_build_array({names})) AS text) FROM exposures"  # noqa: S608


def read_diary(entries: str | None) -> list[DiaryEntry]:
    """What `diary_sql` gave, oldest first."""
    return [DiaryEntry(*entry) for entry in sorted(json.loads(entries or "[]"))]


def standing(rows: Sequence[DiaryEntry], now: float, rules: QueueRules) -> Standing:
    """The shift so far: from the last long pause, or "I need to stop", until now."""
    shift: list[DiaryEntry] = []
    extra = 0.0
    for row in rows:
        if shift and row.at - shift[-1].at > rules.shift_gap_hours * 3600:
            shift, extra = [], 0.0
        shift.append(row)
        if row.kind == ExposureKind.OVERRIDE:
            extra += row.weighted_minutes
    if shift and now - shift[-1].at > rules.shift_gap_hours * 3600:
        shift, extra = [], 0.0
    total = sum(row.weighted_minutes for row in shift if row.kind == ExposureKind.ITEM)
    run = _since_break(shift, now)
    minutes = (now - run[0].at + run[0].seconds) / 60 if run else 0.0
    severe = sum(_is_severe(row) for row in run)
    rested = rested_families(((row.category, row.seconds, _is_severe(row)) for row in run), rules)
    hard = rules.exposure_hard_cap + extra
    prompts = _prompts(total, minutes, severe, rules)
    return Standing(total, rules.exposure_soft_cap, hard, minutes, severe, rested, prompts)


def _since_break(shift: Sequence[DiaryEntry], now: float) -> list[DiaryEntry]:
    """The items since the last break."""
    run: list[DiaryEntry] = []
    for row in shift:
        if row.kind in {ExposureKind.BREAK, ExposureKind.STOP}:
            run = []
        elif row.kind == ExposureKind.ITEM:
            if run and row.at - row.seconds - run[-1].at > _BREAK:
                run = []
            run.append(row)
    if not run or now - run[-1].at > _BREAK:
        return []
    return run


def _is_severe(row: DiaryEntry) -> bool:
    return minute_weight(row.category) >= _SEVERE


def _prompts(total: float, minutes: float, severe: int, rules: QueueRules) -> tuple[str, ...]:
    prompts = []
    if minutes >= rules.break_after_minutes:
        prompts.append(f"You have worked {minutes:.0f} minutes without a break. Take five minutes.")
    elif severe >= rules.break_after_severe:
        prompts.append(f"You have seen {severe} difficult items in a row. Take five minutes.")
    if total >= rules.exposure_soft_cap:
        prompts.append(
            "You have seen much difficult material today. Consider another queue, or rest."
        )
    return tuple(prompts)


def refuse_above_cap(diary: Standing) -> None:
    """Raises ExposureReached above the hard cap."""
    if diary.weighted_minutes >= diary.hard_cap:
        raise ExposureReached(
            "you have seen as much difficult material as a shift allows; rest, or do other work. "
            "A lead can raise the cap with a reason, which is logged"
        )


def write_item(session: Session, reviewer_id: str, job: Job, seconds: float, now: float) -> None:
    """An item that the person looked at. A lease that lay open does not count for longer than 15
    minutes."""
    if session.get(Reviewer, reviewer_id) is None:
        return
    counted = min(seconds, 900.0)
    session.add(
        Exposure(
            reviewer_id=reviewer_id,
            at=now,
            kind=ExposureKind.ITEM.value,
            category=job.category,
            severity=job.severity,
            seconds=counted,
            weighted_minutes=counted / 60 * minute_weight(job.category),
        )
    )
    session.flush()


def write_stop(session: Session, reviewer_id: str, now: float) -> None:
    """The person said that they need to stop."""
    session.add(Exposure(reviewer_id=reviewer_id, at=now, kind=ExposureKind.STOP.value))
    session.flush()


def take_break(database: Database, reviewer_id: str, seconds: float = 300.0) -> None:
    """The person took a break: paid work, in no speed figure."""
    with database.write() as session:
        now = database.now(session)
        load_reviewer(session, reviewer_id)
        session.add(
            Exposure(
                reviewer_id=reviewer_id, at=now, kind=ExposureKind.BREAK.value, seconds=seconds
            )
        )


def own_standing(database: Database, reviewer_id: str, rules: QueueRules | None = None) -> Standing:
    """A person's own standing. Show it to nobody else."""
    with database.read() as session:
        load_reviewer(session, reviewer_id)
        now = database.now(session)
        dialect = session.connection().dialect.name
        query = f"{diary_sql(dialect)} WHERE reviewer_id = :me AND at > :since"
        values = {"me": reviewer_id, "since": now - 86_400}
        diary = read_diary(session.execute(text(query), values).scalar())
    return standing(diary, now, rules or QueueRules())


def raise_cap(
    database: Database, reviewer_id: str, minutes: float, *, by: str, reason: str
) -> None:
    """A lead raises the cap of this shift; never for themselves, never without a reason. Where
    somebody has the role of a manager, only a manager does.

    Raises:
        ReviewerRefused: no reason was given, it is their own cap, or they are no manager.
    """
    if not reason.strip() or by == reviewer_id:
        raise ReviewerRefused("somebody else raises the cap, and says why")
    with database.write() as session:
        now = database.now(session)
        load_reviewer(session, reviewer_id)
        _refuse_no_manager(session, by)
        session.add(
            Exposure(
                reviewer_id=reviewer_id,
                at=now,
                kind=ExposureKind.OVERRIDE.value,
                weighted_minutes=minutes,
                note=reason,
            )
        )
        audit.append(
            session,
            at=now,
            actor=by,
            action="exposure_cap_raised",
            subject=f"reviewer:{reviewer_id}",
            detail={"minutes": minutes, "reason": reason},
        )


def _refuse_no_manager(session: Session, name: str) -> None:
    people = select(Reviewer).where(col(Reviewer.disabled_at).is_(None))
    managers = {p.id for p in session.execute(people).scalars() if Role.MANAGER in p.roles}
    if managers and name not in managers:
        raise ReviewerRefused(f"{name} is no manager; a manager raises the cap")


def team_minutes(database: Database, since: float) -> dict[str, float] | None:
    """Weighted minutes per category over the whole team; None below eight people."""
    with database.read() as session:
        rows = session.execute(
            select(
                col(Exposure.reviewer_id), col(Exposure.category), col(Exposure.weighted_minutes)
            ).where(col(Exposure.at) >= since, col(Exposure.kind) == ExposureKind.ITEM)
        ).all()
    people: dict[str, set[str]] = {}
    minutes: dict[str, float] = {}
    for person, category, weighted in rows:
        name = category or "other"
        people.setdefault(name, set()).add(person)
        minutes[name] = minutes.get(name, 0.0) + weighted
    if len({person for person, _, _ in rows}) < AGGREGATE_OF:
        return None
    return {name: total for name, total in minutes.items() if len(people[name]) >= AGGREGATE_OF}
