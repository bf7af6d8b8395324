"""What the tests of the queue share: a clock, a database, and short words for real screenings.

Verdicts come from the real evaluator's model, built by hand, because these tests are about what
happens to a verdict and not about how it was found.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from moderation.classifiers.matching.near_duplicates import ImageHashClassifier
from moderation.classifiers.preparation import Preparation
from moderation.items import Item
from moderation.policy.effects import AccountEffect, Distribution, MoneyEffect, Visibility
from moderation.policy.verdict import Verdict
from moderation.queue import ClaimedJob, Queue, QueueRules, Recorded, record_screening
from moderation.records import Database, Reviewer, create_reviewer
from moderation.settings import Settings
from moderation.signals import Assessment, Signal
from moderation.taxonomy import CATEGORIES, Severity

#: No models: pictures are only hashed here.
_SETTINGS = Settings(classifiers=("image_hash",))

START = 1_700_000_000.0


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        self.now += seconds + 60 * minutes + 3600 * hours


@dataclass(frozen=True)
class Screened:
    """An assessment and verdicts, as the screener gives them."""

    assessment: Assessment
    verdicts: dict[str, Verdict]


def verdict(
    region: str = "DE",
    *,
    severity: Severity | None = Severity.P2,
    queue: str | None = "general",
    sla_minutes: int | None = None,
    needs_review: bool = True,
    visibility: Visibility = Visibility.VISIBLE,
) -> Verdict:
    return Verdict(
        region=region,
        visibility=visibility,
        distribution=Distribution.NORMAL,
        account=AccountEffect.NONE,
        money=MoneyEffect.NONE,
        side_effects=(),
        rules=(),
        primary_reason=None,
        reasons=(),
        queue=queue,
        sla_minutes=sla_minutes or (severity.minutes if severity else None),
        severity=severity,
        needs_review=needs_review,
        sampled=False,
        policy_hash="f00d",
    )


def screened(item_id: str, text: str, *, category: str = "harassment") -> tuple[Item, Screened]:
    """An item and a screening that asks for a person."""
    item = Item.from_row({"id": item_id, "text": text})
    assessment = Assessment(
        item_id=item_id, scores={category: 0.8}, language="en", models={"text": "1"}
    )
    return item, Screened(assessment, {"DE": verdict()})


@dataclass
class House:
    """A database, its clock, and a queue over it."""

    database: Database
    clock: Clock
    url: str
    rules: QueueRules = field(default_factory=QueueRules)
    count: int = 0

    @property
    def queue(self) -> Queue:
        return Queue(self.database, self.rules)

    def reviewer(self, name: str, *languages: str, **more: Any) -> Reviewer:
        return create_reviewer(self.database, name, languages=languages or ("en",), **more)

    def post(
        self,
        text: str | None = None,
        *,
        category: str = "harassment",
        probability: float = 0.8,
        severity: Severity | None = None,
        language: str = "en",
        queue: str = "general",
        review: bool = True,
        views: float | None = 1000.0,
        reporter_id: str = "",
        item_id: str | None = None,
        visibility: Visibility = Visibility.VISIBLE,
        **item: Any,
    ) -> Recorded:
        self.count += 1
        name = item_id or f"item-{self.count}"
        words = text if text is not None else f"an invented post, written as {self._word()}"
        row: dict[str, Any] = {"id": name, "text": words, **item}
        if views is not None:
            row.setdefault("audience", {"expected_views": views})
        level = severity or CATEGORIES[category].severity
        screened = Screened(
            Assessment(
                item_id=name,
                scores={category: probability},
                signals=(
                    Signal(
                        name=f"text.{category}",
                        category=category,
                        probability=probability,
                        model="text",
                        model_version="1",
                    ),
                ),
                language=language,
                languages=(language,),
                models={"text": "1"},
            ),
            {
                "DE": verdict(
                    severity=level if review else None,
                    queue=queue if review else None,
                    needs_review=review,
                    visibility=visibility,
                )
            },
        )
        return record_screening(
            self.database,
            Item.from_row(row),
            screened,
            reporter_id=reporter_id,
            rules=self.rules,
        )

    def post_pictures(self, *pictures: Image.Image) -> Recorded:
        """A reported item with pictures only, hashed by the real classifier."""
        self.count += 1
        files = []
        for picture in pictures:
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            files.append({"data": buffer.getvalue()})
        item = Item.from_row({"id": f"item-{self.count}", "text": "", "images": files})
        [signals] = ImageHashClassifier().classify(
            Preparation.from_settings(_SETTINGS).prepare([item])
        )
        assert signals, "the picture has too little structure to be hashed"
        assessment = Assessment(
            item_id=item.id, scores={"spam": 0.7}, signals=tuple(signals), language="und"
        )
        return record_screening(
            self.database, item, Screened(assessment, {"DE": verdict()}), rules=self.rules
        )

    def claim(self, reviewer: str, **more: Any) -> ClaimedJob:
        claimed = self.queue.claim(reviewer, **more)
        assert claimed is not None, f"nothing waits for {reviewer}"
        return claimed

    def _word(self) -> str:
        # Letters, not digits: posts that differ in a number only are near-copies.
        letters, rest = "", self.count
        while rest:
            rest, digit = divmod(rest, 26)
            letters += chr(97 + digit)
        return letters
