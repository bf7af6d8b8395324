"""Where banks are kept: a SQLite file of their own beside the database.

A classifier must not need the records, and a list of a million hashes is no business of the
database's migrations and backups.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.classifiers.matching.banks import Bank, BankError, Entry, NewEntry
from moderation.classifiers.matching.fingerprints import HashKind
from moderation.settings import Settings

FILE_NAME = "banks.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bank (
    name TEXT PRIMARY KEY,
    category TEXT NOT NULL,
    enabled_ratio REAL NOT NULL CHECK (enabled_ratio BETWEEN 0 AND 1),
    never_render INTEGER NOT NULL,
    notes TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    bank TEXT NOT NULL REFERENCES bank (name) ON DELETE CASCADE,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    note TEXT NOT NULL,
    added_at TEXT NOT NULL,
    expires_at REAL
);
CREATE TABLE IF NOT EXISTS hash (
    bank TEXT NOT NULL REFERENCES bank (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value BLOB NOT NULL,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    PRIMARY KEY (bank, kind, value)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hash_of_entry ON hash (entry);
CREATE TABLE IF NOT EXISTS generation (number INTEGER NOT NULL);
INSERT INTO generation SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM generation);
"""


@dataclass(frozen=True, slots=True)
class StoredHashes:
    """Hashes of one kind."""

    values: npt.NDArray[np.uint8]  #: `(n, bytes)`
    entries: npt.NDArray[np.int64]  #: `(n,)` ids


class BankStore:
    """The banks of one file. Safe to use from threads and processes.

    Args:
        path: the SQLite file; it is created with its folder when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    @classmethod
    def from_settings(cls, settings: Settings) -> BankStore:
        """The banks in the data folder."""
        return cls(settings.data_dir / FILE_NAME)

    def create(self, bank: Bank) -> None:
        """Make a new, empty bank.

        Raises:
            BankError: the name is taken.
        """
        row = (
            bank.name,
            bank.category,
            bank.enabled_ratio,
            bank.never_render,
            bank.notes,
            _now(),
        )
        try:
            with self._writing() as connection:
                connection.execute("INSERT INTO bank VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise BankError(f"there is already a bank {bank.name!r}") from None

    def bank(self, name: str) -> Bank:
        """The bank of that name.

        Raises:
            BankError: there is none.
        """
        for bank in self.banks():
            if bank.name == name:
                return bank
        known = ", ".join(bank.name for bank in self.banks()) or "none yet"
        raise BankError(f"there is no bank {name!r}; banks are: {known}")

    def banks(self) -> list[Bank]:
        """All banks by name."""
        rows = self._read(
            "SELECT name, category, enabled_ratio, never_render, notes FROM bank ORDER BY name"
        )
        return [
            Bank(name, cat, ratio, bool(never), notes) for name, cat, ratio, never, notes in rows
        ]

    def set_enabled_ratio(self, name: str, ratio: float) -> None:
        """Compare only this share of images with the bank; 0 switches it off."""
        self._change(replace(self.bank(name), enabled_ratio=ratio))

    def set_never_render(self, name: str, never_render: bool) -> None:
        """Show matches to nobody from now on, or show them again."""
        self._change(replace(self.bank(name), never_render=never_render))

    def set_notes(self, name: str, notes: str) -> None:
        """Say anew what the bank is and who keeps it."""
        self._change(replace(self.bank(name), notes=notes))

    def _change(self, bank: Bank) -> None:
        row = (bank.enabled_ratio, bank.never_render, bank.notes, bank.name)
        with self._writing() as connection:
            connection.execute(
                "UPDATE bank SET enabled_ratio = ?, never_render = ?, notes = ? WHERE name = ?", row
            )

    def add(self, bank: str, entries: Iterable[NewEntry]) -> int:
        """Put pictures into a bank, all or none; those whose hashes are all in it are skipped.

        Returns:
            How many were new.

        Raises:
            BankError: no such bank, or a hash has the wrong length.
        """
        self.bank(bank)
        added = 0
        with self._writing() as connection:
            for entry in entries:
                added += _insert(connection, bank, entry)
        return added

    def remove(self, entry: int) -> None:
        """Take an entry out.

        Raises:
            BankError: there is none with that id.
        """
        with self._writing() as connection:
            if connection.execute("DELETE FROM entry WHERE id = ?", (entry,)).rowcount == 0:
                raise BankError(f"there is no entry {entry}")

    def entry(self, entry: int) -> Entry:
        """One entry.

        Raises:
            BankError: there is none with that id.
        """
        rows = self._read("SELECT * FROM entry WHERE id = ?", (entry,))
        if not rows:
            raise BankError(f"there is no entry {entry}")
        number, bank, source, reference, note, added, expires = rows[0]
        return Entry(
            id=number,
            bank=bank,
            source=source,
            reference=reference,
            note=note,
            added_at=datetime.fromisoformat(added),
            expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        )

    def entry_states(self, *, never_render: bool = False) -> dict[int, tuple[str, float | None]]:
        """Entry id → its bank, and the Unix time at which it expires, if it does.

        Args:
            never_render: only of the banks of which nothing may be shown.
        """
        rows = self._read(
            "SELECT id, bank, expires_at FROM entry "
            "WHERE NOT ? OR bank IN (SELECT name FROM bank WHERE never_render)",
            (never_render,),
        )
        return {number: (bank, expires) for number, bank, expires in rows}

    def hashes(self, kind: HashKind, *, never_render: bool = False) -> StoredHashes:
        """All hashes of a kind, for an index.

        Args:
            kind: of them.
            never_render: only of the banks of which nothing may be shown.
        """
        rows = self._read(
            "SELECT value, entry FROM hash WHERE kind = ? "
            "AND (NOT ? OR bank IN (SELECT name FROM bank WHERE never_render))",
            (kind.value, never_render),
        )
        flat = np.frombuffer(b"".join(value for value, _ in rows), np.uint8)
        return StoredHashes(
            flat.reshape(len(rows), kind.length),
            np.fromiter((entry for _, entry in rows), np.int64, len(rows)),
        )

    def export(self, bank: str) -> Iterator[tuple[Entry, HashKind, bytes]]:
        """Every hash of a bank with its entry, oldest entry first.

        Raises:
            BankError: there is no such bank.
        """
        self.bank(bank)
        rows = self._read(
            "SELECT entry, kind, value FROM hash WHERE bank = ? ORDER BY entry, kind, value",
            (bank,),
        )
        current: Entry | None = None
        for number, kind, value in rows:
            if current is None or current.id != number:
                current = self.entry(number)
            yield current, HashKind(kind), value

    def counts(self, bank: str) -> dict[str, int]:
        """Entries, expired entries, and hashes of each kind in a bank."""
        now = datetime.now(UTC).timestamp()
        [(entries, expired)] = self._read(
            "SELECT count(*), coalesce(sum(expires_at <= ?), 0) FROM entry WHERE bank = ?",
            (now, bank),
        )
        kinds = self._read("SELECT kind, count(*) FROM hash WHERE bank = ? GROUP BY kind", (bank,))
        return {
            "entries": entries,
            "expired": expired,
            **{k.value: 0 for k in HashKind},
            **dict(kinds),
        }

    def version(self) -> int:
        """Grows whenever any process writes; cheap enough to ask before every lookup."""
        rows = self._read("SELECT number FROM generation")
        return int(rows[0][0]) if rows else 0

    def _connection(self) -> sqlite3.Connection:
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            return existing
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise BankError(f"the banks in {self.path} cannot be opened: {error}") from error
        self._local.connection = connection
        return connection

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with closing(self._connection().execute(query, values)) as cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise BankError(f"the banks in {self.path} cannot be written: {error}") from error
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("UPDATE generation SET number = number + 1")
        connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, bank: str, entry: NewEntry) -> bool:
    for kind, values in entry.hashes.items():
        for value in values:
            if len(value) != kind.length:
                raise BankError(
                    f"{entry.reference or 'entry'}: a {kind} hash has {kind.length} bytes, "
                    f"this has {len(value)}"
                )
    hashes = [(kind.value, value) for kind, values in entry.hashes.items() for value in values]
    known = "SELECT 1 FROM hash WHERE bank = ? AND kind = ? AND value = ?"
    new = [pair for pair in hashes if not connection.execute(known, (bank, *pair)).fetchone()]
    if not new:
        return False
    expires = None if entry.expires_at is None else entry.expires_at.timestamp()
    number = connection.execute(
        "INSERT INTO entry (bank, source, reference, note, added_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (bank, entry.source, entry.reference, entry.note, _now(), expires),
    ).lastrowid
    connection.executemany(
        "INSERT OR IGNORE INTO hash VALUES (?, ?, ?, ?)",
        [(bank, kind, value, number) for kind, value in new],
    )
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
