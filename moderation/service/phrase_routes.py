"""`/v1/phrases`: banks of phrases, tried out before they are kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from moderation.classifiers.matching.phrases import (
    USUAL_STRENGTH,
    NewPhrase,
    Phrase,
    PhraseError,
)
from moderation.errors import UnknownCategory
from moderation.service.errors import RequestRefused
from moderation.tuning.phrase_changes import PhraseBank
from moderation.tuning.phrase_trial import STORED, Hits, Trial

router = APIRouter(tags=["Phrases"])

_By = Annotated[
    str, Field(min_length=1, max_length=200, description="Who does this, for the audit log.")
]
_Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the phrase.")]


class PhraseRequest(BaseModel):
    """A phrase, as it is to be kept or tried."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=2000, description="2 to 200 characters, folded.")
    category: str = Field(description="Id of the category that a hit means.")
    source: str = Field(max_length=500, description="Provenance: the list, partner or case.")
    language: str = Field(
        default="und", description="ISO 639 code: texts of another language are spared."
    )
    strength: float = Field(
        default=USUAL_STRENGTH, description="Probability that a hit's signal carries."
    )
    anywhere: bool = Field(default=False, description="Whether it counts within longer words too.")
    note: str = Field(default="", max_length=2000, description="For whoever meets a hit.")
    expires_at: AwareDatetime | None = Field(default=None, description="When it ends to count.")


class AddRequest(BaseModel):
    """A phrase to keep."""

    model_config = ConfigDict(extra="forbid")

    phrase: PhraseRequest
    by: _By
    despite_hits: bool = Field(
        default=False, description="Keep it although it hits harmless text, or much: see the trial."
    )


class TrialRequest(BaseModel):
    """A phrase to try; nothing is kept."""

    model_config = ConfigDict(extra="forbid")

    phrase: PhraseRequest
    by: _By
    items: int = Field(
        default=STORED, ge=1, le=STORED, description="Stored items looked through, newest first."
    )


class ActRequest(BaseModel):
    """Who takes a phrase out of use, or back."""

    model_config = ConfigDict(extra="forbid")

    by: _By


class ExpiryRequest(ActRequest):
    """Until when a phrase counts."""

    expires_at: AwareDatetime | None = Field(description="null: for ever.")


class HitsResponse(BaseModel):
    """What a phrase hits in one collection of texts."""

    texts: int = Field(description="How many were looked at.")
    hits: int
    share: float
    interval: tuple[float, float] = Field(description="95% interval of the share.")
    examples: list[dict[str, str]] = Field(
        description="`where` (item id, or language), `before`, `hit`, `after`, and `reading` where "
        "the text is disguised."
    )


class TrialResponse(BaseModel):
    """What a phrase would hit."""

    stored: HitsResponse
    harmless: HitsResponse
    is_doubtful: bool = Field(description="It hits harmless text, or much: a person should look.")


class AddResponse(BaseModel):
    """Whether it was kept, and what it hits."""

    added: bool = Field(description="False: the same phrase was there already.")
    trial: TrialResponse


class PhrasesResponse(BaseModel):
    """Phrases, in the order they came in."""

    phrases: list[dict[str, Any]] = Field(
        description="`number`, `text`, `category`, `source`, `language`, `strength`, `anywhere`, "
        "`note`, `expires_at`, `added_by`, `added_at`, `removed_by`, `removed_at`, `is_live`."
    )


def phrase_bank(request: Request) -> PhraseBank:
    """The phrases of this service."""
    found: PhraseBank = request.app.state.phrases
    return found


_Bank = Annotated[PhraseBank, Depends(phrase_bank)]


@router.get("/v1/phrases")
async def phrases(
    bank: _Bank,
    category: Annotated[str | None, Query(description="Only of this category.")] = None,
    language: Annotated[str | None, Query(description="Only of this language.")] = None,
    removed: Annotated[bool, Query(description="Also those out of use.")] = False,
) -> PhrasesResponse:
    """The phrases in use, expired ones too; with `removed`, all that there ever were."""
    read = bank.store.all_phrases if removed else bank.store.phrases
    found = await asyncio.to_thread(read)
    now = datetime.now(UTC)
    return PhrasesResponse(
        phrases=[
            _told(entry, now)
            for entry in found
            if category in {None, entry.phrase.category}
            and language in {None, entry.phrase.language}
        ]
    )


@router.post("/v1/phrases/test")
async def try_out(request: TrialRequest, bank: _Bank) -> TrialResponse:
    """What a phrase would hit among stored items and in harmless text. Nothing is kept. 422: it is
    no phrase that could be kept, and why."""
    new = _new(request.phrase)
    [trial] = await asyncio.to_thread(bank.test, [new], request.by, stored=request.items)
    return _trial(trial)


@router.post("/v1/phrases", status_code=201)
async def add(request: AddRequest, bank: _Bank) -> AddResponse:
    """Try a phrase and keep it. 409: it hits harmless text, or much, and `despite_hits` is not
    set; nothing is kept. 422: it is no phrase that could be kept, and why."""
    new = _new(request.phrase)
    [trial] = await asyncio.to_thread(bank.test, [new], request.by)
    if trial.is_doubtful and not request.despite_hits:
        raise RequestRefused(
            f"it hits {trial.harmless.hits} of {trial.harmless.texts} harmless texts and "
            f"{trial.stored.hits} of {trial.stored.texts} stored items; look at "
            "POST /v1/phrases/test, and set despite_hits to keep it all the same",
            status=409,
            param="phrase",
            code="doubtful",
        )
    added = await asyncio.to_thread(bank.add, [new], request.by)
    return AddResponse(added=bool(added), trial=_trial(trial))


@router.post("/v1/phrases/{number}/remove", status_code=204)
async def remove(number: _Number, request: ActRequest, bank: _Bank) -> None:
    """Take a phrase out of use. 404: there is none with that number in use."""
    await _changed(bank.remove, number, request.by)


@router.post("/v1/phrases/{number}/restore", status_code=204)
async def restore(number: _Number, request: ActRequest, bank: _Bank) -> None:
    """Take a removed phrase into use again. 404: it was not removed, has expired, or the same one
    is in use."""
    await _changed(bank.restore, number, request.by)


@router.post("/v1/phrases/{number}/expiry", status_code=204)
async def expiry(number: _Number, request: ExpiryRequest, bank: _Bank) -> None:
    """Say until when a phrase counts. 404: there is none with that number in use."""
    await _changed(bank.expire, number, request.expires_at, request.by)


async def _changed(work: Any, *arguments: Any) -> None:
    try:
        await asyncio.to_thread(work, *arguments)
    except PhraseError as error:
        raise RequestRefused(str(error), status=404, param="number", code="not_found") from None


def _new(given: PhraseRequest) -> NewPhrase:
    try:
        return NewPhrase(**given.model_dump())
    except (PhraseError, UnknownCategory) as error:
        raise RequestRefused(str(error), status=422, param="phrase", code="refused") from None


def _trial(trial: Trial) -> TrialResponse:
    return TrialResponse(
        stored=_hits(trial.stored), harmless=_hits(trial.harmless), is_doubtful=trial.is_doubtful
    )


def _hits(hits: Hits) -> HitsResponse:
    low, high = hits.share.interval if hits.texts else (0.0, 1.0)
    return HitsResponse(
        texts=hits.texts,
        hits=hits.hits,
        share=hits.hits / max(hits.texts, 1),
        interval=(low, high),
        examples=[
            {
                "where": example.where,
                "before": example.before,
                "hit": example.hit,
                "after": example.after,
                "reading": example.reading,
            }
            for example in hits.examples
        ],
    )


def _told(entry: Phrase, now: datetime) -> dict[str, Any]:
    phrase = entry.phrase
    return {
        "number": entry.id,
        "text": phrase.text,
        "category": phrase.category,
        "source": phrase.source,
        "language": phrase.language,
        "strength": phrase.strength,
        "anywhere": phrase.anywhere,
        "note": phrase.note,
        "expires_at": phrase.expires_at,
        "added_by": entry.added_by,
        "added_at": entry.added_at,
        "removed_by": entry.removed_by,
        "removed_at": entry.removed_at,
        "is_live": entry.is_live(now),
    }
