"""`POST /v1/moderations` in OpenAI's shape, so that its clients work when pointed here.

All 13 of their keys are always present. A key that nothing here detects gets 0.0 and no applied
input type, rather than a guess. Beyond theirs: any number of images in one input, the text in
them read, and under `x_workbench` the verdict per region with the rules that gave it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from moderation.items import ImagePart, Item, TextSegment
from moderation.screening import Screening
from moderation.service.batching import ScreeningBatcher
from moderation.service.dependencies import batcher
from moderation.service.errors import RequestRefused
from moderation.taxonomy import CATEGORIES

router = APIRouter(tags=["OpenAI-compatible"])

OPENAI_KEYS: tuple[str, ...] = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)

#: Keys that mean two things at once. The score is the smaller of the two probabilities, which is
#: the most that their joint probability can be (Fréchet's upper bound).
_CONJUNCTIONS: Mapping[str, tuple[str, str]] = {
    "harassment/threatening": ("harassment", "threat_incitement"),
    "hate/threatening": ("hate", "threat_incitement"),
}

#: Keys that are an aspect of a category rather than the whole of it.
_ASPECTS: Mapping[str, tuple[str, str]] = {"self-harm/intent": ("self_harm", "distress")}

#: Keys that no detector here tells apart from their parent.
_UNDETECTED = frozenset({"illicit/violent", "self-harm/instructions", "sexual/minors"})

#: Most inputs in one call.
MAX_INPUTS = 256


class TextInput(BaseModel):
    """A piece of text."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["text"]
    text: str


class ImageUrl(BaseModel):
    """An image as a `data:` URL."""

    url: str


class ImageInput(BaseModel):
    """An image."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextInput | ImageInput, Field(discriminator="type")]


class ModerationRequest(BaseModel):
    """OpenAI's request body."""

    model_config = ConfigDict(extra="ignore")
    input: str | list[str] | list[Part]
    model: str | None = None


class ModerationResult(BaseModel):
    """One result."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    x_workbench: dict[str, Any]


class ModerationResponse(BaseModel):
    """OpenAI's response body."""

    id: str
    model: str
    results: list[ModerationResult]


@router.post("/v1/moderations")
async def moderations(
    request: ModerationRequest, models: Annotated[ScreeningBatcher, Depends(batcher)]
) -> ModerationResponse:
    """Screen text and images; an array of strings gives one result each, an array of parts one
    result for all of them together."""
    call = uuid.uuid4().hex
    screenings = await models.screen(_items(request, call))
    versions = screenings[0].assessment.models if screenings else {}
    name = ", ".join(f"{model}@{version}" for model, version in versions.items())
    return ModerationResponse(
        id=f"modr-{call}", model=name, results=[_result(screening) for screening in screenings]
    )


def _items(request: ModerationRequest, call: str) -> list[Item]:
    given = request.input
    if isinstance(given, str):
        return [_text_item(given, call)]
    if not given:
        raise RequestRefused("'input' is an empty array; send at least one text", param="input")
    if len(given) > MAX_INPUTS:
        raise RequestRefused(
            f"{len(given)} inputs in one call; the most is {MAX_INPUTS}",
            param="input",
            code="too_many_inputs",
        )
    texts = [part for part in given if isinstance(part, str)]
    if texts:
        return [_text_item(text, f"{call}-{number}") for number, text in enumerate(texts)]
    parts = [part for part in given if not isinstance(part, str)]
    return [
        Item(
            id=call,
            texts=tuple(TextSegment(text=p.text) for p in parts if isinstance(p, TextInput)),
            images=tuple(
                _image(p.image_url.url, number)
                for number, p in enumerate(parts)
                if isinstance(p, ImageInput)
            ),
        )
    ]


def _text_item(text: str, item_id: str) -> Item:
    return Item(id=item_id, texts=(TextSegment(text=text),))


def _image(url: str, number: int) -> ImagePart:
    param = f"input[{number}].image_url.url"
    if not url.startswith("data:"):
        raise RequestRefused(
            f"{param}: this service does not fetch remote images; send a data: URL "
            "('data:image/jpeg;base64,…')",
            param=param,
            code="remote_image_refused",
        )
    try:
        return ImagePart.model_validate({"data": url})
    except ValueError:
        raise RequestRefused(
            f"{param}: not a base64 data: URL", param=param, code="invalid_image"
        ) from None


def _result(screening: Screening) -> ModerationResult:
    scores = screening.assessment.scores
    ruled = {hit.category for verdict in screening.verdicts.values() for hit in verdict.rules}
    input_types = _input_types(screening)
    values: dict[str, float] = {}
    flags: dict[str, bool] = {}
    applied: dict[str, list[str]] = {}
    for key in OPENAI_KEYS:
        sources = _sources(key, scores)
        values[key], flags[key] = 0.0, False
        applied[key] = sorted({kind for name in sources for kind in input_types.get(name, ())})
        if not sources:
            continue
        if key in _CONJUNCTIONS:
            values[key] = min(scores[name] for name in sources)
            flags[key] = all(name in ruled for name in sources)
        elif key in _ASPECTS:
            category, aspect = _ASPECTS[key]
            strongest = screening.assessment.strongest(category)
            if strongest is not None and strongest.aspect == aspect:
                values[key], flags[key] = scores[category], category in ruled
        else:
            values[key] = max(scores[name] for name in sources)
            flags[key] = any(name in ruled for name in sources)
    return ModerationResult(
        flagged=any(flags.values()),
        categories=flags,
        category_scores=values,
        category_applied_input_types=applied,
        x_workbench=screening.to_row() | {"needs_review": screening.needs_review},
    )


def _sources(key: str, scores: Mapping[str, float]) -> Sequence[str]:
    """The categories that the key's score is made of; none where something needed is missing."""
    if key in _UNDETECTED:
        return ()
    if key in _CONJUNCTIONS:
        pair = _CONJUNCTIONS[key]
        return pair if all(name in scores for name in pair) else ()
    if key in _ASPECTS:
        name = _ASPECTS[key][0]
        return (name,) if name in scores else ()
    return [
        name for name, category in CATEGORIES.items() if key in category.openai and name in scores
    ]


def _input_types(screening: Screening) -> Mapping[str, tuple[str, ...]]:
    """Category → which kinds of input its detectors looked at in this item."""
    has_text = any(segment.text.strip() for segment in screening.item.texts)
    has_image = bool(screening.item.images)
    drawn = any(
        signal.part.startswith("image:") and signal.category is not None
        for signal in screening.assessment.signals
    )
    kinds: dict[str, tuple[str, ...]] = {}
    for name in screening.assessment.scores:
        looked = []
        if has_image and (name == "adult_sexual" or drawn):
            looked.append("image")
        if has_text:
            looked.append("text")
        kinds[name] = tuple(looked)
    return kinds
