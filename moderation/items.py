"""What a platform submits: an Item with its parts, its author and its audience.

Unknown fields are refused with their path, so that a misspelt `imges` is an error and never a post
whose pictures nobody looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Mapping, Sized
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from moderation.errors import InvalidItem, UnknownRegion

#: Longest text of one part, in characters. Longer parts are refused, never cut in silence.
MAX_TEXT_CHARACTERS = 2_000_000

#: Most images in one item.
MAX_IMAGES = 64

#: Most videos in one item: each may keep a worker for a minute.
MAX_VIDEOS = 8

#: Most turns of one item: minutes of one core. A live conversation has no such end.
MAX_TURNS = 10_000


class Surface(StrEnum):
    """Where on the platform the item appears."""

    POST = "post"
    COMMENT = "comment"
    LIVE_CHAT = "live_chat"
    LIVE_TRANSCRIPT = "live_transcript"
    LISTING = "listing"
    PROFILE = "profile"
    IMAGE = "image"
    VIDEO = "video"
    DIRECT_MESSAGE = "direct_message"
    REVIEW = "review"


class AgeBracket(StrEnum):
    """Brackets, not birthdays: what the law of most regions needs, and no more."""

    UNDER_13 = "under_13"
    FROM_13_TO_15 = "13_15"
    FROM_16_TO_17 = "16_17"
    FROM_18 = "18_plus"
    UNKNOWN = "unknown"


#: ISO 3166-1 alpha-2, as of 2026.
ISO_REGIONS: frozenset[str] = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO "
    "BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ "
    "DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP "
    "GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG "
    "KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML "
    "MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE "
    "PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL "
    "SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM "
    "US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW".split()
)


def check_regions(regions: Iterable[str]) -> tuple[str, ...]:
    """Those regions, trimmed and without doubles.

    Raises:
        UnknownRegion: one is not an ISO 3166-1 alpha-2 code in capitals.
    """
    wanted = tuple(dict.fromkeys(region.strip() for region in regions if region.strip()))
    for region in wanted:
        if region not in ISO_REGIONS:
            raise UnknownRegion(
                f"unknown region {region!r}: use an ISO 3166-1 alpha-2 code in capitals, such as DE"
            )
    if not wanted:
        raise UnknownRegion("no region given: name at least one, such as DE,US")
    return wanted


def _storable(text: str) -> str:
    # Neither lone surrogates (UTF-8) nor NULs (PostgreSQL) can be stored; the replacement
    # character keeps offsets.
    text = text.replace("\0", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _text(value: object) -> object:
    return _storable(value) if isinstance(value, str) else value


#: Text as people wrote it; lone surrogates and NULs become U+FFFD so that it can be stored.
Text = Annotated[str, BeforeValidator(_text)]

_Id = Annotated[Text, Field(min_length=1, max_length=500)]
_Language = Annotated[str, Field(max_length=35)]


def _region(value: object) -> object:
    if isinstance(value, str) and value not in ISO_REGIONS:
        raise ValueError(
            f"unknown region {value!r}: use an ISO 3166-1 alpha-2 code in capitals, such as DE"
        )
    return value


#: ISO 3166-1 alpha-2 code in capitals; `GB`, not `UK`.
Region = Annotated[str, BeforeValidator(_region)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextSegment(_Part):
    """A piece of text that was written, not drawn: title, body, tag line, listing description."""

    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARACTERS)]
    field: str = Field(default="body", max_length=100)  #: title, body, tags, description …
    language: _Language | None = None  #: BCP 47, when the platform knows it


class _FilePart(_Part):
    """A file: its bytes, or the path of a local one. `data` is base64 in JSON."""

    data: bytes | None = Field(default=None, repr=False)
    path: Path | None = None
    url: str | None = Field(default=None, max_length=4000)
    name: str | None = Field(default=None, max_length=500)

    @field_validator("data", mode="before")
    @classmethod
    def _from_base64(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        payload = value
        if value.startswith("data:"):
            head, comma, payload = value.partition(",")
            if not comma or not head.endswith(";base64"):
                raise ValueError("a data URL must be base64, such as 'data:image/png;base64,…'")
        try:
            return base64.b64decode(payload, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"not valid base64: {error}") from None

    @field_serializer("data", when_used="json-unless-none")
    def _to_base64(self, value: bytes) -> str:
        return base64.b64encode(value).decode("ascii")


class ImagePart(_FilePart):
    """An image: its bytes, or the path of a local file. `data` is base64 in JSON.

    A `url` is kept for the reviewer and fetched only where the operator has allowed it.
    """

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.data is None and self.path is None and self.url is None:
            raise ValueError("an image needs one of data, path or url")
        return self


class VideoPart(_FilePart):
    """A short video: its bytes, or the path of a local file, and its subtitles if there are any.
    `data` is base64 in JSON. A `url` is kept for the reviewer and never fetched.
    """

    subtitles: Annotated[Text, Field(max_length=MAX_TEXT_CHARACTERS)] | None = None


class Turn(_Part):
    """One utterance of a conversation or live room."""

    id: _Id
    speaker: Annotated[Text, Field(max_length=500)] = ""
    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARACTERS)]
    role: str | None = Field(default=None, max_length=100)  #: host, listener, seller …
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    #: since the conversation began
    language: _Language | None = None
    reply_to: _Id | None = None  #: id of the turn that it answers
    number: int | None = Field(default=None, ge=1)
    #: its place in the conversation, counted from 1, where the item holds only a part of it


class Participant(_Part):
    """What the platform knows about a speaker of a conversation, as far as detectors need it."""

    id: Annotated[Text, Field(max_length=500)]  #: as in `Turn.speaker`
    role: str | None = Field(default=None, max_length=100)  #: host, listener, seller …
    account_age_days: int | None = Field(default=None, ge=0)
    age: AgeBracket = AgeBracket.UNKNOWN  #: as declared to the platform; it is never guessed


class Author(_Part):
    """Who submitted the item, as far as rules need to know. No score ever uses it."""

    id: Annotated[Text, Field(max_length=500)] = ""
    region: Region | None = None
    language: _Language | None = None
    age: AgeBracket = AgeBracket.UNKNOWN
    guardian_linked: bool = False
    account_age_days: int | None = Field(default=None, ge=0)
    verified_business: bool = False


class Audience(_Part):
    """Who can see it: regions, and how many."""

    regions: tuple[Region, ...] = ()
    expected_views: float | None = Field(default=None, ge=0)  #: within the next 24 hours
    views_per_hour: float | None = Field(default=None, ge=0)
    room_size: int | None = Field(default=None, ge=0)  #: listeners of a live room now


class ReportSource(StrEnum):
    """Who reported it."""

    USER = "user"
    TRUSTED_FLAGGER = "trusted_flagger"
    VICTIM = "victim"
    RIGHTS_HOLDER = "rights_holder"


class Report(_Part):
    """A notice about the item."""

    kind: str = Field(min_length=1, max_length=100)
    source: ReportSource = ReportSource.USER
    reporter_id: Annotated[Text, Field(max_length=500)] = ""  #: the platform's id of who sent it
    complete: bool = False  #: has everything that makes it a valid notice
    received_at: datetime | None = None
    note: Annotated[Text, Field(max_length=20_000)] = ""


class OrderDemand(StrEnum):
    """What an order wants done with the item."""

    RESTRICT = "restrict"
    MUST_CARRY = "must_carry"  #: it has to stay visible


class Order(_Part):
    """A demand by an authority or a court."""

    kind: str = Field(min_length=1, max_length=100)
    issuer: Annotated[Text, Field(max_length=500)] = ""  #: the authority or court, by name
    demand: OrderDemand = OrderDemand.RESTRICT
    territory: str = Field(min_length=2, max_length=100)
    verified: bool = False
    legal_reference: str = Field(default="", max_length=2000)
    received_at: datetime | None = None


class Item(_Part):
    """One thing that a platform submits, with everything that is known about it."""

    id: _Id
    surface: Surface = Surface.POST
    texts: tuple[TextSegment, ...] = ()
    images: Annotated[tuple[ImagePart, ...], Field(max_length=MAX_IMAGES)] = ()
    videos: Annotated[tuple[VideoPart, ...], Field(max_length=MAX_VIDEOS)] = ()
    turns: tuple[Turn, ...] = ()
    participants: tuple[Participant, ...] = ()  #: of the turns; those who never spoke, too
    author: Author = Author()
    audience: Audience = Audience()
    created_at: datetime | None = None
    recipient_age: AgeBracket | None = None
    context_tags: tuple[str, ...] = ()  #: confirmed by a reviewer or the platform
    image_tags: tuple[str, ...] = ()
    declared_synthetic: bool | None = None
    report: Report | None = None
    order: Order | None = None
    further_orders: Annotated[tuple[Order, ...], Field(max_length=20)] = ()
    #: orders of other authorities about the same item, such as one that contradicts the first
    hash_match: str | None = None  #: list of known images that the platform matched itself
    thread: tuple[TextSegment, ...] = ()  #: what came before, for the reviewer's eye

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """An item from one row of a file or one JSON object.

        A bare row needs only `id` and `text`; `text`, `title` and `image` are short forms for
        the lists they belong to, `regions` for `audience.regions`.

        Raises:
            InvalidItem: with the path of the first field that does not fit.
        """
        if not isinstance(row, Mapping):
            raise InvalidItem(f"an item is a JSON object, this is a {type(row).__name__}")
        given = {key: value for key, value in row.items() if value is not None}
        item_id = given.get("id")
        if isinstance(item_id, int) and not isinstance(item_id, bool):
            given["id"] = str(item_id)
        _expand_short_forms(given)
        try:
            item = cls.model_validate(given)
        except ValidationError as error:
            raise invalid_item(error, given.get("id")) from None
        if not item.has_content:
            raise InvalidItem(
                "the item is empty: give it at least one of texts, images, videos or turns",
                field="text",
                item_id=item.id,
            )
        return item

    @field_validator("turns", mode="before")
    @classmethod
    def _not_endless(cls, value: Any) -> Any:
        if isinstance(value, Sized) and len(value) > MAX_TURNS:
            raise ValueError(
                f"{len(value)} turns, an item holds {MAX_TURNS} at most; cut it into several, or "
                "append them a thousand at a time to POST /v1/conversations/{id}/turns"
            )
        return value

    @field_validator("participants")
    @classmethod
    def _named_once(cls, value: tuple[Participant, ...]) -> tuple[Participant, ...]:
        names = Counter(participant.id for participant in value)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"participant {twice[0][:100]!r} is there twice")
        return value

    @model_validator(mode="after")
    def _first_order_first(self) -> Self:
        if self.further_orders and self.order is None:
            raise ValueError("further_orders come after a first one; put one of them into order")
        return self

    @property
    def orders(self) -> tuple[Order, ...]:
        """All orders about the item."""
        return self.further_orders if self.order is None else (self.order, *self.further_orders)

    @property
    def has_content(self) -> bool:
        """Whether there is anything to look at."""
        return bool(
            self.images
            or self.videos
            or any(segment.text.strip() for segment in self.texts)
            or any(turn.text.strip() for turn in self.turns)
        )


def _expand_short_forms(given: dict[str, Any]) -> None:
    segments = [
        {"text": given.pop(name), "field": field}
        for name, field in (("title", "title"), ("text", "body"))
        if name in given
    ]
    if segments:
        given["texts"] = [*segments, *_as_list(given.get("texts", []))]
    if "image" in given:
        image = given.pop("image")
        image = {"path": image} if isinstance(image, str) else image
        given["images"] = [image, *_as_list(given.get("images", []))]
    if "regions" in given:
        regions = given.pop("regions")
        if isinstance(regions, str):
            regions = [part.strip() for part in regions.split(",") if part.strip()]
        audience = given.get("audience", {})
        if isinstance(audience, Mapping):
            given["audience"] = {**audience, "regions": regions}


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def invalid_item(error: ValidationError, item_id: object = None) -> InvalidItem:
    """The first complaint of pydantic as an `InvalidItem` with the field's path."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"]).lstrip(".")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown field"
    known = str(item_id) if isinstance(item_id, (str, int)) else None
    return InvalidItem(f"{path}: {message}", field=path, item_id=known)
