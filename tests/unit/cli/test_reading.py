"""Files in, items out: good rows are kept whatever stands beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moderation.cli.reading import BadRow, Format, ItemFile, UnreadableFile
from moderation.items import Item, Surface


def test_a_broken_json_line_is_reported_and_the_good_ones_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"id": "1", "text": "a"}\n{"id": "2", "te\n\n{"id": "3", "text": "c"}\n')
    rows = list(ItemFile(file).rows())
    assert [row.id for row in rows if isinstance(row, Item)] == ["1", "3"]
    [bad] = [row for row in rows if isinstance(row, BadRow)]
    assert bad.line == 2
    assert "JSON" in bad.message


def test_a_bad_field_is_reported_with_line_and_path(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"id": "1", "text": "a"}\n{"id": "2", "text": "b", "author": {"agee": 1}}\n')
    bad = list(ItemFile(file).rows())[1]
    assert bad == BadRow(2, "author.agee", "author.agee: unknown field")


def test_bytes_of_another_encoding_are_reported_and_readable_when_it_is_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "items.jsonl"
    lines = [json.dumps({"id": "1", "text": "好"}, ensure_ascii=False), '{"id": "2", "text": "b"}']
    file.write_bytes("\n".join(lines).encode("gb18030"))
    first, second = ItemFile(file).rows()
    assert isinstance(first, BadRow)
    assert "--encoding" in first.message
    assert isinstance(second, Item)
    named = list(ItemFile(file, encoding="gb18030").rows())
    assert isinstance(named[0], Item)
    assert named[0].texts[0].text == "好"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"id": "1", "text": "a"}\n')
    assert [type(row) for row in ItemFile(file).rows()] == [Item]


def test_csv_columns_that_are_no_fields_are_left_out_and_named(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text('id,text,label\n1,"a, b",0\n2,,1\n3,c\n', encoding="utf-8")
    source = ItemFile(file)
    rows = list(source.rows())
    assert source.ignored_columns == ("label",)
    assert isinstance(rows[0], Item)
    assert rows[0].texts[0].text == "a, b"
    assert isinstance(rows[1], BadRow)
    assert "empty" in rows[1].message
    assert isinstance(rows[2], BadRow)
    assert "cells" in rows[2].message


def test_parquet_rows_become_items(tmp_path: Path) -> None:
    file = tmp_path / "items.parquet"
    table = pa.table({"id": ["1", "2"], "text": ["a", None], "toxicity": [0, 1]})
    pq.write_table(table, file)
    source = ItemFile(file)
    rows = list(source.rows())
    assert source.count() == 2
    assert isinstance(rows[0], Item)
    assert isinstance(rows[1], BadRow)
    assert rows[1].line == 2


def test_a_transcript_becomes_one_item_with_turns_and_speakers(tmp_path: Path) -> None:
    file = tmp_path / "room-7.vtt"
    file.write_text(
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:03.000\n<v Mei>大家好, welcome\n\n"
        "2\n00:00:04.000 --> 00:00:06.000\n<v Tom>hi\n",
        encoding="utf-8",
    )
    [item] = ItemFile(file).rows()
    assert isinstance(item, Item)
    assert item.id == "room-7"
    assert item.surface is Surface.LIVE_TRANSCRIPT
    assert [(t.speaker, t.text, t.seconds) for t in item.turns] == [
        ("Mei", "大家好, welcome", 1.0),
        ("Tom", "hi", 4.0),
    ]


def test_every_voice_of_a_transcript_is_heard_and_a_bad_caption_costs_itself(
    tmp_path: Path,
) -> None:
    file = tmp_path / "room-8.vtt"
    file.write_text(
        "WEBVTT\r\n\r\n00:01.000 --> 00:03.000\r\n<v Mei>hello <v Tom>and hello\r\n\r\n"
        "00:0x.000 --> 00:06.000\r\nlost\r\n\r\n00:07.000 --> 00:08.000\r\nAna: good evening\r\n",
        newline="",
    )
    bad, item = ItemFile(file).rows()
    assert isinstance(bad, BadRow)
    assert isinstance(item, Item)
    assert bad.line == 6
    assert [(t.speaker, t.text) for t in item.turns] == [
        ("Mei", "hello"), ("Tom", "and hello"), ("Ana", "good evening")
    ]  # fmt: skip
    file.write_text("no transcript at all")
    [bad] = ItemFile(file).rows()
    assert isinstance(bad, BadRow)
    assert "WEBVTT" in bad.message


def test_image_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"id": "1", "image": "photos/a.jpg"}\n')
    [item] = ItemFile(file).rows()
    assert isinstance(item, Item)
    assert item.images[0].path == tmp_path.resolve() / "photos/a.jpg"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        ItemFile(tmp_path / "none.jsonl")
    with pytest.raises(UnreadableFile, match="folder"):
        ItemFile(tmp_path)
    unknown = tmp_path / "items.xyz"
    unknown.write_text("")
    with pytest.raises(UnreadableFile, match="--format"):
        ItemFile(unknown)
    with pytest.raises(UnreadableFile, match="Parquet"):
        list(ItemFile(unknown, Format.PARQUET).rows())
