"""`/v1/conversations`: live rooms and chats, turn by turn.

`POST /v1/conversations/{id}/turns` appends and says what changed; the same turn twice changes
nothing, the same id with other words is refused with what differs. `POST …/close` finalises.
`POST …/mutes` mutes a segment for viewers of a region, `POST …/mutes/lift` lets it be heard again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from moderation.classifiers.conversation import ConversationClassifier
from moderation.errors import ModerationError
from moderation.items import (
    AgeBracket,
    Audience,
    Author,
    Item,
    Participant,
    Surface,
    Text,
    check_regions,
    invalid_item,
)
from moderation.records.conversations import idle_conversations
from moderation.records.errors import NotFound
from moderation.service.errors import RequestRefused
from moderation.service.live_rooms import LiveRooms, Progressed
from moderation.service.room_mutes import SegmentRefused
from moderation.service.room_turns import (
    ConversationClosed,
    TurnConflict,
    UnknownConversation,
)
from moderation.settings import Settings

_log = logging.getLogger(__name__)

#: Seconds between two looks for rooms that nobody closed.
SWEEP_SECONDS = 60.0


@asynccontextmanager
async def _sweeping(app: Any) -> AsyncIterator[None]:
    """While the service runs, rooms without new turns are closed."""
    task = asyncio.create_task(_sweep(app))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(app: Any) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await asyncio.to_thread(_close_idle, app.state)
        except ModerationError as error:
            _log.warning("rooms without new turns were not closed: %s", error)


def _close_idle(state: Any) -> None:
    seconds = 60 * Settings().room_idle_minutes
    database = state.recording.database
    with database.read() as session:
        idle = idle_conversations(session, database.now(session) - seconds, limit=1)
    if idle:
        _opened(state).close_idle(seconds)


router = APIRouter(tags=["Conversations"], lifespan=_sweeping)

#: Most turns in one call.
MAX_TURNS = 1000
_AROUND = ("surface", "author", "audience", "recipient_age")
_OPENING = threading.Lock()

_EXAMPLE: dict[str, Any] = {
    "surface": "live_chat",
    "audience": {"regions": ["SG", "DE"], "room_size": 30000},
    "participants": [{"id": "lin", "role": "host", "account_age_days": 700, "age": "18_plus"}],
    "turns": [{"id": "t1", "speaker": "lin", "text": "欢迎 everyone, 今晚做饺子", "seconds": 0}],
}


class Facts(BaseModel):
    """What surrounds the turns; each is said once and kept until something else is said of it."""

    model_config = ConfigDict(extra="forbid")

    surface: Surface = Surface.LIVE_CHAT
    author: Author = Author()
    audience: Audience = Audience()
    recipient_age: AgeBracket | None = None
    context_tags: tuple[str, ...] = ()
    reported: bool = False


class TurnsRequest(BaseModel):
    """New turns of one conversation."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    turns: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_TURNS,
        description="`id`, `speaker`, `text`; `seconds` since the conversation began, `role`, "
        "`language`, `reply_to` (the id of the turn that it answers). A turn without `seconds` "
        "stands after the latest one.",
    )
    participants: list[Participant] = Field(
        default=[],
        max_length=1000,
        description="What is known of speakers: `role`, `account_age_days`, `age` (the declared "
        "bracket). A field that is not mentioned again stays as it was.",
    )
    surface: Surface | None = Field(default=None, description="`live_chat` unless said.")
    author: Author | None = None
    audience: Audience | None = Field(
        default=None,
        description="`room_size`, `regions` …; a field that is not mentioned again stays.",
    )
    recipient_age: AgeBracket | None = None
    regions: list[str] | None = Field(default=None, description="Short for `audience.regions`.")
    reported: bool | None = Field(
        default=None,
        description="Somebody reported this conversation: it may be read wherever it takes place. "
        "Remembered from then on.",
    )


class TurnsResponse(BaseModel):
    """What the append has changed."""

    conversation: str
    turns: int = Field(description="Turns in all.")
    appended: list[str]
    duplicates: list[str] = Field(description="Known already, exactly so; nothing was changed.")
    recomputed_from: int | None = Field(
        description="Position from which a late turn made everything be reckoned again."
    )
    heard: list[dict[str, Any]] = Field(
        description="Each turn of the call where it stands: target, hostility, marks."
    )
    scores: dict[str, float]
    changed: dict[str, list[float]] = Field(description="Category → score before, score now.")
    risk: dict[str, Any] | None = Field(description="The strongest category, with its reach.")
    muted: list[dict[str, Any]] = Field(
        description="Segments not to be heard, by region. After an append those of the call's "
        "turns (`region`, `action`, `turns`), told again when the turns are sent again; after "
        "`close` none. `GET` tells all that is muted now, as `POST …/mutes` does."
    )
    job: int | None
    closed: bool
    scanned: bool = Field(
        description="False for private messages that nobody reported, where a region does not "
        "allow reading them unasked: the turns were neither read nor kept."
    )


_TurnName = StrictInt | Annotated[Text, Field(min_length=1, max_length=500)]
_Person = Annotated[Text, Field(min_length=1, max_length=200)]


class MuteRequest(BaseModel):
    """A segment that is not to be heard."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"first": 12, "last": 15, "regions": ["DE"], "by": "ana", "reason": "insults"}
            ]
        },
    )

    first: _TurnName = Field(description="Number of the turn in the room, from 1, or its id.")
    last: _TurnName | None = Field(
        default=None, description="The same, included; only `first` without it."
    )
    regions: list[str] | None = Field(
        default=None, max_length=300, description="Without it, wherever the room has viewers."
    )
    by: _Person = Field(description="Who mutes; the audit log has it.")
    reason: Annotated[Text, Field(min_length=1, max_length=2000)]


class LiftRequest(BaseModel):
    """Mutes to be lifted."""

    model_config = ConfigDict(extra="forbid")

    mutes: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(
        min_length=1, max_length=1000, description="Their numbers, as told where they are listed."
    )
    by: _Person


class Segment(BaseModel):
    """Turns that are not to be heard in a region."""

    region: str
    action: str = Field(description="`hold` or `unavailable`: policy. `mute`: a person.")
    first: int = Field(description="Number of the first turn in the room, from 1.")
    last: int
    first_turn: str = Field(description="Its id.")
    last_turn: str
    rule: str | None
    reason: str
    by: str | None = Field(description="None: policy.")
    since: float = Field(description="Seconds since 1970.")
    mutes: list[int] = Field(description="Numbers by which it is lifted.")


class MutesResponse(BaseModel):
    """Mutes that were set (those included that stood already), or were lifted."""

    conversation: str
    muted: list[Segment] = []
    lifted: list[Segment] = []


def live_rooms(request: Request) -> LiveRooms:
    """The live rooms of this service, opened when they are first needed."""
    return _opened(request.app.state)


def _opened(state: Any) -> LiveRooms:
    with _OPENING:
        if not hasattr(state, "live_rooms"):
            screener = state.batcher.screener
            classifier = next(
                (
                    found
                    for found in screener.ensemble.classifiers
                    if isinstance(found, ConversationClassifier)
                ),
                None,
            ) or ConversationClassifier.from_settings(Settings())
            state.live_rooms = LiveRooms(
                state.recording.database, screener, classifier, state.recording.rules
            )
    rooms: LiveRooms = state.live_rooms
    return rooms


Rooms = Annotated[LiveRooms, Depends(live_rooms)]


@router.post("/v1/conversations/{conversation_id}/turns", response_model=TurnsResponse)
async def append_turns(conversation_id: str, request: TurnsRequest, rooms: Rooms) -> Any:
    """Append turns to a conversation; the first call opens it."""
    item = _checked(conversation_id, request)
    facts = _facts(item, request)
    try:
        progressed = await asyncio.to_thread(
            rooms.append, conversation_id, item.turns, request.participants, facts
        )
    except TurnConflict as error:
        return _conflict(str(error), "turn_conflict", turn=error.turn_id, differs=error.differs)
    except ConversationClosed as error:
        return _conflict(str(error), "conversation_closed")
    return _response(progressed)


def _facts(item: Item, request: TurnsRequest) -> dict[str, Any] | None:
    """What this call says of the surroundings; None where it says nothing."""
    told = request.model_fields_set
    given: dict[str, Any] = {name: getattr(item, name) for name in _AROUND if name in told}
    if "regions" in told:
        given["audience"] = item.audience
    if request.reported:
        given["reported"] = True
    return Facts(**given).model_dump(mode="json", exclude_unset=True) if given else None


@router.post("/v1/conversations/{conversation_id}/close", response_model=TurnsResponse)
async def close(conversation_id: str, rooms: Rooms) -> Any:
    """No more turns; the job, if there is one, gets the final state."""
    return await _known(asyncio.to_thread(rooms.close, conversation_id))


@router.post("/v1/conversations/{conversation_id}/mutes", status_code=201)
async def mute(conversation_id: str, request: MuteRequest, rooms: Rooms) -> MutesResponse:
    """A person mutes a segment for viewers of some regions; what comes late in between, too.

    404: no such conversation; 409: it is closed; 422: no such turns or regions."""
    muted = await _of_mutes(
        asyncio.to_thread(
            rooms.mutes.mute,
            conversation_id,
            request.first,
            request.last,
            by=request.by,
            reason=request.reason,
            regions=request.regions,
        )
    )
    return MutesResponse(
        conversation=conversation_id, muted=[Segment.model_validate(entry) for entry in muted]
    )


@router.post("/v1/conversations/{conversation_id}/mutes/lift")
async def lift(conversation_id: str, request: LiftRequest, rooms: Rooms) -> MutesResponse:
    """A person lets segments be heard again, whoever muted them; policy does not mute these turns
    again. Those lifted before are not told. 404: no such conversation, or it has no such mute."""
    lifted = await _of_mutes(
        asyncio.to_thread(rooms.mutes.lift, conversation_id, request.mutes, by=request.by)
    )
    return MutesResponse(
        conversation=conversation_id, lifted=[Segment.model_validate(entry) for entry in lifted]
    )


_Told = TypeVar("_Told")


async def _of_mutes(work: Awaitable[_Told]) -> _Told:
    try:
        return await work
    except UnknownConversation as error:
        raise RequestRefused(str(error), status=404, code="unknown_conversation") from None
    except NotFound as error:
        raise RequestRefused(str(error), status=404, param="mutes", code="unknown_mute") from None
    except ConversationClosed as error:
        raise RequestRefused(str(error), status=409, code="conversation_closed") from None
    except SegmentRefused as error:
        raise RequestRefused(str(error), status=422, param=error.param, code=error.code) from None


@router.get("/v1/conversations/{conversation_id}", response_model=TurnsResponse)
async def look(conversation_id: str, rooms: Rooms) -> Any:
    """Where a conversation stands."""
    return await _known(asyncio.to_thread(rooms.look, conversation_id))


async def _known(work: Any) -> Any:
    try:
        return _response(await work)
    except UnknownConversation as error:
        return _error(404, str(error), "unknown_conversation")


def _checked(conversation_id: str, request: TurnsRequest) -> Item:
    """The request as an item, so that the same limits hold as everywhere.

    Raises:
        InvalidItem: with the field's path.
    """
    row: dict[str, Any] = {"id": conversation_id, "turns": request.turns}
    row["participants"] = request.participants
    row["surface"] = request.surface or Surface.LIVE_CHAT
    for name in ("author", "recipient_age"):
        row |= {name: getattr(request, name)} if getattr(request, name) is not None else {}
    audience = request.audience or Audience()
    if request.regions is not None:
        audience = audience.model_copy(update={"regions": check_regions(request.regions)})
    row["audience"] = audience
    try:
        return Item.model_validate(row)
    except ValidationError as error:
        raise invalid_item(error, conversation_id) from None


def _response(progressed: Progressed) -> TurnsResponse:
    return TurnsResponse(
        conversation=progressed.conversation,
        turns=progressed.turns,
        appended=list(progressed.appended),
        duplicates=list(progressed.duplicates),
        recomputed_from=progressed.recomputed_from,
        heard=[dict(entry) for entry in progressed.heard],
        scores=dict(progressed.scores),
        changed={name: list(pair) for name, pair in progressed.changed.items()},
        risk=asdict(progressed.view) if progressed.view is not None else None,
        muted=[dict(segment) for segment in progressed.muted],
        job=progressed.job,
        closed=progressed.closed,
        scanned=progressed.scanned,
    )


def _conflict(message: str, code: str, **details: Any) -> JSONResponse:
    return _error(409, message, code, **details)


def _error(status: int, message: str, code: str, **details: Any) -> JSONResponse:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": body | details}, status_code=status)
