"""Chat exports, subtitles and tables become conversations; what is broken is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moderation.cli.conversation_files import BadTurn, UnreadableConversation, conversations_in
from moderation.items import Item


def read(path: Path, content: str) -> tuple[list[Item], list[BadTurn]]:
    path.write_text(content, encoding="utf-8")
    found = list(conversations_in(path))
    return [e for e in found if isinstance(e, Item)], [e for e in found if isinstance(e, BadTurn)]


def test_a_discord_export_becomes_one_conversation_with_seconds(tmp_path: Path) -> None:
    export = {
        "guild": {"name": "pottery"},
        "messages": [
            {"id": "11", "timestamp": "2026-05-01T10:00:00+00:00", "content": "hello 大家",
             "author": {"id": "1", "name": "lin"}},
            {"id": "12", "timestamp": "2026-05-01T10:00:30+00:00", "content": "",
             "author": {"id": "2", "name": "ana"}, "attachments": [{"url": "x"}]},
            {"id": "13", "timestamp": "2026-05-01T10:01:00+00:00", "author": {"name": "ana"}},
            {"id": "14", "timestamp": "2026-05-01T10:01:30+00:00", "content": "hi lin",
             "author": {"id": "2", "name": "ana"}},
        ],
    }  # fmt: skip
    [item], bad = read(tmp_path / "room.json", json.dumps(export))
    assert [(t.id, t.speaker, t.seconds) for t in item.turns] == [
        ("11", "lin", 0.0),
        ("14", "ana", 90.0),
    ]
    assert [b.line for b in bad] == [3]


def test_a_telegram_export_joins_pieces_and_leaves_out_service_messages(tmp_path: Path) -> None:
    export = {
        "name": "chat", "type": "personal_chat", "id": 7,
        "messages": [
            {"id": 1, "type": "service", "action": "phone_call", "date": "2026-05-01T10:00:00"},
            {"id": 2, "type": "message", "date_unixtime": "1777629600", "from": "Mia",
             "from_id": "user1", "text": ["see ", {"type": "link", "text": "example.com"}]},
            {"id": 3, "type": "message", "date_unixtime": "1777629660", "from": None,
             "from_id": "user2", "text": "no thanks"},
        ],
    }  # fmt: skip
    [item], bad = read(tmp_path / "result.json", json.dumps(export))
    assert [(t.speaker, t.text, t.seconds) for t in item.turns] == [
        ("Mia", "see example.com", 0.0),
        ("user2", "no thanks", 60.0),
    ]
    assert bad == []


def test_subtitles_name_their_speakers(tmp_path: Path) -> None:
    srt = (
        "1\n00:00:01,500 --> 00:00:03,000\nLin: 晚上好\n\n"
        "2\n00:00:xx --> 00:00:06,000\nlost\n\n"
        "3\n01:00:05,000 --> 01:00:06,000\n[Host]: welcome\nback\n"
    )
    [item], bad = read(tmp_path / "room.srt", srt)
    assert [(t.speaker, t.text, t.seconds) for t in item.turns] == [
        ("Lin", "晚上好", 1.5),
        ("Host", "welcome\nback", 3605.0),
    ]
    assert "not a time" in bad[0].message
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>hola a todos</v>\n"
    [item], _ = read(tmp_path / "room.vtt", vtt)
    assert (item.turns[0].speaker, item.turns[0].text) == ("Ana", "hola a todos")


def test_a_table_of_turns_may_hold_several_conversations(tmp_path: Path) -> None:
    table = "chat,author,message,time\na,x,hi,2026-05-01T10:00:00\nb,y,hey,5\na,z,yo,soon\n"
    items, bad = read(tmp_path / "turns.csv", table)
    assert [(item.id, len(item.turns)) for item in items] == [("a", 1)]
    assert {b.line for b in bad} >= {4}


def test_json_lines_hold_turns_or_whole_conversations(tmp_path: Path) -> None:
    lines = [
        {"id": "whole", "turns": [{"id": "1", "speaker": "a", "text": "hi", "seconds": 3}]},
        {"conversation": "c", "speaker": "a", "text": "one"},
        {"conversation": "c", "speaker": "b", "text": "two"},
        {"conversation": "c", "speaker": "b"},
    ]
    items, bad = read(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines)) + "\n{broken\n")
    assert {item.id: len(item.turns) for item in items} == {"whole": 1, "c": 2}
    assert sorted(b.line for b in bad) == [4, 5]


def test_a_doubled_turn_id_is_told_and_the_first_kept(tmp_path: Path) -> None:
    [item], bad = read(tmp_path / "t.csv", "id,speaker,text\n1,a,first\n1,b,second\n")
    assert [t.text for t in item.turns] == ["first"]
    assert "'1' is there twice" in bad[0].message


def test_a_file_of_no_known_kind_names_the_kinds(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"hello": 1}')
    with pytest.raises(UnreadableConversation, match="discord, telegram, srt"):
        list(conversations_in(tmp_path / "x.json"))


def test_what_a_file_tells_of_speakers_comes_with_the_item(tmp_path: Path) -> None:
    table = tmp_path / "room.csv"
    table.write_text("speaker,text,role,age,account_age_days\nana,hi,host,18_plus,3\nbo,hey,,,\n")
    [item] = conversations_in(table)
    assert isinstance(item, Item)
    [ana] = item.participants
    assert (ana.id, ana.role, ana.age, ana.account_age_days) == ("ana", "host", "18_plus", 3)


def test_an_id_of_discord_tells_how_old_the_account_was(tmp_path: Path) -> None:
    author = {"id": "175928847299117063", "name": "ana"}
    message = {"id": "1", "timestamp": "2016-05-10T00:00:00+00:00", "content": "hi"}
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"messages": [message | {"author": author}]}))
    [item] = conversations_in(export)
    assert isinstance(item, Item)
    assert item.participants[0].account_age_days == 9


def test_an_export_of_more_turns_than_an_item_holds_becomes_several(tmp_path: Path) -> None:
    file = tmp_path / "year.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for i in range(50_000):
            lines.write(
                json.dumps({"id": str(i), "speaker": f"s{i % 9}", "text": f"hi {i}"}) + "\n"
            )
    items = list(conversations_in(file))
    assert all(isinstance(item, Item) for item in items)
    parts = [item for item in items if isinstance(item, Item)]
    assert [item.id for item in parts[:2]] == ["year", "year part 2"]
    assert [turn.id for item in parts for turn in item.turns] == [str(i) for i in range(50_000)]
