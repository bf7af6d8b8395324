"""`GET /v1/decisions`: what people decided. `POST /v1/appeals`: somebody disagrees."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.queue import DecisionRefused, appeal_item, open_appeal
from moderation.queue.decision_feed import decisions_after
from moderation.records.errors import NotFound
from moderation.records.queue_tables import Appeal
from moderation.service.dependencies import recording
from moderation.service.errors import RequestRefused
from moderation.service.recording import Recording

router = APIRouter(tags=["Decisions"])


class DecisionsResponse(BaseModel):
    """Decisions, oldest first."""

    decisions: list[dict[str, Any]] = Field(
        description="`id`, `item_id`, `content_hash`, `kind`, `action`, `category`, `regions` "
        "(empty: everywhere), `supersedes`, `restored`, `policy`, `decided_at`. One of kind `undo` "
        "takes the one back that it supersedes; one of kind `automatic` is what policy had decided "
        "alone, told when somebody appealed against it."
    )
    next_after: int = Field(
        description="`after` of the next call. Decisions of the last half minute come again."
    )


class AppealRequest(BaseModel):
    """The author (of a restriction) or a reporter (of an allow) disagrees."""

    model_config = ConfigDict(extra="forbid")

    decision: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Number of the decision of a person."
    )
    item_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Instead of `decision`: your id of an item that was decided automatically.",
    )
    opened_by: Literal["author", "reporter"]
    reason: str = Field(default="", max_length=10_000, description="In their own words.")

    @model_validator(mode="after")
    def _names_one(self) -> AppealRequest:
        if (self.decision is None) == (self.item_id is None):
            raise ValueError("name either a decision or an item_id")
        return self


class AppealResponse(BaseModel):
    """An appeal waits for somebody who did not decide before."""

    appeal: int
    job: int
    due_at: float = Field(description="When it should be answered, in seconds since 1970.")


@router.get("/v1/decisions")
async def decisions(
    records: Annotated[Recording, Depends(recording)],
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> DecisionsResponse:
    """What people decided since a decision, to be acted on by the platform."""
    page = await asyncio.to_thread(decisions_after, records.database, after, limit=limit)
    return DecisionsResponse(decisions=page.decisions, next_after=page.next_after)


@router.post("/v1/appeals", status_code=201)
async def appeals(
    request: AppealRequest, records: Annotated[Recording, Depends(recording)]
) -> AppealResponse:
    """Open an appeal against a decision of a person (`decision`) or of policy alone (`item_id`).
    404: no such thing; 409: it cannot be appealed, and why."""
    param = "decision" if request.item_id is None else "item_id"
    try:
        appeal = await asyncio.to_thread(_open, request, records)
    except NotFound as error:
        raise RequestRefused(str(error), status=404, param=param, code="not_found") from None
    except DecisionRefused as error:
        raise RequestRefused(str(error), status=409, param=param, code="refused") from None
    due_at = appeal.opened_at + records.rules.appeal_hours * 3600
    return AppealResponse(appeal=appeal.id or 0, job=appeal.job_id, due_at=due_at)


def _open(request: AppealRequest, records: Recording) -> Appeal:
    told = {"opened_by": request.opened_by, "reason": request.reason}
    if request.item_id is not None:
        return appeal_item(records.database, request.item_id, rules=records.rules, **told)
    return open_appeal(records.database, request.decision or 0, rules=records.rules, **told)
