"""The bundled stream holds what its README promises, and nothing it must not hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from moderation.cli import demo_stream
from moderation.items import Item, Surface
from moderation.taxonomy import CATEGORY_IDS

FOLDER = Path(demo_stream.__file__).parent
BROKEN = {"images/last-tram.jpg", "images/mug-front.jpg"}
VIEWER_REGIONS = {"US", "DE", "FR", "IN", "SG", "JP", "KR", "GB", "BR"}


def rows(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return [Item.from_row(row) for row in rows("stream.jsonl")]


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows("expected.jsonl")}


def image_paths(items: list[Item]) -> list[str]:
    return [str(image.path) for item in items for image in item.images]


def written(item: Item) -> str:
    parts = [*item.texts, *item.thread, *item.turns]
    return "\n".join(part.text for part in parts)


def drawn_words() -> list[str]:
    """What is written on the pictures, from where they are painted."""
    return [(FOLDER / name).read_text(encoding="utf-8") for name in ("posters.py", "photos.py")]


def test_every_row_has_its_own_id_and_one_expectation(
    items: list[Item], expected: dict[str, dict[str, Any]]
) -> None:
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(expected)
    assert len(rows("expected.jsonl")) == len(ids)


def test_the_readme_counts_surfaces_and_languages_rightly(
    items: list[Item], expected: dict[str, dict[str, Any]]
) -> None:
    readme = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    surfaces = Counter(item.surface for item in items)
    slideshows = [item for item in items if len(item.images) > 1]
    assert f"| {len(items)} items in the order of the night" in readme
    assert f"{surfaces[Surface.POST]} posts ({len(slideshows)} with slideshows" in readme
    assert f"{surfaces[Surface.LISTING]} shop listings" in readme
    assert f"{surfaces[Surface.COMMENT]} comments and {surfaces[Surface.REVIEW]} reviews" in readme
    assert f"{surfaces[Surface.DIRECT_MESSAGE]} direct messages" in readme
    assert surfaces[Surface.PROFILE] == surfaces[Surface.LIVE_TRANSCRIPT] == 2
    languages = Counter(row["language"] for row in expected.values())
    names = {"zh-en": "zh-en mixed", "hi-Latn": "hi in Latin letters"}
    for language, count in languages.items():
        assert f"{names.get(language, language)} {count}" in readme
    violating = sum(row["violates"] for row in expected.values())
    assert f"{violating} items violate, {len(items) - violating} do not" in readme


def test_between_a_quarter_and_a_third_violates_and_many_of_the_rest_look_alike(
    items: list[Item], expected: dict[str, dict[str, Any]]
) -> None:
    violating = [row for row in expected.values() if row["violates"]]
    benign = [row for row in expected.values() if not row["violates"]]
    assert 0.25 <= len(violating) / len(items) <= 0.32
    assert sum(row["look_alike"] for row in benign) >= len(benign) / 3
    assert not any(row["look_alike"] for row in violating)


def test_a_violation_names_its_categories_and_a_support_case_only_self_harm(
    expected: dict[str, dict[str, Any]],
) -> None:
    for row in expected.values():
        assert set(row["categories"]) <= set(CATEGORY_IDS)
        if row["violates"]:
            assert row["categories"], row["id"]
        elif row["note"].startswith("support case"):
            assert row["categories"] == ["self_harm"], row["id"]
        else:
            assert row["categories"] == [], row["id"]


def test_slideshows_have_two_to_nine_pictures(items: list[Item]) -> None:
    lengths = {len(item.images) for item in items if len(item.images) > 1}
    assert {2, 9} <= lengths <= set(range(2, 10))


def test_every_picture_is_there_opens_and_is_light(items: list[Item]) -> None:
    shown = set(image_paths(items))
    assert shown == {f"images/{path.name}" for path in (FOLDER / "images").iterdir()}
    total = 0
    for name in shown - BROKEN:
        with Image.open(FOLDER / name) as picture:
            picture.load()
            assert picture.size == (1080, 1440), name
        size = (FOLDER / name).stat().st_size
        assert size <= 60_000, name
        total += size
    assert total <= 3_500_000


def test_one_upload_breaks_off_and_one_is_no_image(items: list[Item]) -> None:
    assert set(image_paths(items)) >= BROKEN
    with (
        pytest.raises(OSError, match="truncated"),
        Image.open(FOLDER / "images/last-tram.jpg") as i,
    ):
        i.load()
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(FOLDER / "images/mug-front.jpg")


def test_every_author_and_audience_is_known_well_enough_for_rules(items: list[Item]) -> None:
    for item in items:
        author, audience = item.author, item.audience
        assert all((author.id, author.region, author.language)), item.id
        assert author.account_age_days is not None, item.id
        assert 2 <= len(audience.regions) <= 6, item.id
        assert len(set(audience.regions)) == len(audience.regions), item.id
        assert set(audience.regions) <= VIEWER_REGIONS, item.id
        assert audience.expected_views is not None
        assert audience.expected_views <= 500_000, item.id
        if item.surface is not Surface.DIRECT_MESSAGE:
            assert audience.expected_views >= 50, item.id
        else:
            assert item.recipient_age is not None, item.id


def test_the_same_handle_is_the_same_author_throughout(items: list[Item]) -> None:
    seen: dict[str, tuple[Any, ...]] = {}
    for item in items:
        who = item.author
        facts = (who.region, who.age, who.account_age_days, who.verified_business)
        assert seen.setdefault(who.id, facts) == facts, who.id


def test_the_night_runs_in_order_through_one_day(items: list[Item]) -> None:
    moments = [item.created_at for item in items if item.created_at is not None]
    assert len(moments) == len(items)
    assert moments == sorted(moments)
    assert {moment.date().isoformat() for moment in moments} == {"2026-11-20"}


def test_comments_reviews_and_live_rooms_bring_their_context(items: list[Item]) -> None:
    for item in items:
        if item.surface in (Surface.COMMENT, Surface.REVIEW):
            assert item.thread, item.id
        if item.surface is Surface.LIVE_TRANSCRIPT:
            assert len(item.turns) >= 25, item.id
            seconds = [turn.seconds for turn in item.turns if turn.seconds is not None]
            assert seconds == sorted(seconds)
            assert len({turn.id for turn in item.turns}) == len(item.turns) == len(seconds)
            assert item.audience.room_size


def test_no_item_tells_the_language_or_a_context_that_a_reviewer_has_to_find(
    items: list[Item],
) -> None:
    for item in items:
        assert not item.context_tags, item.id
        assert not item.image_tags, item.id
        assert not any(part.language for part in (*item.texts, *item.turns)), item.id


def test_links_lead_to_example_domains_only(items: list[Item]) -> None:
    link = re.compile(r"(?:[a-z0-9-]+\.)+(?:com|net|org|cn|io|me|co|app|xyz|top|info|ru|jp|kr)\b")
    allowed = re.compile(r"(?:[a-z0-9-]+\.)*example\.(?:com|net|org)")
    sources = [*map(written, items), *drawn_words()]
    named = [m.group() for text in sources for m in link.finditer(text.lower())]
    assert len(named) >= 6
    assert all(allowed.fullmatch(name) for name in named), named


def test_phone_numbers_are_placeholders(items: list[Item]) -> None:
    sources = [*map(written, items), *drawn_words()]
    for text in sources:
        for number in re.findall(r"\d[\d -]{7,}\d", text):
            digits = re.sub(r"\D", "", number)
            dated = re.fullmatch(r"2026-11-\d\d", number)
            assert dated or digits.endswith("0000000"), number
