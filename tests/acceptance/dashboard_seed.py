"""A small review day for the dashboard: invented items with hand-made assessments, judged by the
shipped policy packs and queued by the real queue. No model runs, so it is there in a second."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from moderation.items import Item
from moderation.policy import Facts, Verdict, evaluate, load_packs
from moderation.queue import record_screenings
from moderation.records import open_database
from moderation.records.people import Role, create_reviewer
from moderation.settings import Settings
from moderation.signals import Assessment, ImageBox, Problem, Signal, TextSpan, TurnRange

PASSWORD = "long enough to be safe"
REGIONS = ("US", "DE", "FR", "IN", "SG")

#: Everything that a page must survive: markup, direction overrides, stacked marks, long words.
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> "
    "![x](https://example.org/x.png) $a^2$ :red[no] {{ 7*7 }} "
    "\u202edesrever\u202c \u200binvisible Z"
    + "\u0335\u0334\u0316\u0317" * 20
    + "algo "
    + "w" * 400
    + " بهذا النص العربي nobody would hurt you twice, you 傻×"
)


@dataclass(frozen=True)
class Screened:
    """What the queue needs of a screening."""

    assessment: Assessment
    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True)
class Row:
    """An item with what the models would have said."""

    item: dict[str, Any]
    scores: dict[str, float]
    language: str
    signals: tuple[Signal, ...] = ()
    problems: tuple[Problem, ...] = ()
    languages: tuple[str, ...] = ()


def signal(
    category: str | None, probability: float, part: str, *evidence: Any, name: str = ""
) -> Signal:
    """One observation of a classifier."""
    return Signal(
        name=name or f"text.{category}",
        category=category,
        probability=probability,
        part=part,
        evidence=evidence,
        model="text",
        model_version="1",
        calibration_version="1" if category else "",
    )


def span(text: str, quote: str) -> TextSpan:
    """Where the quote is in the text."""
    start = text.index(quote)
    return TextSpan(start=start, end=start + len(quote), quote=quote)


def picture(color: tuple[int, int, int], words: str = "") -> bytes:
    """A landscape of two colours with words drawn on it."""
    image = Image.new("RGB", (640, 480), color)
    draw = ImageDraw.Draw(image)
    draw.ellipse((220, 90, 420, 290), fill=tuple(min(255, c + 60) for c in color))
    draw.rectangle((0, 330, 640, 480), fill=tuple(max(0, c - 60) for c in color))
    if words:
        draw.text((70, 370), words, fill=(255, 255, 255), font_size=44)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def rows() -> list[Row]:
    """The review day, most kinds of items once."""
    comment = "你这个傻×，go back to where you came from，大家都不欢迎你。Nobody wants you here."
    spanish = "Eres un inútil, lárgate de aquí o te vas a enterar."
    korean = "정말 한심하네. 너 같은 사람은 꺼져 줬으면 좋겠다."
    japanese = "新品同様のブランドバッグ、コピー品ですが見分けはつきません。DMください。"
    advert = "加微信 wx-demo-0000 领取红包，每日返利，先到先得！"
    return [
        Row(
            {
                "id": "comment-hate-1",
                "surface": "comment",
                "text": comment,
                "author": {"id": "user-17", "account_age_days": 4},
                "audience": {"views_per_hour": 5200},
                "thread": [
                    {"text": "刚来这个社区，大家好！", "field": "user-03"},
                    {"text": "Welcome! 有问题随时问。", "field": "user-11"},
                ],
                "report": {"kind": "hate_speech", "source": "user", "note": "Please look at this."},
            },
            {"hate": 0.93, "harassment": 0.71, "toxicity": 0.88, "spam": 0.02},
            "zh",
            (
                signal("hate", 0.93, "text:0", span(comment, "go back to where you came from")),
                signal("toxicity", 0.88, "text:0", span(comment, "傻×")),
            ),
            languages=("zh", "en"),
        ),
        Row(
            {
                "id": "post-hostile-1",
                "title": "<b>Hello</b>",
                "text": HOSTILE,
                "author": {"id": "<i>user</i>"},
            },
            {"harassment": 0.92},
            "en",
            (signal("harassment", 0.92, "text:1", span(HOSTILE, "you 傻×")),),
        ),
        Row(
            {
                "id": "post-slides-1",
                "title": "周末兼职，轻松赚钱",
                "text": "图片里有联系方式，感兴趣的朋友看图。",
                "images": [
                    {"data": picture((70, 110, 140)), "name": "one.png"},
                    {"data": picture((120, 90, 70), "WX: demo-0000"), "name": "two.png"},
                    {"data": b"this is no picture", "name": "three.png"},
                    {"data": picture((90, 120, 80)), "name": "four.png"},
                ],
                "author": {"id": "shop-5", "account_age_days": 2},
                "audience": {"expected_views": 90000},
            },
            {"offplatform_luring": 0.91, "fraud_phishing": 0.64},
            "zh",
            (
                signal(
                    "offplatform_luring",
                    0.91,
                    "image:1",
                    ImageBox(image=1, x=0.1, y=0.76, width=0.55, height=0.14, text="WX: demo-0000"),
                ),
                signal(None, 0.99, "image:1", name="contact.handle"),
            ),
            (
                Problem(
                    part="image:2",
                    code="undecodable",
                    message="the file is not an image that can be decoded",
                ),
            ),
        ),
        Row(
            {
                "id": "call-1",
                "surface": "live_transcript",
                "turns": [
                    {
                        "id": f"t{n}",
                        "speaker": "主播" if n % 3 == 0 else f"listener-{n % 5}",
                        "role": "host" if n % 3 == 0 else "listener",
                        "seconds": n * 7.5,
                        "text": "请把验证码念给我，我们是客服，账户马上要冻结。"
                        if n in {41, 44}
                        else f"好的，明白了。({n})",
                    }
                    for n in range(90)
                ],
                "audience": {"room_size": 1400},
            },
            {"fraud_phishing": 0.94},
            "zh",
            (signal("fraud_phishing", 0.94, "item", TurnRange(first=41, last=44)),),
        ),
        Row(
            {"id": "post-threat-1", "text": spanish, "author": {"id": "user-17"}},
            {"threat_incitement": 0.92, "harassment": 0.81},
            "es",
            (signal("threat_incitement", 0.92, "text:0", span(spanish, "te vas a enterar")),),
        ),
        Row(
            {"id": "comment-tox-1", "surface": "comment", "text": korean},
            {"harassment": 0.86, "toxicity": 0.62},
            "ko",
            (signal("harassment", 0.86, "text:0", span(korean, "한심하네")),),
        ),
        Row(
            {"id": "listing-1", "surface": "listing", "title": "ブランドバッグ", "text": japanese},
            {"counterfeit": 0.97},
            "ja",
            (signal("counterfeit", 0.97, "text:1", span(japanese, "コピー品")),),
        ),
        *(
            Row(
                {
                    "id": f"advert-{n}",
                    "surface": "comment",
                    "text": advert.replace("0000", f"000{n}"),
                },
                {"fraud_phishing": 0.72, "spam": 0.77},
                "zh",
                (signal("fraud_phishing", 0.72, "text:0", TextSpan(start=3, end=15)),),
            )
            for n in range(3)
        ),
        Row(
            {"id": "long-1", "text": "😀" * 200_000 + " shut up, 傻×"},
            {"harassment": 0.91},
            "und",
            (signal("harassment", 0.91, "text:0", TextSpan(start=200_001, end=200_013)),),
        ),
    ]


def seed(folder: Path, people: Sequence[str] = ("lin", "mara")) -> Settings:
    """Fill a fresh SQLite database in that folder.

    Returns:
        The settings that lead to it.
    """
    settings = Settings(data_dir=folder)
    folder.mkdir(parents=True, exist_ok=True)
    day = rows()
    items = [Item.from_row(row.item) for row in day]
    assessments = [
        Assessment(
            item_id=item.id,
            scores=row.scores,
            signals=row.signals,
            problems=row.problems,
            language=row.language,
            languages=row.languages or (row.language,),
            models={"text": "1"},
        )
        for item, row in zip(items, day, strict=True)
    ]
    verdicts = evaluate(
        load_packs(settings.policies_dir, today=settings.policy_date),
        Facts.from_items(items, assessments),
        REGIONS,
    )
    with open_database(settings.effective_database_url) as database:
        for name in people:
            create_reviewer(
                database,
                name,
                password=PASSWORD,
                display_name=name.capitalize(),
                languages=("zh", "en", "es", "ko", "ja"),
                roles=[role for role in Role if role is not Role.CHILD_SAFETY],
                seniority=2,
            )
        record_screenings(
            database,
            [
                (item, Screened(assessment, verdicts.row(index)))
                for index, (item, assessment) in enumerate(zip(items, assessments, strict=True))
            ],
        )
    return settings
