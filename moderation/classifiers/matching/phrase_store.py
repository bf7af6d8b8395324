"""Where phrases are kept: a SQLite file of their own beside the database, as banks of images are.

Nothing is lost: a phrase that is removed or expired stays in the file with its provenance.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moderation.classifiers.matching.phrases import NewPhrase, Phrase, PhraseError, folded
from moderation.settings import Settings

FILE_NAME = "phrases.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS phrase (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    folded TEXT NOT NULL,
    category TEXT NOT NULL,
    source TEXT NOT NULL,
    language TEXT NOT NULL,
    strength REAL NOT NULL,
    anywhere INTEGER NOT NULL,
    note TEXT NOT NULL,
    expires_at REAL,
    added_by TEXT NOT NULL,
    added_at TEXT NOT NULL,
    removed_by TEXT NOT NULL DEFAULT '',
    removed_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS phrase_once
    ON phrase (folded, category, language) WHERE removed_at IS NULL;
"""
_COLUMNS = (
    "id, text, category, source, language, strength, anywhere, note, expires_at, added_by, "
    "added_at, removed_by, removed_at"
)


class PhraseStore:
    """The phrases of one file. Safe to use from threads and processes.

    Args:
        path: the SQLite file; it is created with its folder when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_settings(cls, settings: Settings) -> PhraseStore:
        """The phrases in the data folder."""
        return cls(settings.data_dir / FILE_NAME)

    def add(self, phrases: Iterable[NewPhrase], added_by: str) -> int:
        """Keep phrases, all or none; what is there already (same form, category and language) is
        passed over, unless it has expired: then the new one takes its place.

        Returns:
            How many were new.
        """
        now = datetime.now(UTC)
        added = 0
        with self._writing() as connection:
            connection.execute(
                "UPDATE phrase SET removed_at = ?, removed_by = 'expiry' "
                "WHERE removed_at IS NULL AND expires_at <= ?",
                (_text(now), now.timestamp()),
            )
            for new in phrases:
                expires = None if new.expires_at is None else new.expires_at.timestamp()
                added += connection.execute(
                    "INSERT OR IGNORE INTO phrase (text, folded, category, source, language, "
                    "strength, anywhere, note, expires_at, added_by, added_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        new.text,
                        folded(new.text).text,
                        new.category,
                        new.source,
                        new.language,
                        new.strength,
                        new.anywhere,
                        new.note,
                        expires,
                        added_by,
                        _text(now),
                    ),
                ).rowcount
        return added

    def remove(self, number: int, removed_by: str) -> None:
        """Take a phrase out of use; who and when is kept.

        Raises:
            PhraseError: there is none with that number, or it is out of use already.
        """
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE phrase SET removed_at = ?, removed_by = ? "
                "WHERE id = ? AND removed_at IS NULL",
                (_text(datetime.now(UTC)), removed_by, number),
            ).rowcount
            if not changed:
                raise PhraseError(
                    f"there is no phrase {number} in use; see: moderation phrases list"
                )

    def restore(self, number: int) -> None:
        """Take a removed phrase into use again.

        Raises:
            PhraseError: there is none with that number out of use, it has expired since, or the
                same phrase is in use already.
        """
        with self._writing() as connection:
            row = connection.execute(
                "SELECT expires_at FROM phrase WHERE id = ? AND removed_at IS NOT NULL", (number,)
            ).fetchone()
            if row is None:
                raise PhraseError(f"there is no phrase {number} that was taken out of use")
            if row[0] is not None and row[0] <= datetime.now(UTC).timestamp():
                raise PhraseError(f"phrase {number} has expired; add it anew with another date")
            try:
                connection.execute(
                    "UPDATE phrase SET removed_at = NULL, removed_by = '' WHERE id = ?", (number,)
                )
            except sqlite3.IntegrityError:
                raise PhraseError(
                    f"phrase {number} is in use already, under another number"
                ) from None

    def expire(self, number: int, expires_at: datetime | None) -> None:
        """Say until when a phrase in use counts; None is for ever.

        Raises:
            PhraseError: there is none with that number in use.
        """
        until = None if expires_at is None else expires_at.timestamp()
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE phrase SET expires_at = ? WHERE id = ? AND removed_at IS NULL",
                (until, number),
            ).rowcount
            if not changed:
                raise PhraseError(
                    f"there is no phrase {number} in use; see: moderation phrases list"
                )

    def all_phrases(self) -> list[Phrase]:
        """All phrases there ever were, removed ones too, in the order they came in."""
        return [_phrase(row) for row in self._read(f"SELECT {_COLUMNS} FROM phrase ORDER BY id")]  # noqa: S608

    def phrases(self) -> list[Phrase]:
        """All phrases in use, expired ones too, in the order they came in."""
        rows = self._read(f"SELECT {_COLUMNS} FROM phrase WHERE removed_at IS NULL ORDER BY id")  # noqa: S608
        return [_phrase(row) for row in rows]

    def version(self) -> tuple[int, int]:
        """Changes whenever any process writes; cheap enough to ask before every batch."""
        rows = self._read(
            "SELECT user_version, (SELECT coalesce(max(id), 0) FROM phrase) "
            "FROM pragma_user_version"
        )
        return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise PhraseError(f"the phrases in {self.path} cannot be opened: {error}") from error
        return connection

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with closing(self._open()) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
            return rows

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._open()) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise PhraseError(
                    f"the phrases in {self.path} cannot be written: {error}"
                ) from error
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            (changes,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {(int(changes) + 1) % 2**31}")
            connection.execute("COMMIT")


def _phrase(row: tuple[Any, ...]) -> Phrase:
    number, text, category, source, language, strength, anywhere, note, expires = row[:9]
    by, at, removed_by, removed_at = row[9:]
    return Phrase(
        id=number,
        phrase=NewPhrase(
            text=text,
            category=category,
            source=source,
            language=language,
            strength=strength,
            anywhere=bool(anywhere),
            note=note,
            expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        ),
        added_by=by,
        added_at=datetime.fromisoformat(at),
        removed_by=removed_by,
        removed_at=None if removed_at is None else datetime.fromisoformat(removed_at),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
