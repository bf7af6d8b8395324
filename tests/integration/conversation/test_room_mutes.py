"""What is not heard in a region: by policy, stored with the turn, and by people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from moderation.items import Turn
from moderation.records import Database, audit, erase_author
from moderation.records.conversation_mutes import ConversationMute
from moderation.records.people_tables import AuditEntry
from moderation.screening import Screener
from moderation.service import create_app
from moderation.service.live_rooms import LiveRooms
from moderation.settings import Settings

THREAT = "I know where you live and I will break your legs tonight"
FACTS = {"surface": "live_chat", "audience": {"regions": ["DE", "US"]}}


def said(*texts: str) -> list[Turn]:
    return [
        Turn(id=f"t{i}", speaker="ab"[i % 2], text=text, language="en", seconds=10.0 * i)
        for i, text in enumerate(texts, start=1)
    ]


ROOM = said("hello there", THREAT, THREAT + "!", "nice pot", "thank you", THREAT, "good night")


def segments(rooms: LiveRooms, name: str) -> list[tuple[Any, ...]]:
    return [
        (entry["region"], entry["action"], entry["first"], entry["last"], entry["by"])
        for entry in rooms.look(name).muted
    ]


def stored(database: Database) -> list[ConversationMute]:
    with database.read() as session:
        return list(session.execute(select(ConversationMute)).scalars())


def test_what_policy_mutes_is_the_same_in_whatever_order_the_turns_come(rooms: LiveRooms) -> None:
    told = rooms.append("whole", ROOM, facts=FACTS).muted
    wanted = segments(rooms, "whole")
    assert {(region, first, last) for region, _, first, last, _ in wanted} >= {("DE", 2, 3)}
    assert all(by is None for *_, by in wanted)
    muted = {name for entry in told if entry["region"] == "DE" for name in entry["turns"]}
    assert sum(last - first + 1 for region, _, first, last, _ in wanted if region == "DE") == len(
        muted
    )
    for seed in range(3):
        turns = ROOM.copy()
        Random(seed).shuffle(turns)
        while turns:
            part, turns = turns[: 1 + seed], turns[1 + seed :]
            rooms.append(f"room-{seed}", part, facts=FACTS)
            rooms.append(f"room-{seed}", part)  # sent again
        assert segments(rooms, f"room-{seed}") == wanted


def test_a_late_turn_between_two_muted_ones_is_heard(rooms: LiveRooms) -> None:
    rooms.append("room", ROOM, facts=FACTS)
    late = Turn(id="late", speaker="a", text="well, well", language="en", seconds=25)
    rooms.append("room", [late])
    german = [entry[2:4] for entry in segments(rooms, "room") if entry[0] == "DE"]
    assert german[:2] == [(2, 2), (4, 4)]


def test_a_person_mutes_and_lifts_and_the_audit_log_has_it(
    rooms: LiveRooms, database: Database
) -> None:
    rooms.append("room", said("one", "two", "three", "four"), facts=FACTS)
    set_now = rooms.mutes.mute("room", 2, "t3", by="ana", reason="a quarrel")
    again = rooms.mutes.mute("room", "t2", 3, by="ben", reason="twice", regions=["US"])
    assert [entry["mutes"] for entry in again] == [set_now[1]["mutes"]]
    wanted = [("DE", "mute", 2, 3, "ana"), ("US", "mute", 2, 3, "ana")]
    assert segments(rooms, "room") == wanted
    late = Turn(id="late", speaker="a", text="in between", language="en", seconds=25)
    assert [entry["turns"] for entry in rooms.append("room", [late]).muted] == [["late"]] * 2
    assert segments(rooms, "room")[0][2:4] == (2, 4)
    [german] = set_now[0]["mutes"]
    assert [entry["region"] for entry in rooms.mutes.lift("room", [german], by="ben")] == ["DE"]
    assert rooms.mutes.lift("room", [german], by="ben") == []
    assert [entry[0] for entry in segments(rooms, "room")] == ["US"]
    with database.read() as session:
        actions = [
            (entry.action, entry.actor)
            for entry in session.execute(select(AuditEntry)).scalars()
            if entry.subject.startswith("mute:")
        ]
    assert actions == [("segment_muted", "ana")] * 2 + [("segment_unmuted", "ben")]
    audit.verify(database)


def test_what_a_person_lifts_policy_does_not_mute_again(rooms: LiveRooms) -> None:
    rooms.append("room", ROOM, facts=FACTS)
    numbers = [n for entry in rooms.look("room").muted for n in entry["mutes"]]
    rooms.mutes.lift("room", numbers, by="ana")
    late = Turn(id="late", speaker="b", text="hm", language="en", seconds=0)
    assert not rooms.append("room", [late, *ROOM]).muted
    assert rooms.look("room").muted == []


def test_a_mute_goes_with_its_conversation(rooms: LiveRooms, database: Database) -> None:
    rooms.append("room", ROOM, facts=FACTS | {"author": {"id": "host"}})
    rooms.mutes.mute("room", 1, by="ana", reason="why not")
    assert stored(database)
    erase_author(database, "host", by="ana")
    assert stored(database) == []


@pytest.fixture
def client(tmp_path: Path, screener: Screener) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data_dir=tmp_path), screener)) as opened:
        yield opened


def test_a_segment_is_muted_listed_and_lifted_over_http(client: TestClient) -> None:
    room = "/v1/conversations/room"
    turns = [turn.model_dump(exclude_none=True) for turn in said("one", "two", "three")]
    client.post(f"{room}/turns", json={"turns": turns, "regions": ["DE"]})
    body = {"first": 1, "last": "t2", "by": "ana", "reason": "a quarrel"}
    answer = client.post(f"{room}/mutes", json=body)
    assert answer.status_code == 201
    [segment] = answer.json()["muted"]
    assert (segment["region"], segment["first"], segment["last"]) == ("DE", 1, 2)
    assert client.get(room).json()["muted"] == [segment]
    lift = {"mutes": segment["mutes"], "by": "ben"}
    assert client.post(f"{room}/mutes/lift", json=lift).json()["lifted"] == [segment]
    assert client.get(room).json()["muted"] == []
    assert client.post(f"{room}/mutes/lift", json=lift | {"mutes": [999]}).status_code == 404
    client.post(f"{room}/close")
    closed = client.post(f"{room}/mutes", json=body)
    assert (closed.status_code, closed.json()["error"]["code"]) == (409, "conversation_closed")


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"first": 4}, "first", "unknown_turn"),
        ({"first": 0}, "first", "unknown_turn"),
        ({"last": "nobody's"}, "last", "unknown_turn"),
        ({"first": 2, "last": 1}, "last", "reversed_segment"),
        ({"regions": ["Atlantis"]}, "regions", "unknown_region"),
        ({"regions": []}, "regions", "unknown_region"),
        ({"by": ""}, "by", "too_short"),
        ({"reason": ""}, "reason", "too_short"),
    ],
)
def test_a_segment_that_is_none_is_refused(
    client: TestClient, change: dict[str, Any], param: str, code: str
) -> None:
    room = "/v1/conversations/room"
    turns = [turn.model_dump(exclude_none=True) for turn in said("one", "two", "three")]
    client.post(f"{room}/turns", json={"turns": turns, "regions": ["DE"]})
    body = {"first": 1, "by": "ana", "reason": "a quarrel"} | change
    answer = client.post(f"{room}/mutes", json=body)
    assert answer.status_code == 422
    assert (answer.json()["error"]["param"], answer.json()["error"]["code"]) == (param, code)
    assert client.get(room).json()["muted"] == []


def test_an_unknown_conversation_is_not_muted(client: TestClient) -> None:
    body = {"first": 1, "by": "ana", "reason": "a quarrel"}
    assert client.post("/v1/conversations/nowhere/mutes", json=body).status_code == 404
    lift = {"mutes": [1], "by": "ana"}
    assert client.post("/v1/conversations/nowhere/mutes/lift", json=lift).status_code == 404
