"""Tables of the people and of what must be provable: exposure, the audit log, policy versions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel


class Role(StrEnum):
    """What a person may do. A reviewer may hold several."""

    REVIEWER = "reviewer"
    SENIOR = "senior"  #: adjudicates, answers escalations and appeals
    CHILD_SAFETY = "child_safety"  #: may see the child-safety queue
    POLICY = "policy"  #: proposes policy changes
    APPROVER = "approver"  #: approves policy changes of others
    MANAGER = "manager"  #: sees quality figures and aggregates; manages reviewers


class Reviewer(SQLModel, table=True):
    """A person who signs in."""

    __tablename__ = "reviewers"

    id: str = Field(primary_key=True)  #: the name they sign in with
    display_name: str = ""
    password_hash: str = ""  #: argon2id; empty means that they cannot sign in with a password
    languages: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    roles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    queues: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    #: queues they work on; empty means all that their roles allow
    surfaces: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default=text("'[]'"))
    )
    #: surfaces they work on (`post`, `live_chat` …); empty means all
    regions: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default=text("'[]'"))
    )
    #: viewer regions they work on (`DE`, `BR` …); empty means all
    opt_outs: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    #: categories they do not want to see; no reason is asked
    seniority: int = 0  #: 0 new, 1 trained, 2 senior
    joined_at: float
    last_active_at: float | None = None
    disabled_at: float | None = None


class FailedSignIn(SQLModel, table=True):
    """Failed sign-ins under one name, whether or not anybody has it."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index("ix_failed_sign_ins_failed_at", "failed_at"),)

    name_hash: str = Field(primary_key=True)  #: not the name: people type passwords into it
    failures: int  #: in a row
    locked_until: float
    failed_at: float


class ExposureKind(StrEnum):
    """What a row of a reviewer's exposure diary is."""

    ITEM = "item"
    BREAK = "break"
    SHIFT_START = "shift_start"
    STOP = "stop"  #: "I need to stop"
    OVERRIDE = "override"  #: a lead raised the cap, with a reason


class Exposure(SQLModel, table=True):
    """The diary from which a reviewer's exposure is summed. Theirs to see, nobody else's."""

    __tablename__ = "exposures"
    __table_args__ = (Index("ix_exposures_reviewer", "reviewer_id", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    reviewer_id: str = Field(foreign_key="reviewers.id")
    at: float
    kind: str = ExposureKind.ITEM
    category: str | None = None
    severity: int | None = None
    seconds: float = 0.0
    weighted_minutes: float = 0.0
    note: str = ""


class AuditEntry(SQLModel, table=True):
    """One link of the audit chain. Append-only."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_subject", "subject"),)

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: float
    actor: str  #: reviewer id, `policy`, or `workbench`
    action: str  #: decided, undone, read, reviewer_created, policy_approved, content_deleted …
    subject: str  #: `item:42`, `decision:7`, `reviewer:lin`
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    previous: str  #: hash of the entry before
    hash: str


class AuditHead(SQLModel, table=True):
    """The newest link, kept apart so that a dropped tail is noticed. One row."""

    __tablename__ = "audit_head"

    id: int = Field(default=1, primary_key=True)
    number: int = 0
    hash: str = ""


class PolicyState(StrEnum):
    """Where a version of the policy stands."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    APPROVED = "approved"
    LIVE = "live"
    SUPERSEDED = "superseded"
    ENDED = "ended"  #: its scheduled end came; the one before is in force again
    REJECTED = "rejected"


class PolicyVersion(SQLModel, table=True):
    """A set of pack files as they were, named by the hash of their content."""

    __tablename__ = "policy_versions"

    hash: str = Field(primary_key=True)
    archive: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  #: zip of the files
    state: str = PolicyState.DRAFT
    note: str = ""
    created_by: str
    created_at: float
    starts_at: float | None = None  #: an approved version goes live by itself then
    ends_at: float | None = None  #: the one before comes back then


class PolicyEvent(SQLModel, table=True):
    """Who moved a policy version to which state, when and why. Append-only."""

    __tablename__ = "policy_events"
    __table_args__ = (Index("ix_policy_events_hash", "policy_hash", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    policy_hash: str = Field(foreign_key="policy_versions.hash")
    state: str
    actor: str
    note: str = ""
    at: float
