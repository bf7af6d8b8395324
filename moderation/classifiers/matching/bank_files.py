"""Banks as files: CSV with everything, and what pictures in a folder become."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from moderation.classifiers.image.decoding import ImageRefused, SafeDecoder
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import BankError, NewEntry
from moderation.classifiers.matching.fingerprints import HashKind, digests, entry_fingerprints
from moderation.items import ImagePart

#: Columns of a CSV file; only the first two are needed. Rows with the same `entry` are one picture.
COLUMNS = ("kind", "value", "entry", "source", "reference", "note", "expires_at")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line or picture that could not be taken, and why."""

    place: str  #: file and line, or the picture's path
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def hash_from_hex(kind: str, value: str) -> tuple[HashKind, bytes]:
    """A hash from its written form.

    Raises:
        BankError: unknown kind, not hexadecimal, or of the wrong length.
    """
    try:
        known = HashKind(kind.strip().lower())
    except ValueError:
        raise BankError(f"kind: {kind!r} is none of {', '.join(HashKind)}") from None
    try:
        raw = bytes.fromhex(value.strip())
    except ValueError:
        raise BankError(f"value: {value[:80]!r} is not hexadecimal") from None
    if len(raw) != known.length:
        raise BankError(f"value: a {known} hash has {2 * known.length} digits, not {2 * len(raw)}")
    return known, raw


def read_csv(path: Path, *, source: str = "") -> Iterator[NewEntry | BadLine]:
    """The entries of a CSV file, bad lines among them.

    Args:
        path: UTF-8, with a header line that names some of `COLUMNS`.
        source: provenance of the rows that name none.

    Raises:
        BankError: the file cannot be read, or its header lacks `kind` or `value`, or has a column
            that is none of `COLUMNS`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _check_header(path, rows.fieldnames or [])
            yield from _entries(path, rows, source)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BankError(f"{path} cannot be read as CSV: {error}") from error


def _check_header(path: Path, header: Iterable[str]) -> None:
    names = list(header)
    missing = [name for name in COLUMNS[:2] if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown:
        problem = f"lacks {missing[0]!r}" if missing else f"has an unknown column {unknown[0]!r}"
        raise BankError(f"{path}, line 1: the header {problem}; columns are {', '.join(COLUMNS)}")


def _entries(path: Path, rows: csv.DictReader[str], source: str) -> Iterator[NewEntry | BadLine]:
    pending: dict[str, list[tuple[HashKind, bytes]]] = {}
    details: dict[str, Mapping[str, str]] = {}
    for row in rows:
        place = f"{path}, line {rows.line_num}"
        try:
            known = hash_from_hex(row["kind"] or "", row["value"] or "")
            _expiry(row.get("expires_at"))
        except BankError as error:
            yield BadLine(place, str(error))
            continue
        name = row.get("entry") or ""
        if not name:
            yield _entry([known], row, source)
            continue
        pending.setdefault(name, []).append(known)
        details.setdefault(name, row)
    for name, hashes in pending.items():
        yield _entry(hashes, details[name], source)


def _entry(
    hashes: Iterable[tuple[HashKind, bytes]], row: Mapping[str, str], source: str
) -> NewEntry:
    grouped: dict[HashKind, list[bytes]] = {}
    for kind, value in hashes:
        grouped.setdefault(kind, []).append(value)
    return NewEntry(
        grouped,
        source=row.get("source") or source,
        reference=row.get("reference") or "",
        note=row.get("note") or "",
        expires_at=_expiry(row.get("expires_at")),
    )


def _expiry(written: str | None) -> datetime | None:
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise BankError(f"expires_at: {written!r} is no ISO 8601 date or time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def write_csv(store: BankStore, bank: str, path: Path) -> int:
    """Write a bank as CSV that `read_csv` takes; the number of hashes.

    Raises:
        BankError: there is no such bank, or the file cannot be written.
    """
    count = 0
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for entry, kind, value in store.export(bank):
                expires = "" if entry.expires_at is None else entry.expires_at.isoformat()
                row = (kind.value, value.hex(), entry.id, entry.source, entry.reference)
                writer.writerow((*row, entry.note, expires))
                count += 1
    except OSError as error:
        raise BankError(f"{path} cannot be written: {error}") from error
    return count


def entries_of_pictures(
    paths: Iterable[Path],
    decoder: SafeDecoder,
    *,
    source: str = "",
    note: str = "",
    expires_at: datetime | None = None,
) -> Iterator[NewEntry | BadLine]:
    """Hash pictures for a bank; the pictures themselves are not kept.

    A file that is refused is a bad line. A picture that is too flat for perceptual hashes is
    known by its digests only.
    """
    for path in paths:
        [result] = decoder.decode_all([(0, ImagePart(path=path))], allow_paths=True)
        if isinstance(result, ImageRefused):
            yield BadLine(str(path), result.message)
            continue
        yield NewEntry(
            {**entry_fingerprints(result.pixels).hashes, **digests(path.read_bytes())},
            source=source,
            reference=path.name,
            note=note,
            expires_at=expires_at,
        )


def pictures_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are; folders as all files in them, in order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


__all__ = [
    "COLUMNS",
    "BadLine",
    "entries_of_pictures",
    "hash_from_hex",
    "pictures_in",
    "read_csv",
    "write_csv",
]
