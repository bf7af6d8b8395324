"""Screenings out: JSON Lines or Parquet, so that an interrupted run leaves whole rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from moderation.errors import ModerationError
from moderation.screening import Screening
from moderation.taxonomy import CATEGORY_IDS


class UnwritableFile(ModerationError):
    """The output cannot be written."""


class Writer(Protocol):
    """Takes screenings, a batch at a time."""

    def write(self, screenings: Sequence[Screening]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_writer(output: Path | None, *, append: bool = False) -> Writer:
    """A writer for that file; None or `-` is standard output as JSON Lines.

    Raises:
        UnwritableFile: the suffix is unknown, or the folder does not exist.
    """
    if output is None or str(output) == "-":
        return JsonLinesWriter(None)
    if not output.parent.is_dir():
        raise UnwritableFile(f"{output}: there is no folder {output.parent}")
    suffix = output.suffix.lower()
    if suffix in {".parquet", ".pq"}:
        if append:
            raise UnwritableFile("a Parquet file cannot be resumed; write JSON Lines (.jsonl)")
        return ParquetWriter(output)
    if suffix in {".jsonl", ".ndjson", ".json"}:
        return JsonLinesWriter(output, append=append)
    raise UnwritableFile(f"{output}: results are written as .jsonl or .parquet")


def written_ids(output: Path) -> set[str]:
    """Ids that an earlier, interrupted run wrote; a torn last line is cut off."""
    if not output.exists():
        return set()
    found: set[str] = set()
    good = 0
    with output.open("rb") as stream:
        for raw in stream:
            try:
                found.add(json.loads(raw)["id"])
            except (ValueError, KeyError, TypeError):
                break
            good += len(raw)
    if good < output.stat().st_size:
        with output.open("r+b") as stream:
            stream.truncate(good)
    return found


class JsonLinesWriter:
    """One JSON object a line, flushed after every batch."""

    def __init__(self, output: Path | None, *, append: bool = False) -> None:
        self._output = output
        try:
            self._stream: IO[str] = (
                sys.stdout
                if output is None
                else output.open("a" if append else "w", encoding="utf-8")
            )
        except OSError as error:
            raise UnwritableFile(f"{output}: {error.strerror}") from None

    def write(self, screenings: Sequence[Screening]) -> None:
        try:
            for screening in screenings:
                self._stream.write(json.dumps(screening.to_row(), ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            raise UnwritableFile(
                f"{self._output or 'standard output'}: {error.strerror}; what was written before "
                "is whole, run again with --resume"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._output is not None:
            with suppress(OSError):
                self._stream.close()


class ParquetWriter:
    """One row per screening: `id`, `language`, `scores` as a struct, the rest as JSON text.

    Written beside its final name and renamed when it is whole.
    """

    def __init__(self, output: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._output = output
        self._partial = output.with_name(output.name + ".partial")
        self._arrow = pa
        self._schema = pa.schema(
            [
                ("id", pa.string()),
                ("language", pa.string()),
                ("scores", pa.struct([(name, pa.float32()) for name in CATEGORY_IDS])),
                ("signals", pa.string()),
                ("verdicts", pa.string()),
                ("problems", pa.string()),
            ]
        )
        try:
            self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        except OSError as error:
            raise UnwritableFile(f"{output}: {error.strerror or error}") from None

    def write(self, screenings: Sequence[Screening]) -> None:
        rows: list[dict[str, Any]] = []
        for screening in screenings:
            row = screening.to_row()
            del row["models"]
            for name in ("signals", "verdicts", "problems"):
                row[name] = json.dumps(row[name], ensure_ascii=False)
            rows.append(row)
        try:
            self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))
        except OSError as error:
            raise UnwritableFile(f"{self._output}: {error.strerror or error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(OSError):
            self._writer.close()
        if kind is None:
            self._partial.replace(self._output)
        else:
            self._partial.unlink(missing_ok=True)
