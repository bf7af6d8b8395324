"""What classifiers say: signals with evidence, and an assessment that gathers them.

Scores are facts: they are stored with the version of the model that made them, and policy reads
them without running a model again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from moderation.taxonomy import CATEGORIES, category

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextSpan(_Fact):
    """A stretch of characters of a part's text."""

    kind: Literal["text_span"] = "text_span"
    start: int = Field(ge=0)  #: first character
    end: int = Field(ge=0)  #: one past the last character
    quote: str = Field(default="", max_length=500)


class ImageBox(_Fact):
    """A rectangle of an image, in fractions of the upright image's width and height."""

    kind: Literal["image_box"] = "image_box"
    image: int = Field(ge=0)  #: index into the item's images
    x: float
    y: float
    width: float
    height: float
    text: str = Field(default="", max_length=2000)  #: what is written there, if it was read


class TimeSpan(_Fact):
    """A stretch of a video: a key frame and what is shown until the next one."""

    kind: Literal["time_span"] = "time_span"
    start: float = Field(ge=0)  #: seconds since the beginning
    end: float = Field(ge=0)
    text: str = Field(default="", max_length=2000)  #: what is written there, if it was read


class TurnRange(_Fact):
    """Turns of a conversation, first and last included (indexes into the item's turns)."""

    kind: Literal["turn_range"] = "turn_range"
    first: int = Field(ge=0)
    last: int = Field(ge=0)


class BankMatch(_Fact):
    """A match with an entry of a bank of known images or phrases."""

    kind: Literal["bank_match"] = "bank_match"
    bank: str
    entry: str
    distance: float = Field(ge=0)  #: 0 is identical; bits for image hashes


Evidence = Annotated[
    TextSpan | ImageBox | TimeSpan | TurnRange | BankMatch, Field(discriminator="kind")
]


class SelfHarmAspect(StrEnum):
    """What a self-harm signal means: a person to support, or a rule that is broken."""

    DISTRESS = "distress"
    ENCOURAGEMENT = "encouragement"


class Signal(_Fact):
    """One observation of one classifier about one part of an item."""

    name: str  #: what was observed: `text.hate`, `nsfw`, `contact.phone`, `undecodable`
    category: str | None = None  #: a category id, or None for an observation that is no harm
    probability: Probability  #: calibrated where `calibration_version` is set
    part: str = "item"  #: `text:0`, `image:2`, `turn:17`, `item`
    evidence: tuple[Evidence, ...] = ()
    model: str  #: name of the classifier
    model_version: str
    calibration_version: str = ""  #: empty: the number is a heuristic, not a frequency
    severity: int | None = Field(default=None, ge=0, le=4)  #: 0 worst, if the model tells
    aspect: str | None = None  #: a `SelfHarmAspect`, or another finer meaning
    note: str = Field(default="", max_length=2000)  #: for the reviewer, in plain words

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str | None) -> str | None:
        return value if value is None else category(value).id


class Problem(_Fact):
    """Something that could not be looked at. An item with a problem goes to review, never to a
    silent pass."""

    part: str
    code: str  #: `undecodable`, `too_large`, `timeout`, `unreadable_text` …
    message: str = Field(max_length=2000)


class Assessment(_Fact):
    """All signals of an item, and one calibrated probability per category."""

    item_id: str
    scores: Mapping[
        str, Probability
    ]  #: category id → probability; a missing category has no detector
    signals: tuple[Signal, ...] = ()
    language: str = "und"  #: BCP 47 of most of its text
    languages: tuple[str, ...] = ()  #: all that were seen, most text first
    models: Mapping[str, str] = Field(default_factory=dict)  #: classifier → version
    problems: tuple[Problem, ...] = ()

    @field_validator("scores")
    @classmethod
    def _known_categories(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for name in value:
            category(name)
        return {name: value[name] for name in CATEGORIES if name in value}

    def strongest(self, category_id: str) -> Signal | None:
        """The signal that gave the category its score."""
        found = [s for s in self.signals if s.category == category_id]
        return max(found, key=lambda s: s.probability, default=None)
