"""Chat exports, subtitles and tables become conversations; what is broken is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moderation.cli.conversation_files import (
    BadTurn,
    LeftOut,
    UnreadableConversation,
    conversations_in,
)
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
    assert [(item.id, len(item.turns)) for item in items] == [("a", 1), ("b", 1)]
    assert [b.line for b in bad] == [4]
    assert "not a time: 'soon'" in bad[0].message


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


def turns_of(path: Path) -> list[tuple[str, str, float | None]]:
    [item] = [entry for entry in conversations_in(path) if isinstance(entry, Item)]
    return [(turn.speaker, turn.text, turn.seconds) for turn in item.turns]


def test_one_bad_cell_costs_its_own_row_and_nothing_else(tmp_path: Path) -> None:
    table = "speaker,text,seconds,age\na,one,1,adult\nb,two,-5,\nc,three,nan,\nd,four,0:00:09,\n"
    [item], bad = read(tmp_path / "t.csv", table)
    assert [(t.text, t.seconds) for t in item.turns] == [("one", 1.0), ("four", 9.0)]
    assert [b.line for b in bad] == [2, 3, 4]
    assert "the turn is there without it" in bad[0].message


def test_the_same_holds_inside_a_whole_conversation_with_dates(tmp_path: Path) -> None:
    turns = [
        {"speaker": "a", "text": "x", "time": "2026-01-01T00:00:00"},
        {"speaker": "b"},
        {"speaker": "b", "text": "y", "time": "2026-01-01T00:01:00"},
    ]
    people = [{"id": "a", "account_age_days": 3}]
    row = {"id": "w", "turns": turns, "participants": people, "surface": "live_chat"}
    [item], bad = read(tmp_path / "t.jsonl", json.dumps(row))
    assert [(t.text, t.seconds) for t in item.turns] == [("x", 0.0), ("y", 60.0)]
    assert (item.surface, item.participants[0].account_age_days) == ("live_chat", 3)
    assert "turns[1]" in bad[0].message


def test_line_separators_of_unicode_inside_a_text_end_no_line(tmp_path: Path) -> None:
    text = "one\u2028two\x85three"
    line = json.dumps({"speaker": "a", "text": text}, ensure_ascii=False)
    assert read(tmp_path / "t.jsonl", line)[0][0].turns[0].text == text
    assert read(tmp_path / "t.csv", f"speaker,text\na,{text}\n")[0][0].turns[0].text == text


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_tells_its_separator_by_its_first_line(tmp_path: Path, sign: str) -> None:
    (tmp_path / "t.csv").write_text(f"speaker{sign}text\nana{sign}hi\n")
    assert turns_of(tmp_path / "t.csv") == [("ana", "hi", None)]


def test_a_table_without_texts_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("who,what\n" + "a,b\n" * 50)
    with pytest.raises(UnreadableConversation, match=r"first line is 'who,what'.*'text'"):
        list(conversations_in(tmp_path / "t.csv"))


def test_joins_stickers_and_the_like_of_an_export_are_counted_and_no_turns(tmp_path: Path) -> None:
    ana, lin = {"id": "2", "name": "ana"}, {"id": "1", "name": "lin", "isBot": True}
    message = {"type": "Default", "content": "", "author": ana}
    times = [f"2026-05-01T10:0{i}:00+00:00" for i in range(6)]
    export = {
        "channel": {"id": "77", "type": "DirectTextChat"},
        "messages": [
            message | {"id": "5", "timestamp": times[5], "forwardedMessage": {"content": "passed"}},
            message | {"id": "4", "timestamp": times[4], "stickers": [{"name": "x"}]},
            message | {"id": "3", "timestamp": times[3], "type": "Reply", "content": "yes",
                       "timestampEdited": times[4], "reference": {"messageId": "2"}},
            message | {"id": "2", "timestamp": times[2], "content": "beep", "author": lin},
            message | {"id": "1", "timestamp": times[1], "type": "GuildMemberJoin",
                       "content": "Joined the server."},
        ],
    }  # fmt: skip
    (tmp_path / "room.json").write_text(json.dumps(export))
    found = list(conversations_in(tmp_path / "room.json"))
    [item] = [entry for entry in found if isinstance(entry, Item)]
    assert (item.id, item.surface) == ("room-77", "direct_message")
    assert [(t.id, t.text, t.seconds) for t in item.turns] == [
        ("2", "beep", 0.0),
        ("3", "yes", 60.0),
        ("5", "passed", 180.0),
    ]
    assert [(p.id, p.role) for p in item.participants] == [("lin", "bot")]
    assert [entry.count for entry in found if isinstance(entry, LeftOut)] == [1, 1]


def test_two_people_of_one_name_are_two_speakers_and_a_public_group_is_no_private_chat(
    tmp_path: Path,
) -> None:
    messages = [
        {"id": 1, "type": "message", "from": "Anna", "from_id": "user1", "text": "my album"},
        {"id": 2, "type": "message", "from": "Anna", "from_id": "user2", "text": "buy here"},
        {"id": 3, "type": "message", "from": "Anna", "from_id": "user1", "text": "not me"},
        {"id": 4, "type": "message", "from": "Anna", "from_id": "user1", "photo": "p", "text": ""},
    ]
    export = {"type": "public_supergroup", "id": 5, "messages": messages}
    account = {"chats": {"list": [export]}, "left_chats": {"list": [export | {"id": 6}]}}
    items, bad = read(tmp_path / "result.json", json.dumps(account))
    assert [(item.id, item.surface) for item in items] == [
        ("result-5", "live_chat"),
        ("result-6", "live_chat"),
    ]
    assert [turn.speaker for turn in items[0].turns] == ["Anna", "Anna (user2)", "Anna"]
    assert bad == []


def test_captions_lose_no_line_and_a_colon_makes_no_speaker(tmp_path: Path) -> None:
    (tmp_path / "t.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nhttps://example.com/x look\n \n"
        "2\n00:00:03,000 --> 00:00:04,000\nLin: At 10:30\n\nwe go --> home\n\n"
        "2\n00:00:05,000 --> 00:00:06,000\nI told him once: go\n"
    )
    assert turns_of(tmp_path / "t.srt") == [
        ("", "https://example.com/x look", 1.0),
        ("Lin", "At 10:30\nwe go --> home", 3.0),
        ("", "I told him once: go", 5.0),
    ]
    (tmp_path / "t.vtt").write_text(
        "WEBVTT\n\nNOTE a --> b\n\n00:01.000 --> 00:02.000\n"
        "<v Ana>tom &amp; me &lt;3</v>\n<v.loud Bo>no</v>\n\nNOTE nobody says this\n"
    )
    assert turns_of(tmp_path / "t.vtt") == [("Ana", "tom & me <3", 1.0), ("Bo", "no", 1.0)]


@pytest.mark.parametrize(
    ("name", "content", "encoding", "told"),
    [
        ("t.json", '{"messages": [{"id": ' + "1" * 5000 + "}]}", "utf-8", "not JSON"),
        ("t.csv", "speaker,text\na,b\n", "nonsense", "--encoding nonsense"),
        ("t.csv", "speaker,text\na,é\n", "utf-16", "say --encoding"),
        ("t.json", '[{"speaker": "a", "text": "b"}]', "utf-8", "say --format"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_clear_sentence(
    tmp_path: Path, name: str, content: str, encoding: str, told: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableConversation, match=told):
        list(conversations_in(tmp_path / name, encoding=encoding))
