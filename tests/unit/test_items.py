"""What a platform may submit, and what is said of what it may not."""

from __future__ import annotations

import base64
import json

import pytest

from moderation.errors import InvalidItem, UnknownRegion
from moderation.items import Item, Surface, check_regions


def test_a_bare_row_needs_only_id_and_text() -> None:
    item = Item.from_row({"id": "1", "text": "hello"})
    assert item.texts[0].text == "hello"
    assert item.surface is Surface.POST


def test_a_number_serves_as_id() -> None:
    assert Item.from_row({"id": 17, "text": "hello"}).id == "17"


def test_title_text_image_and_regions_are_short_forms() -> None:
    item = Item.from_row(
        {"id": "1", "title": "T", "text": "B", "image": "a.jpg", "regions": "DE, US"}
    )
    assert [(s.field, s.text) for s in item.texts] == [("title", "T"), ("body", "B")]
    assert str(item.images[0].path) == "a.jpg"
    assert item.audience.regions == ("DE", "US")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"text": "x"}, "id"),
        ({"id": "", "text": "x"}, "id"),
        ({"id": "1", "text": "x", "imges": []}, "imges"),
        ({"id": "1", "text": "x", "author": {"agge": "18_plus"}}, "author.agge"),
        ({"id": "1", "text": "x", "author": {"age": "19"}}, "author.age"),
        ({"id": "1", "turns": [{"id": "a", "text": "x"}, {"text": "y"}]}, "turns[1].id"),
        ({"id": "1", "text": "x", "regions": "Atlantis"}, "audience.regions[0]"),
        ({"id": "1", "images": [{"data": "no base64!"}]}, "images[0].data"),
        ({"id": "1", "images": [{}]}, "images[0]"),
        ({"id": "1", "text": 5}, "texts[0].text"),
        ({"id": "1", "text": "x" * 2_000_001}, "texts[0].text"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(row: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidItem) as caught:
        Item.from_row(row)
    assert caught.value.field == field
    assert field.split("[")[0] in str(caught.value)


@pytest.mark.parametrize(
    "row", [{"id": "1"}, {"id": "1", "text": "  \n"}, {"id": "1", "texts": []}]
)
def test_an_empty_item_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(InvalidItem, match="empty"):
        Item.from_row(row)


@pytest.mark.parametrize("row", ["text", 5, None, ["id"]])
def test_what_is_no_object_is_refused(row: object) -> None:
    with pytest.raises(InvalidItem, match="JSON object"):
        Item.from_row(row)  # type: ignore[arg-type]


def test_lone_surrogates_become_replacement_characters_and_keep_offsets() -> None:
    item = Item.from_row({"id": "1", "text": "a\ud800b"})
    assert item.texts[0].text == "a\ufffdb"
    assert Item.model_validate_json(item.model_dump_json()) == item


def test_an_image_survives_json_as_base64() -> None:
    item = Item.from_row({"id": "1", "images": [{"data": base64.b64encode(b"\x89PNG").decode()}]})
    assert item.images[0].data == b"\x89PNG"
    assert Item.model_validate(json.loads(item.model_dump_json())) == item


def test_a_data_url_is_accepted_and_a_broken_one_is_not() -> None:
    good = "data:image/png;base64," + base64.b64encode(b"abc").decode()
    assert Item.from_row({"id": "1", "images": [{"data": good}]}).images[0].data == b"abc"
    with pytest.raises(InvalidItem, match="data URL"):
        Item.from_row({"id": "1", "images": [{"data": "data:image/png,abc"}]})


def test_one_megabyte_of_emoji_is_an_item() -> None:
    assert len(Item.from_row({"id": "1", "text": "😀" * 262_144}).texts[0].text) == 262_144


def test_regions_are_checked_and_unique() -> None:
    assert check_regions(["DE", " US", "DE"]) == ("DE", "US")
    with pytest.raises(UnknownRegion, match="'UK'"):
        check_regions(["UK"])
    with pytest.raises(UnknownRegion, match="no region"):
        check_regions([" "])


def test_an_item_of_fifty_thousand_turns_is_refused_with_what_to_do_instead() -> None:
    turns = [{"id": str(i), "text": "hi"} for i in range(50_000)]
    with pytest.raises(InvalidItem, match=r"50000 turns, .* at most; .*conversations"):
        Item.from_row({"id": "1", "turns": turns})
