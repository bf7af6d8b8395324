"""Tables of the review work: routes, jobs, what happened to them, decisions, appeals."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class JobState(StrEnum):
    """Where a job stands."""

    OPEN = "open"  #: waits for a reviewer
    CLAIMED = "claimed"  #: one reviewer holds it
    PAUSED = "paused"  #: waits for somebody outside (its clock stands still)
    GROUPED = "grouped"  #: rides on another job of its cluster
    DONE = "done"  #: decided, or closed because it was no longer needed


# Conditions in these very words: an index on part of a table is used only where the database can
# see, before any parameter is bound, that the rows asked for are among those indexed.
IS_CLAIMED = text("jobs.state = 'claimed'")
IS_NOT_DONE = text("jobs.state <> 'done'")
IS_WAITING = text("jobs.state IN ('open', 'claimed')")
IS_WAITING_APPEAL = text("jobs.kind = 'appeal' AND jobs.state = 'open' AND jobs.lane = 2")


class JobKind(StrEnum):
    """Why a person is asked."""

    REVIEW = "review"  #: a verdict, a report or an order asks for a person
    AUDIT = "audit"  #: chosen at random to check automatic decisions
    APPEAL = "appeal"  #: the author or a reporter disagrees
    GOLDEN = "golden"  #: the right answer is known; the reviewer is not told


class Route(SQLModel, table=True):
    """A pair of queue and language: the smallest pile that jobs are sorted into."""

    __tablename__ = "routes"
    __table_args__ = (UniqueConstraint("queue", "language"),)

    id: int | None = Field(default=None, primary_key=True)
    queue: str
    language: str  #: primary subtag: `zh`, `en`, `und`


class Job(SQLModel, table=True):
    """An item that waits for a person, with the parts from which its priority is computed."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_heaviest",
            "route_id",
            "lane",
            "weight",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_jobs_most_urgent",
            "route_id",
            "lane",
            "due_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_jobs_leases",
            "lease_until",
            sqlite_where=text("state = 'claimed'"),
            postgresql_where=text("state = 'claimed'"),
        ),
        Index(
            "ix_jobs_breaching",
            "due_at",
            sqlite_where=text("breached_at IS NULL AND state IN ('open', 'claimed')"),
            postgresql_where=text("breached_at IS NULL AND state IN ('open', 'claimed')"),
        ),
        Index(
            "ix_jobs_one_open_review",
            "item_key",
            unique=True,
            sqlite_where=text("kind = 'review' AND state <> 'done'"),
            postgresql_where=text("kind = 'review' AND state <> 'done'"),
        ),
        Index(
            "ix_jobs_appeals",
            "due_at",
            sqlite_where=text("kind = 'appeal' AND state = 'open' AND lane = 2"),
            postgresql_where=text("kind = 'appeal' AND state = 'open' AND lane = 2"),
        ),
        Index("ix_jobs_item", "item_key"),
        Index(
            "ix_jobs_cluster",
            "cluster_key",
            sqlite_where=text("state <> 'done' AND cluster_key IS NOT NULL"),
            postgresql_where=text("state <> 'done' AND cluster_key IS NOT NULL"),
        ),
        Index(
            "ix_jobs_leader",
            "leader_id",
            sqlite_where=text("leader_id IS NOT NULL"),
            postgresql_where=text("leader_id IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    item_key: int = Field(foreign_key="items.key")
    route_id: int = Field(foreign_key="routes.id")
    kind: str = JobKind.REVIEW
    state: str = JobState.OPEN

    # priority parts
    lane: int = 2  #: 0 threat to life and legal clocks, 1 trusted flaggers and appeals, 2 the rest
    severity: int  #: 0 (P0) to 4 (P4)
    category: str | None = None  #: the category that brought it here
    probability: float  #: calibrated, or what a report is worth
    views_per_minute: float  #: expected
    reliability: float = 1.0  #: of the reporters; 1 where nobody reported
    weight: float  #: severity × probability × log2(1 + views until due) × reliability, when opened
    parts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    #: what else `why` is told from: surface, regions, rules, reports, assumed reach

    # clocks
    opened_at: float
    due_at: float
    paused_at: float | None = None
    breached_at: float | None = None

    # lease
    holder: str | None = None
    claim_number: int = 0  #: of the present claim; a write with another number is refused
    claimed_at: float | None = None
    lease_until: float | None = None

    # rounds
    round: int = 1  #: 1 first look, 2 second look, 3 adjudication
    reviews_needed: int = 1
    min_seniority: int = 0
    cluster_key: str | None = None
    leader_id: int | None = Field(default=None, foreign_key="jobs.id")
    closed_at: float | None = None


class ClusterBand(SQLModel, table=True):
    """A piece of the fingerprint of a waiting job's content. Near-copies share at least one."""

    __tablename__ = "cluster_bands"
    __table_args__ = (Index("ix_cluster_bands_value", "band", "value"),)

    job_id: int = Field(foreign_key="jobs.id", primary_key=True)
    band: int = Field(primary_key=True)  #: which piece: of the text, or of a picture
    value: int


class JobExclusion(SQLModel, table=True):
    """A reviewer who must not be handed this job (again), and why."""

    __tablename__ = "job_exclusions"

    job_id: int = Field(foreign_key="jobs.id", primary_key=True)
    reviewer_id: str = Field(primary_key=True)
    reason: str


class JobEvent(SQLModel, table=True):
    """What happened to a job. Append-only."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job", "job_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: int = Field(foreign_key="jobs.id")
    at: float
    actor: str = ""  #: reviewer id; empty is the workbench itself
    kind: str  #: opened, claimed, expired, released, skipped, moved, commented, decided, undone …
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class DecisionKind(StrEnum):
    """What a row of `decisions` is."""

    REVIEW = "review"  #: one look at one item; in force if `final`
    ADJUDICATION = "adjudication"  #: settles two looks that disagreed
    APPEAL = "appeal"  #: answers an appeal
    UNDO = "undo"  #: takes its predecessor back; the job is open again
    CORRECTION = "correction"  #: replaces its predecessor after the undo window
    GOLDEN = "golden"  #: an answer to an item whose answer is known; never in force
    AUDIT = "audit"  #: checks an automatic decision; in force if it differs
    AUTOMATIC = "automatic"  #: what policy decided alone; written when somebody appeals against it


class Decision(SQLModel, table=True):
    """What a person decided, or policy alone where that was appealed (then nobody is named).
    Append-only: a later row supersedes, nothing is edited."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_item", "item_key", "id"),
        Index("ix_decisions_job", "job_id"),
        Index("ix_decisions_reviewer", "reviewer_id", "decided_at"),
        Index("ix_decisions_supersedes", "supersedes"),
    )

    id: int | None = Field(default=None, primary_key=True)
    job_id: int = Field(foreign_key="jobs.id")
    item_key: int = Field(foreign_key="items.key")
    reviewer_id: str
    kind: str = DecisionKind.REVIEW
    round: int = 1
    final: bool = True  #: false: a look that waits for a second one
    action: str  #: allow, label, interstitial, age_gate, limit, hold, unavailable
    category: str | None = None
    regions: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    #: viewer regions it is for; empty means everywhere
    note: str = ""
    context_tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    seconds: float = 0.0  #: time spent looking
    snapshot: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    #: what the reviewer saw: hashes, scores, verdicts, why, settings of the view
    policy_hash: str = ""
    automatic_action: str | None = None  #: what the verdict had said for the same regions
    supersedes: int | None = Field(default=None, foreign_key="decisions.id")
    group_id: int | None = Field(default=None, foreign_key="decisions.id")
    #: the decision on the cluster's leader that this one follows
    decided_at: float


class AppealState(StrEnum):
    """Where an appeal stands."""

    OPEN = "open"
    UPHELD = "upheld"  #: the decision stands
    OVERTURNED = "overturned"  #: the decision was replaced; what was taken is restored
    WITHDRAWN = "withdrawn"


class Appeal(SQLModel, table=True):
    """An author or a reporter disagrees with a decision."""

    __tablename__ = "appeals"
    __table_args__ = (Index("ix_appeals_decision", "decision_id"),)

    id: int | None = Field(default=None, primary_key=True)
    decision_id: int = Field(foreign_key="decisions.id")
    job_id: int = Field(foreign_key="jobs.id")
    opened_by: str  #: author or reporter
    reason: str = ""
    opened_at: float
    state: str = AppealState.OPEN
    answer_id: int | None = Field(default=None, foreign_key="decisions.id")
    closed_at: float | None = None
    restored: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class GoldenItem(SQLModel, table=True):
    """An item whose right answer is known and agreed."""

    __tablename__ = "golden_items"

    id: int | None = Field(default=None, primary_key=True)
    item_key: int = Field(foreign_key="items.key", unique=True)
    action: str
    alternatives: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    category: str | None = None
    rationale: str = ""
    policy_hash: str = ""
    added_by: str
    added_at: float
    withdrawn_at: float | None = None
    withdrawn_because: str | None = None
