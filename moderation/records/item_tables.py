"""Tables of what came in and what was said about it: items, media, assessments, verdicts, reports.

Every moment is stored as seconds since 1970 (UTC) in a float, so that the arithmetic of priorities
and clocks is the same SQL on SQLite and PostgreSQL.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel


class StoredItem(SQLModel, table=True):
    """One version of an item. An edited post is a new row with the same `id`.

    When its content is deleted (retention, erasure) the row stays, with its hashes and counts,
    and `snapshot` becomes null.
    """

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("id", "content_hash"),
        Index("ix_items_author", "author_id"),
        Index("ix_items_received", "received_at"),
    )

    key: int | None = Field(default=None, primary_key=True)
    id: str  #: the platform's own id
    content_hash: str  #: SHA-256 of texts, media and turns
    surface: str
    language: str = "und"
    author_id: str = ""
    author_region: str | None = None
    regions: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_at: float | None = None  #: when its author posted it, if the platform told
    received_at: float
    snapshot: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    near_keys: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    content_deleted_at: float | None = None
    content_deleted_because: str | None = None


class StoredMedia(SQLModel, table=True):
    """An image or video file in the media store, named by its SHA-256."""

    __tablename__ = "media"

    sha256: str = Field(primary_key=True)
    size: int  #: bytes
    stored_at: float
    deleted_at: float | None = None


class ItemMedia(SQLModel, table=True):
    """Which media file is which part of which item."""

    __tablename__ = "item_media"
    __table_args__ = (Index("ix_item_media_sha256", "sha256"),)

    item_key: int = Field(foreign_key="items.key", primary_key=True)
    part: str = Field(primary_key=True)  #: `image:0`, `video:1`
    sha256: str | None = Field(default=None, foreign_key="media.sha256")  #: null: not readable then


class StoredAssessment(SQLModel, table=True):
    """What the models said, once. The newest row of an item is the one in force."""

    __tablename__ = "assessments"
    __table_args__ = (Index("ix_assessments_item", "item_key", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    item_key: int = Field(foreign_key="items.key")
    scores: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    #: float32[28], little-endian, in the order of `CATEGORY_IDS`; NaN where nothing detects it
    signals: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    problems: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    models: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    language: str = "und"
    languages: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    assessed_at: float


class StoredVerdict(SQLModel, table=True):
    """What the rules said for one viewer region, given one assessment."""

    __tablename__ = "verdicts"
    __table_args__ = (Index("ix_verdicts_item", "item_key", "assessment_id"),)

    id: int | None = Field(default=None, primary_key=True)
    item_key: int = Field(foreign_key="items.key")
    assessment_id: int = Field(foreign_key="assessments.id")
    region: str
    action: str  #: allow, label, interstitial, age_gate, limit, hold, unavailable
    queue: str | None = None
    severity: str | None = None  #: P0..P4 of the rule that decided
    sla_minutes: int | None = None
    needs_review: bool = False
    policy_hash: str = ""
    verdict: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    given_at: float


class Reporter(SQLModel, table=True):
    """How often a reporter was right. It weighs their next report; it never silences them."""

    __tablename__ = "reporters"

    id: str = Field(primary_key=True)
    upheld: int = 0
    rejected: int = 0


class StoredReport(SQLModel, table=True):
    """A notice about an item."""

    __tablename__ = "reports"
    __table_args__ = (
        Index("ix_reports_item", "item_key"),
        Index("ix_reports_job", "job_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    item_key: int = Field(foreign_key="items.key")
    job_id: int | None = Field(default=None, foreign_key="jobs.id")
    reporter_id: str = ""
    kind: str
    source: str
    complete: bool = False
    note: str = ""
    received_at: float


class LegalHold(SQLModel, table=True):
    """While a hold stands, no content of the item (or of the author's items) is deleted."""

    __tablename__ = "legal_holds"

    id: int | None = Field(default=None, primary_key=True)
    item_id: str | None = Field(default=None, index=True)
    author_id: str | None = Field(default=None, index=True)
    reason: str
    placed_by: str
    placed_at: float
    lifted_by: str | None = None
    lifted_at: float | None = None
