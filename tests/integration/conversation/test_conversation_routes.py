"""`/v1/conversations` over HTTP, with the real models and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from moderation.records.conversation_tables import StoredTurn
from moderation.screening import Screener
from moderation.service import create_app
from moderation.service.conversation_routes import router
from moderation.settings import Settings


@pytest.fixture
def client(tmp_path: Path, screener: Screener) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path), screener)
    app.include_router(router)
    with TestClient(app) as opened:
        yield opened


def turn(name: str, text: str, **facts: object) -> dict[str, object]:
    return {"id": name, "speaker": "ana", "text": text, "language": "en", **facts}


def test_a_room_is_opened_appended_to_looked_at_and_closed(client: TestClient) -> None:
    room = "/v1/conversations/room-7"
    audience = {"regions": ["DE"], "room_size": 30000}
    first = client.post(f"{room}/turns", json={"turns": [turn("1", "hi")], "audience": audience})
    assert first.status_code == 200
    assert first.json()["appended"] == ["1"]
    assert first.json()["risk"]["listeners"] == 30000
    assert list(first.json()["risk"]["verdicts"]) == ["DE"]
    again = client.post(f"{room}/turns", json={"turns": [turn("1", "hi"), turn("2", "bye")]})
    assert (again.json()["duplicates"], again.json()["appended"]) == (["1"], ["2"])
    assert client.post(f"{room}/close").json()["closed"] is True
    assert client.get(room).json()["turns"] == 2
    late = client.post(f"{room}/turns", json={"turns": [turn("3", "wait")]})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conversation_closed")


def test_a_conflict_says_what_differs(client: TestClient) -> None:
    client.post("/v1/conversations/r/turns", json={"turns": [turn("1", "hi", seconds=1)]})
    answer = client.post("/v1/conversations/r/turns", json={"turns": [turn("1", "hi", seconds=2)]})
    assert answer.status_code == 409
    assert answer.json()["error"]["differs"] == {"seconds": {"stored": 1.0, "sent": 2.0}}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"turns": [{"id": "1"}]}, "turns[0].text"),
        ({"turns": [{"id": "1", "text": "x", "seconds": -5}]}, "turns[0].seconds"),
        ({"turns": [{"id": "1", "text": "x", "mood": "good"}]}, "turns[0].mood"),
        ({"turns": []}, "turns"),
        ({"turns": [{"id": "1", "text": "x"}], "participants": [{"id": "a"}] * 2}, "participants"),
        ({"turns": [{"id": "1", "text": "x"}], "regions": ["Germany"]}, "regions"),
    ],
)
def test_a_bad_turn_is_refused_with_its_field(
    client: TestClient, body: dict[str, object], where: str
) -> None:
    answer = client.post("/v1/conversations/r/turns", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == where


def test_an_unknown_conversation_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/conversations/nowhere").status_code == 404
    assert client.post("/v1/conversations/nowhere/close").status_code == 404


def test_a_late_turn_with_a_wrong_clock_is_put_in_its_place(client: TestClient) -> None:
    room = "/v1/conversations/clock/turns"
    client.post(room, json={"turns": [turn("1", "hello", seconds=10)]})
    client.post(room, json={"turns": [turn("2", "a clock far ahead", seconds=9e8)]})
    answer = client.post(room, json={"turns": [turn("3", "and now", seconds=12)]}).json()
    assert (answer["turns"], answer["recomputed_from"]) == (3, 0)


def test_a_turn_of_a_megabyte_of_emoji_is_taken(client: TestClient) -> None:
    big = turn("1", "🎉" * 262_144)
    assert client.post("/v1/conversations/big/turns", json={"turns": [big]}).status_code == 200


def test_private_turns_are_read_only_where_allowed_or_reported(client: TestClient) -> None:
    room = "/v1/conversations/private"
    where = {"surface": "direct_message", "regions": ["US", "FR"]}
    turns = [turn("1", "an invented secret, do not keep it")]
    unread = client.post(f"{room}/turns", json={"turns": turns} | where).json()
    assert (unread["scanned"], unread["turns"], unread["appended"]) == (False, 0, [])
    assert (unread["scores"], unread["job"]) == ({}, None)
    # What surrounds it was understood: saying less, or something else, opens no door.
    for body in ({}, {"author": {"id": "ana"}}, {"reported": False}):
        assert client.post(f"{room}/turns", json={"turns": turns} | body).json()["turns"] == 0
    assert client.get(room).json()["scanned"] is False
    with client.app.state.recording.database.read() as session:  # type: ignore[attr-defined]
        assert not session.execute(select(StoredTurn)).scalars().all()

    followed = client.post(f"{room}/turns", json={"turns": turns, "reported": True}).json()
    assert (followed["scanned"], followed["appended"]) == (True, ["1"])
    assert followed["scores"]
    later = client.post(f"{room}/turns", json={"turns": [turn("2", "bye")]} | where).json()
    assert (later["scanned"], later["turns"]) == (True, 2)


def test_private_turns_are_read_where_every_region_allows_it(client: TestClient) -> None:
    room, where = "/v1/conversations/allowed", {"surface": "direct_message", "regions": ["US"]}
    body = {"turns": [turn("1", "hi")]} | where
    assert client.post(f"{room}/turns", json=body).json()["appended"] == ["1"]
    moved = {"turns": [turn("2", "now abroad")], "regions": ["US", "FR"]}
    answer = client.post(f"{room}/turns", json=moved).json()
    assert (answer["scanned"], answer["turns"], answer["appended"]) == (False, 1, [])
    assert client.post(f"{room}/close").json()["closed"] is True
