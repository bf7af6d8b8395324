"""Files in, items out: JSON Lines, CSV, Parquet, and WebVTT transcripts.

A bad row is reported with its line and field and never stops the good ones.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from moderation.cli.captions import caption_turns
from moderation.cli.conversation_rows import BadTurn
from moderation.errors import InvalidItem, ModerationError
from moderation.items import Item, Surface

#: Longest line of a JSON Lines file, in bytes: a guard against a file that is no text at all.
MAX_LINE_BYTES = 128_000_000

#: Short forms that `Item.from_row` understands beside the fields of `Item`.
_KNOWN_COLUMNS = frozenset(Item.model_fields) | {"text", "title", "image", "regions"}


class Format(StrEnum):
    """File formats that can be screened."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    WEBVTT = "vtt"


_SUFFIXES = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".vtt": Format.WEBVTT,
}


class UnreadableFile(ModerationError):
    """A file cannot be read as the format it should have."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no item."""

    line: int  #: 1-based line of the file; for Parquet the row number
    field: str
    message: str


@dataclass(slots=True)
class ItemFile:
    """A file of items.

    Args:
        source: path of the file; None reads standard input.
        file_format: None tells it by the suffix (standard input: JSON Lines).
        encoding: of text formats; UTF-8 with or without byte order mark by default.
    """

    source: Path | None
    file_format: Format | None = None
    encoding: str = "utf-8-sig"
    ignored_columns: tuple[str, ...] = ()  #: columns of a table that are no fields of an item

    def __post_init__(self) -> None:
        if self.source is None:
            self.file_format = self.file_format or Format.JSONL
            return
        if not self.source.exists():
            raise UnreadableFile(f"{self.source}: there is no such file")
        if self.source.is_dir():
            raise UnreadableFile(f"{self.source} is a folder; name a file in it")
        if self.file_format is None:
            try:
                self.file_format = _SUFFIXES[self.source.suffix.lower()]
            except KeyError:
                known = ", ".join(sorted(_SUFFIXES))
                raise UnreadableFile(
                    f"{self.source}: cannot tell the format from its name ({known} are known); "
                    "say --format"
                ) from None

    def count(self) -> int | None:
        """How many rows to expect, for the progress bar; None where it would cost a pass."""
        if self.source is None:
            return None
        if self.file_format is Format.PARQUET:
            return int(self._parquet().metadata.num_rows)
        if self.file_format is Format.JSONL:
            with self.source.open("rb") as stream:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
        return None

    def rows(self) -> Iterator[Item | BadRow]:
        """Items and bad rows in the order of the file."""
        reader = {
            Format.JSONL: self._jsonl,
            Format.CSV: self._csv,
            Format.PARQUET: self._parquet_rows,
            Format.WEBVTT: self._webvtt,
        }[self.file_format or Format.JSONL]
        yield from reader()

    def _stream(self) -> BinaryIO:
        return sys.stdin.buffer if self.source is None else self.source.open("rb")

    def _jsonl(self) -> Iterator[Item | BadRow]:
        with self._stream() as stream:
            number = 0
            while raw := stream.readline(MAX_LINE_BYTES):
                number += 1
                if not raw.strip():
                    continue
                try:
                    row = json.loads(
                        raw.decode(self.encoding if number == 1 else _plain(self.encoding))
                    )
                except UnicodeDecodeError as error:
                    yield BadRow(number, "", self._wrong_encoding(error))
                except (json.JSONDecodeError, RecursionError) as error:
                    yield BadRow(number, "", f"not a JSON object: {error}")
                else:
                    yield self._item(number, row)

    def _csv(self) -> Iterator[Item | BadRow]:
        with self._stream() as stream:
            text = io.TextIOWrapper(stream, encoding=self.encoding, newline="")
            # Posts are longer than the csv module's default cap of 128 KiB.
            csv.field_size_limit(MAX_LINE_BYTES)
            reader = csv.DictReader(text, strict=True)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except UnicodeDecodeError as error:
                    # What follows cannot be decoded either: say so once, keep what came before.
                    yield BadRow(reader.line_num + 1, "", self._wrong_encoding(error))
                    return
                except csv.Error as error:
                    yield BadRow(reader.line_num, "", f"not a CSV row: {error}")
                    continue
                if None in row or None in row.values():
                    yield BadRow(
                        reader.line_num, "", "this row has more or fewer cells than the header"
                    )
                    continue
                yield self._item(reader.line_num, self._known(row, drop_empty=True))

    def _parquet(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.source)
        except (pa.ArrowInvalid, OSError) as error:
            raise UnreadableFile(f"{self.source}: not a Parquet file ({error})") from None

    def _parquet_rows(self) -> Iterator[Item | BadRow]:
        number = 0
        for batch in self._parquet().iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                number += 1
                yield self._item(number, self._known(row))

    def _webvtt(self) -> Iterator[Item | BadRow]:
        with self._stream() as stream:
            try:
                text = stream.read(MAX_LINE_BYTES).decode(self.encoding)
            except UnicodeDecodeError as error:
                yield BadRow(1, "", self._wrong_encoding(error))
                return
        if not text.removeprefix("\ufeff").startswith("WEBVTT"):
            yield BadRow(1, "", "not a WebVTT file: its first line is not WEBVTT")
            return
        turns = []
        for found in caption_turns(text.replace("\r\n", "\n").replace("\r", "\n")):
            if isinstance(found, BadTurn):
                yield BadRow(found.line, "", found.message)
            else:
                turns.append({name: value for name, value in found.items() if name != "line"})
        name = self.source.stem if self.source else "transcript"
        yield self._item(1, {"id": name, "surface": Surface.LIVE_TRANSCRIPT.value, "turns": turns})

    def _known(self, row: dict[str, Any], *, drop_empty: bool = False) -> dict[str, Any]:
        """Tables carry columns of their owner's; they are left out, and that is told once."""
        if not self.ignored_columns:
            self.ignored_columns = tuple(name for name in row if name not in _KNOWN_COLUMNS)
        return {
            name: value
            for name, value in row.items()
            if name in _KNOWN_COLUMNS and not (drop_empty and value == "")
        }

    def _item(self, number: int, row: Any) -> Item | BadRow:
        try:
            return self._beside_the_file(Item.from_row(row))
        except InvalidItem as error:
            return BadRow(number, error.field, str(error))

    def _beside_the_file(self, item: Item) -> Item:
        """Relative image and video paths are meant relative to the file that names them."""
        if self.source is None or not (item.images or item.videos):
            return item
        folder = self.source.resolve().parent

        def placed(parts: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(
                part.model_copy(update={"path": folder / part.path}) if part.path else part
                for part in parts
            )

        return item.model_copy(
            update={"images": placed(item.images), "videos": placed(item.videos)}
        )

    def _wrong_encoding(self, error: UnicodeDecodeError) -> str:
        return (
            f"not {self.encoding.removesuffix('-sig')} text (byte {error.start}); "
            "say --encoding, for example gb18030, big5, shift_jis, cp949 or latin-1"
        )


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig")
