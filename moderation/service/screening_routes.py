"""`POST /v1/screen`: a whole post in one call, a verdict per viewer region."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from moderation.errors import InvalidItem
from moderation.items import Item, check_regions
from moderation.service.batching import ScreeningBatcher
from moderation.service.dependencies import batcher, recording
from moderation.service.recording import Recording

router = APIRouter(tags=["Screening"])

_EXAMPLE: JsonDict = {
    "item": {
        "id": "post-1",
        "surface": "post",
        "title": "周末市集",
        "text": "Thanks everyone 谢谢大家, see you next week!",
        "author": {"id": "u-7", "region": "SG", "account_age_days": 210},
        "audience": {"regions": ["SG", "DE"], "expected_views": 1200},
    }
}


class ScreenRequest(BaseModel):
    """One item, and what to do with the result."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    item: dict[str, Any] = Field(
        description="An Item: `id`, and any of `text`, `title`, `texts`, `images` and "
        "`videos` (base64 in `data`), `turns`, `author`, `audience`. Unknown fields are refused."
    )
    regions: list[str] | None = Field(
        default=None, description="Viewer regions; default: the item's audience."
    )
    record: bool = Field(
        default=True, description="Store the result, and queue it if a person should look."
    )


class ScreenResponse(BaseModel):
    """What was seen and what policy says."""

    id: str
    scanned: bool = Field(
        description="False for a private message that nobody reported, where a region does not "
        "allow looking at it unasked: no classifier ran, and nothing is stored."
    )
    language: str
    scores: dict[str, float] = Field(description="Category → calibrated probability.")
    signals: list[dict[str, Any]]
    verdicts: dict[str, dict[str, Any]] = Field(description="Viewer region → verdict.")
    problems: list[dict[str, Any]]
    models: dict[str, str]
    needs_review: bool
    job: int | None = Field(description="The review job that was opened or joined.")


@router.post("/v1/screen")
async def screen(
    request: ScreenRequest,
    models: Annotated[ScreeningBatcher, Depends(batcher)],
    records: Annotated[Recording, Depends(recording)],
) -> ScreenResponse:
    """Screen one item: text, all its images and videos and its conversation, in one call."""
    item = Item.from_row(request.item)
    refuse_server_files(item)
    if request.regions is not None:
        regions = check_regions(request.regions)
        item = item.model_copy(
            update={"audience": item.audience.model_copy(update={"regions": regions})}
        )
    [screening] = await models.screen([item])
    job = await records.record(screening) if request.record else None
    return ScreenResponse(**screening.to_row(), needs_review=screening.needs_review, job=job)


def refuse_server_files(item: Item) -> None:
    """A caller over HTTP may not name files of this machine.

    Raises:
        InvalidItem: with the field that names one.
    """
    paths = {f"images[{n}].path": image.path for n, image in enumerate(item.images)}
    paths |= {f"videos[{n}].path": video.path for n, video in enumerate(item.videos)}
    for field, path in paths.items():
        if path is not None:
            raise InvalidItem(
                f"{field}: files of the server cannot be named over HTTP; send the bytes in 'data'",
                field=field,
                item_id=item.id,
            )
