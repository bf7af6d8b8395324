"""Tables of trying a policy version: shadow and canary, and what the set that did not act said."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel


class PolicyRollout(SQLModel, table=True):
    """A version that runs beside the live one: as shadow (0 percent), or as canary for a share of
    the items. One at a time."""

    __tablename__ = "policy_rollouts"

    id: int | None = Field(default=None, primary_key=True)
    policy_hash: str = Field(foreign_key="policy_versions.hash")
    percent: float = 0.0  #: share of items on which it acts, 0 to 100
    started_by: str
    started_at: float
    ended_by: str | None = None
    ended_at: float | None = None
    slot: int | None = Field(default=1, unique=True)  #: 1 while it runs: only one can

    @property
    def kind(self) -> str:
        """`shadow` or `canary`."""
        return "canary" if self.percent else "shadow"


class ShadowVerdict(SQLModel, table=True):
    """What the set that did not act would have said, beside the row of `verdicts` that acted.

    In a shadow that is the candidate; for the items of a canary it is the live set.
    """

    __tablename__ = "shadow_verdicts"
    __table_args__ = (
        Index("ix_shadow_verdicts_rollout", "rollout_id", "direction", "region"),
        Index("ix_shadow_verdicts_item", "item_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    rollout_id: int = Field(foreign_key="policy_rollouts.id")
    item_key: int = Field(foreign_key="items.key")
    assessment_id: int = Field(foreign_key="assessments.id")
    region: str
    policy_hash: str  #: of the set that said this
    candidate_acted: bool = False  #: whether the candidate's verdict was the one acted on
    action: str
    acting_action: str
    needs_review: bool = False
    #: from live to candidate: stricter, looser, review added, review dropped; "" for no change
    direction: str = ""
    category: str = ""  #: what the change is about
    verdict: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    #: in full where it differs from the one that acted; null where it says the same
    given_at: float
