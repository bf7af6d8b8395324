"""The database: SQLite (WAL) on a laptop, PostgreSQL when one machine is not enough.

Both are used through the same two verbs, `read()` and `write()`. A write is one transaction that
no other write overlaps on SQLite (`BEGIN IMMEDIATE`) and that holds row locks on PostgreSQL.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from moderation.records import schema
from moderation.records.engines import (
    name_of,
    not_waiting_for_the_disk,
    parse_url,
    postgresql_engine,
    sqlite_engine,
    sqlite_file,
    trouble_of,
)
from moderation.records.media import MediaStore
from moderation.settings import Settings

Clock = Callable[[], float]


class Database:
    """An open database and the media store beside it. Safe to share between threads; a new
    process opens its own."""

    def __init__(self, engine: Engine, media: MediaStore, *, clock: Clock | None = None) -> None:
        self.engine = engine
        self.media = media
        self._clock = clock
        # Threads of one process queue here, in order, instead of polling SQLite's file lock.
        self._turn = threading.Lock()
        self._writing = engine.execution_options(moderation_write=True)
        self._not_waiting = not_waiting_for_the_disk(self._writing)
        self._brief = None if self.is_sqlite else postgresql_engine(engine.url, brief=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @property
    def name(self) -> str:
        """The file of a SQLite database, the URL without password of any other."""
        return name_of(self.engine.url)

    def own_clock(self) -> float | None:
        """Seconds since 1970; None where the server's clock counts (PostgreSQL)."""
        if self._clock is not None:
            return self._clock()
        return time.time() if self.is_sqlite else None

    def now(self, session: Session | None = None) -> float:
        """Seconds since 1970. On PostgreSQL the server's clock, so that machines agree."""
        own_clock = self.own_clock()
        if own_clock is not None:
            return own_clock
        statement = text("SELECT extract(epoch FROM clock_timestamp())::float8")
        if session is None:
            with self.read() as own:
                return float(own.execute(statement).scalar_one())
        return float(session.execute(statement).scalar_one())

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing.

        Raises:
            DatabaseUnavailable: the database cannot be reached or read.
        """
        with self._translated(), self.engine.connect() as connection:
            session = Session(connection, expire_on_commit=False)
            try:
                yield session
            finally:
                session.close()

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back if it raises.

        Args:
            durable: wait until the disk has it. False only for what may be lost when the plug is
                pulled, such as the renewal of a lease.

        Raises:
            DatabaseUnavailable: the database cannot be reached or written, or its disk is full.
        """
        with self._own_turn(), self._transaction(partial(self._connect, durable)) as session:
            yield session

    @contextmanager
    def write_briefly(self) -> Iterator[Session]:
        """Like `write(durable=False)`, for blocks of one or two statements that run often: on
        PostgreSQL each is a transaction of its own, which saves the way there and back for the
        beginning and the end, until `together` is called.

        Raises:
            DatabaseUnavailable: as `write`.
        """
        with self._own_turn(), self._transaction(self._connect_briefly) as session:
            yield session

    def together(self, session: Session) -> None:
        """From here to the end of a `write_briefly` all is one transaction; it is already on
        SQLite."""
        if not self.is_sqlite:
            session.connection().exec_driver_sql("BEGIN")

    def _own_turn(self) -> AbstractContextManager[object]:
        return self._turn if self.is_sqlite else nullcontext()

    @contextmanager
    def _transaction(self, connect: Callable[[], Connection]) -> Iterator[Session]:
        with self._translated(), connect() as connection:
            # Objects stay readable after the commit: a caller may keep what it has written.
            session = Session(connection, expire_on_commit=False)
            try:
                yield session
                session.flush()
                connection.commit()
            finally:
                session.close()

    def _connect(self, durable: bool) -> Connection:
        if not self.is_sqlite:
            return (self._writing if durable else self._not_waiting).connect()
        connection = self._writing.connect()
        raw = connection.connection.dbapi_connection
        if raw is not None and not connection.in_transaction():
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return connection

    def _connect_briefly(self) -> Connection:
        return self._connect(durable=False) if self._brief is None else self._brief.connect()

    def migrate(self) -> bool:
        """Bring the tables to this version of the workbench; True if anything was changed.

        Raises:
            DatabaseTooNew: the tables come from a newer version.
            DatabaseUnavailable: the database is read-only, or cannot be reached.
        """
        with self._translated():
            return schema.migrate(self.engine, self._writing)

    def check_writable(self) -> None:
        """Write something that changes nothing.

        Raises:
            DatabaseUnavailable: nothing can be stored just now; the message says why.
        """
        with self.write(durable=False) as session:
            session.connection().exec_driver_sql(
                "UPDATE alembic_version SET version_num = version_num"
            )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        if self._brief is not None:
            self._brief.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            trouble = trouble_of(error, self.engine.url)
            if trouble is None:
                raise
            raise trouble from error


def open_database(
    url: str | None = None,
    *,
    media_dir: Path | None = None,
    clock: Clock | None = None,
    migrate: bool = True,
) -> Database:
    """Open the database and bring its tables up to date.

    Args:
        url: SQLAlchemy URL: `sqlite:///folder/file.sqlite` or `postgresql://user@host/name`.
            None takes `MODERATION_DATABASE_URL`, or the SQLite file in `MODERATION_DATA_DIR`.
        media_dir: folder of images and videos; by default `media` beside the SQLite file, or in
            `MODERATION_DATA_DIR` for PostgreSQL.
        clock: seconds since 1970; by default the clock of this machine for SQLite and the
            server's for PostgreSQL.
        migrate: False leaves the tables as they are.

    Raises:
        DatabaseUnavailable: wrong URL, missing driver, no such server, read-only or unwritable
            file; the message names the file and says what to do.
        DatabaseTooNew: the tables come from a newer version of the workbench.
    """
    settings = Settings()
    parsed = parse_url(url or settings.effective_database_url)
    if parsed.get_backend_name() == "sqlite":
        file = sqlite_file(parsed)
        media = MediaStore(media_dir or file.parent / "media")
        engine = sqlite_engine(parsed)
    else:
        media = MediaStore(media_dir or settings.data_dir / "media")
        engine = postgresql_engine(parsed)
    database = Database(engine, media, clock=clock)
    if migrate:
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
    return database


def columns(row: Any) -> dict[str, Any]:
    """A table object as a plain dictionary of its columns, for a bulk insert."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def driver_sql(dialect: str, sql: str) -> str:
    """A statement with `:name` parameters in the words of the driver, for `exec_driver_sql`:
    for statements that run so often that composing them anew would show. None may hold a `%`."""
    return sql if dialect == "sqlite" else re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)


def packed(dialect: str, columns: Sequence[str]) -> str:
    """What to select for a row of many columns that is read very often: on PostgreSQL one JSON
    array, because describing thirty columns takes its client longer than the server needs to find
    them. Floats stay exact. `unpacked` undoes it."""
    together = ", ".join(columns)
    return together if dialect == "sqlite" else f"CAST(json_build_array({together}) AS text)"


def unpacked(dialect: str, row: Sequence[Any]) -> Sequence[Any]:
    """The columns that were `packed`."""
    if dialect == "sqlite":
        return row
    columns: list[Any] = json.loads(row[0])
    return columns
