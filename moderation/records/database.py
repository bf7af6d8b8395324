"""The database: SQLite (WAL) on a laptop, PostgreSQL when one machine is not enough.

Both are used through the same two verbs, `read()` and `write()`. A write is one transaction that
no other write overlaps on SQLite (`BEGIN IMMEDIATE`) and that holds row locks on PostgreSQL.
"""

from __future__ import annotations

import json
import re
import selectors
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InvalidatePoolError,
    NoSuchModuleError,
    OperationalError,
)
from sqlmodel import Session

from moderation.errors import ModerationError
from moderation.records import schema
from moderation.records.errors import DatabaseUnavailable, WritersCollided
from moderation.records.media import MediaStore
from moderation.settings import Settings

#: How long a SQLite writer waits for another process's transaction, in seconds.
BUSY_SECONDS = 30.0

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
        self._opened = {
            (durable, one_plan): _opened_with(self._writing, durable, one_plan)
            for durable in (True, False)
            for one_plan in (True, False)
        }

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @property
    def name(self) -> str:
        """The file of a SQLite database, the URL without password of any other."""
        return _name(self.engine.url)

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
    def write(self, *, durable: bool = True, one_plan: bool = False) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back if it raises.

        Args:
            durable: wait until the disk has it. False only for what may be lost when the plug is
                pulled, such as the renewal of a lease.
            one_plan: PostgreSQL plans each statement once per connection, whatever its values; for
                statements whose planning takes longer than running them.

        Raises:
            DatabaseUnavailable: the database cannot be reached or written, or its disk is full.
        """
        if self.is_sqlite:
            with self._turn, self._transaction(durable, one_plan) as session:
                yield session
        else:
            with self._transaction(durable, one_plan) as session:
                yield session

    @contextmanager
    def _transaction(self, durable: bool, one_plan: bool) -> Iterator[Session]:
        with self._translated(), self._connect(durable, one_plan) as connection:
            # Objects stay readable after the commit: a caller may keep what it has written.
            session = Session(connection, expire_on_commit=False)
            try:
                yield session
                session.flush()
                connection.commit()
            finally:
                session.close()

    def _connect(self, durable: bool, one_plan: bool) -> Connection:
        if not self.is_sqlite:
            return self._opened[durable, one_plan].connect()
        connection = self._writing.connect()
        raw = connection.connection.dbapi_connection
        if raw is not None and not connection.in_transaction():
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return connection

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
            trouble = _trouble(error, self.engine.url)
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
    parsed = _parse(url or settings.effective_database_url)
    if parsed.get_backend_name() == "sqlite":
        file = _sqlite_file(parsed)
        media = MediaStore(media_dir or file.parent / "media")
        engine = _sqlite_engine(parsed)
    else:
        media = MediaStore(media_dir or settings.data_dir / "media")
        engine = _postgresql_engine(parsed)
    database = Database(engine, media, clock=clock)
    if migrate:
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
    return database


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnavailable(
            "the database URL cannot be read; write sqlite:///folder/file.sqlite or "
            "postgresql://user:password@host/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise DatabaseUnavailable(
            f"the database URL asks for {backend}; the workbench runs on sqlite and postgresql"
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _sqlite_file(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise DatabaseUnavailable(
            "an in-memory SQLite database would lose every decision; "
            "name a file: sqlite:///folder/file.sqlite"
        )
    file = Path(url.database.removeprefix("file:"))  # SQLite's own URIs: file:…?mode=ro&uri=true
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"the folder of the database {file} cannot be made: {error.strerror}"
        ) from None
    return file


def _json(value: Any) -> str:
    # Most lists and objects of a fresh job are empty, and the encoder is slow to say so.
    if not value and type(value) in (list, dict):
        return "[]" if type(value) is list else "{}"
    return json.dumps(value)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=8,
        max_overflow=72,
        pool_timeout=BUSY_SECONDS,
        # The connection used last has its pages and its statements at hand.
        pool_use_lifo=True,
        json_serializer=_json,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin our own transactions, see below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA mmap_size = 268435456")
        # Pages (of 4 KiB) after which a commit also tidies the log into the file: rarely enough
        # that not one claim in a hundred waits for it.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("moderation_write", False)
        # IMMEDIATE: a transaction that reads first and writes later cannot be refused half-way.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=16,
            max_overflow=64,
            pool_use_lifo=True,
            json_serializer=_json,
            # Compiling a statement takes longer than running any of ours.
            connect_args={"options": "-c jit=off"},
        )
    except (NoSuchModuleError, ModuleNotFoundError):
        raise DatabaseUnavailable(
            "PostgreSQL needs its driver: install moderation-workbench[postgres]"
        ) from None

    @event.listens_for(engine, "checkout")
    def _refuse_dropped(connection: Any, _record: object, _proxy: object) -> None:
        # Nothing was asked, so what can be read is the server's farewell, or the end.
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            if selector.select(timeout=0):
                raise InvalidatePoolError()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        opening = connection.get_execution_options().get("moderation_opening")
        if opening is not None:
            connection.exec_driver_sql(opening)

    return engine


def _opened_with(engine: Engine, durable: bool, one_plan: bool) -> Engine:
    """The engine whose transactions begin with these settings, in one round trip."""
    settings = [
        f"SET LOCAL {setting}"
        for setting, used in (
            ("synchronous_commit = off", not durable),
            ("plan_cache_mode = force_generic_plan", one_plan),
        )
        if used
    ]
    if not settings:
        return engine
    # The driver would send its own BEGIN, apart from ours.
    opening = "; ".join(["BEGIN", *settings])
    return engine.execution_options(isolation_level="AUTOCOMMIT", moderation_opening=opening)


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


_SQLITE_TROUBLE = (
    ("readonly", "is read-only; make the file and its folder writable for this user"),
    ("unable to open", "cannot be opened; check that its folder exists and is writable"),
    ("disk is full", "cannot grow: the disk is full; nothing of this change was stored"),
    ("disk i/o", "cannot be read or written: the disk reports an error; nothing was stored"),
    ("not a database", "is not a SQLite database; name another file"),
    ("malformed", "is damaged; restore it from a backup"),
    ("locked", f"was busy for more than {BUSY_SECONDS:.0f} s; another process holds it"),
)


#: PostgreSQL's codes for a deadlock and a serialisation failure.
_COLLISIONS = {"40P01", "40001"}


def _trouble(error: DBAPIError, url: URL) -> ModerationError | None:
    """Our error for what the user can mend; None for a fault of our own."""
    message = str(error.orig).lower()
    if url.get_backend_name() == "sqlite":
        for sign, advice in _SQLITE_TROUBLE:
            if sign in message:
                return DatabaseUnavailable(f"the database {_name(url)} {advice}")
        return None
    if getattr(error.orig, "sqlstate", None) in _COLLISIONS:
        return WritersCollided(
            "another writer changed the same records; nothing was stored, try again"
        )
    if error.connection_invalidated or isinstance(error, OperationalError):
        first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        return DatabaseUnavailable(f"the database {_name(url)} cannot be used: {first}")
    return None


def columns(row: Any) -> dict[str, Any]:
    """A table object as a plain dictionary of its columns, for a bulk insert."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def driver_sql(dialect: str, sql: str) -> str:
    """A statement with `:name` parameters in the words of the driver, for `exec_driver_sql`:
    for statements that run so often that composing them anew would show."""
    return sql if dialect == "sqlite" else re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)
