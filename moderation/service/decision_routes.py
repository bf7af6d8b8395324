"""`GET /v1/decisions`: what people decided. `POST /v1/appeals`: somebody disagrees."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from moderation.queue import DecisionRefused, open_appeal
from moderation.queue.decision_feed import decisions_after
from moderation.records.errors import NotFound
from moderation.service.dependencies import recording
from moderation.service.errors import RequestRefused
from moderation.service.recording import Recording

router = APIRouter(tags=["Decisions"])


class DecisionsResponse(BaseModel):
    """Decisions, oldest first."""

    decisions: list[dict[str, Any]] = Field(
        description="`id`, `item_id`, `content_hash`, `kind`, `action`, `category`, `regions` "
        "(empty: everywhere), `supersedes`, `restored`, `policy`, `decided_at`. One of kind `undo` "
        "takes the one back that it supersedes."
    )
    next_after: int = Field(
        description="`after` of the next call. Decisions of the last half minute come again."
    )


class AppealRequest(BaseModel):
    """The author (of a restriction) or a reporter (of an allow) disagrees."""

    model_config = ConfigDict(extra="forbid")

    decision: int = Field(ge=1, le=2**63 - 1, description="Number of the decision.")
    opened_by: Literal["author", "reporter"]
    reason: str = Field(default="", max_length=10_000, description="In their own words.")


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
    """Open an appeal. 404: no such decision; 409: it cannot be appealed, and why."""
    try:
        appeal = await asyncio.to_thread(
            open_appeal,
            records.database,
            request.decision,
            opened_by=request.opened_by,
            reason=request.reason,
            rules=records.rules,
        )
    except NotFound as error:
        raise RequestRefused(str(error), status=404, param="decision", code="not_found") from None
    except DecisionRefused as error:
        raise RequestRefused(str(error), status=409, param="decision", code="refused") from None
    due_at = appeal.opened_at + records.rules.appeal_hours * 3600
    return AppealResponse(appeal=appeal.id or 0, job=appeal.job_id, due_at=due_at)
