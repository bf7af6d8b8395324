"""OpenAI's own Python client, pointed at `moderation serve`."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import openai
import pytest
from PIL import Image, ImageDraw

from tests.acceptance.conftest import RunningService, running_service

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def client(service: RunningService) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0)


def _picture(words: str = "", colour: str = "lightblue") -> dict[str, object]:
    image = Image.new("RGB", (640, 360), colour)
    if words:
        ImageDraw.Draw(image).text((40, 140), words, fill="black", font_size=44)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def test_one_text_gives_one_result_with_all_13_keys(client: openai.OpenAI) -> None:
    response = client.moderations.create(input="What a lovely morning at the lake.")
    [result] = response.results
    assert result.flagged is False
    assert len(result.category_scores.model_dump(by_alias=True)) == 13
    assert response.id.startswith("modr-")
    assert "text@" in response.model


def test_an_insult_is_flagged_and_its_neighbour_is_not(client: openai.OpenAI) -> None:
    response = client.moderations.create(
        input=[
            "You are a worthless idiot, everybody hates you, get lost.",
            "周末去公园散步，天气真好。",
            "I will find you tonight and break your legs.",
        ]
    )
    insult, walk, threat = response.results
    assert insult.flagged
    assert insult.categories.harassment
    assert not walk.flagged
    assert threat.category_scores.violence > walk.category_scores.violence
    assert threat.flagged


def test_parts_share_one_result_and_many_images_are_welcome(client: openai.OpenAI) -> None:
    response = client.moderations.create(
        model="omni-moderation-latest",
        input=[
            {"type": "text", "text": "three pictures of my weekend"},
            _picture(colour="lightblue"),
            _picture(colour="lightgreen"),
            _picture(colour="beige"),
        ],
    )
    [result] = response.results
    assert result.category_applied_input_types.sexual == ["image", "text"]
    assert result.category_applied_input_types.sexual_minors == []


def test_text_drawn_on_an_image_is_read_and_judged(client: openai.OpenAI) -> None:
    plain = client.moderations.create(input=[_picture("have a nice day")])
    drawn = client.moderations.create(input=[_picture("You worthless idiot,\nI will find you")])
    assert not plain.results[0].flagged
    assert drawn.results[0].flagged
    assert drawn.results[0].category_applied_input_types.harassment == ["image"]


def test_verdicts_per_region_come_along(client: openai.OpenAI) -> None:
    response = client.moderations.create(input="hello there")
    extra = response.results[0].model_extra
    assert extra is not None
    verdicts = extra["x_workbench"]["verdicts"]
    assert verdicts["DE"]["action"] == "allow"
    assert verdicts["DE"]["policy_hash"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([{"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}}], "remote"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}], "base64"),
        ([], "empty"),
    ],
)
def test_what_cannot_be_screened_is_a_clear_400(
    client: openai.OpenAI, given: list[dict[str, object]], code: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=code):
        client.moderations.create(input=given)  # type: ignore[arg-type]


def test_a_key_is_asked_for_where_keys_are_configured(tmp_path: Path) -> None:
    with running_service(
        tmp_path, MODERATION_API_KEYS="s3cret", MODERATION_CLASSIFIERS="contacts"
    ) as service:
        wrong = openai.OpenAI(base_url=f"{service.url}/v1", api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError, match="MODERATION_API_KEYS"):
            wrong.moderations.create(input="hello")
        right = openai.OpenAI(base_url=f"{service.url}/v1", api_key="s3cret", max_retries=0)
        assert right.moderations.create(input="hello").results[0].flagged is False
        assert "s3cret" not in service.log.read_text()
