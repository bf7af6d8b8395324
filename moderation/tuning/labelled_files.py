"""Records from the files that labelled text comes in: parquet, JSON Lines, CSV and TSV."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from moderation.tuning.training_rows import UnreadableData

Record = Mapping[str, Any]
#: Characters of one CSV field at most; the module's own limit refuses long posts.
_LONGEST_FIELD = 16_000_000
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def records(path: Path) -> Iterator[tuple[str, Record]]:
    """Place of each record in words (``rows.csv, line 7``) and the record.

    CSV may be separated by commas, semicolons or tabs, and be in UTF-8 or, with a byte order mark,
    UTF-16; its first line names the columns.

    Raises:
        UnreadableData: no such file, an unknown kind, or content that is not of that kind; the
            message names the file and the line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableData(f"{path}: not one of {', '.join(_READERS)}")
    yield from reader(path)


def is_readable(path: Path) -> bool:
    """Whether the file's name says that `records` can read it."""
    return path.suffix.lower() in _READERS


def kinds() -> str:
    """The endings that `records` reads, for messages."""
    return ", ".join(_READERS)


def _parquet(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UnreadableData(f"{path}: not a readable parquet file ({error})") from error
    number = 0
    for batch in table.to_batches():
        for record in batch.to_pylist():
            number += 1
            yield f"{path}, row {number}", record


def _json_lines(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{path}, line {number}", _object(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableData(f"{path}: cannot be read ({_told(error)})") from error


def _object(line: str, place: str) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableData(f"{place}: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableData(f"{place}: not a JSON object in curly brackets")
    return record


def _table(path: Path) -> Iterator[tuple[str, Record]]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding=_encoding(path), newline="") as lines:
            heading = lines.readline()
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=_delimiter(heading))
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            for row in reader:
                place = f"{path}, line {reader.line_num}"
                if None in row:
                    raise UnreadableData(
                        f"{place}: has more fields than the first line names; "
                        "put text that holds the separator in double quotes"
                    )
                yield place, row
    except (OSError, UnicodeError, csv.Error) as error:
        raise UnreadableData(f"{path}: cannot be read ({_told(error)})") from error
    finally:
        csv.field_size_limit(before)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"


def _delimiter(heading: str) -> str:
    return max("\t;,", key=heading.count)


def _told(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not in UTF-8: {error.reason} at byte {error.start}; save the file as UTF-8"
    return str(error)


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, Record]]]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _table,
    ".tsv": _table,
}
