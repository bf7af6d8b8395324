"""Connections to SQLite and PostgreSQL: how each is opened, how its transactions begin, and what
its errors mean to whoever reads them."""

from __future__ import annotations

import json
import selectors
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InvalidatePoolError,
    NoSuchModuleError,
    OperationalError,
)

from moderation.errors import ModerationError
from moderation.records.errors import DatabaseUnavailable, WritersCollided

#: How long a SQLite writer waits for another process's transaction, in seconds.
BUSY_SECONDS = 30.0


def parse_url(url: str) -> URL:
    """The URL, with the driver that we use.

    Raises:
        DatabaseUnavailable: it cannot be read, or names another kind of database.
    """
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


def sqlite_file(url: URL) -> Path:
    """The file of an embedded database; its folder is made.

    Raises:
        DatabaseUnavailable: the URL names no file, or the folder cannot be made.
    """
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


def sqlite_engine(url: URL) -> Engine:
    """Connections in WAL mode; those with the option `moderation_write` lock at once."""
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


#: Compiling a statement takes longer than running any of ours.
_OPTIONS = ("jit=off",)
_BRIEF = ("synchronous_commit=off", "plan_cache_mode=force_generic_plan")


def postgresql_engine(url: URL, *, brief: bool = False) -> Engine:
    """Connections that are looked at, not asked, before they are used again.

    Args:
        brief: for transactions of one statement, which begin and end with it: they do not wait
            for the disk, and a statement is planned once per connection, whatever its values.

    Raises:
        DatabaseUnavailable: the driver is not installed.
    """
    settings = " ".join(f"-c {option}" for option in ((*_OPTIONS, *_BRIEF) if brief else _OPTIONS))
    # Else the first five runs on each connection are planned one by one.
    prepared = {"prepare_threshold": 0} if brief else {}
    try:
        engine = create_engine(
            url,
            pool_size=16,
            # Together less than the hundred that a server allows unless told otherwise.
            max_overflow=48 if brief else 16,
            pool_use_lifo=True,
            json_serializer=_json,
            isolation_level="AUTOCOMMIT" if brief else "READ COMMITTED",
            connect_args={"options": settings, **prepared},
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


def not_waiting_for_the_disk(engine: Engine) -> Engine:
    """The engine whose commits do not wait for the disk, said in one round trip on PostgreSQL;
    SQLite's connections are told one by one."""
    if engine.dialect.name == "sqlite":
        return engine
    # The driver would send its own BEGIN, apart from ours.
    opening = "BEGIN; SET LOCAL synchronous_commit = off"
    return engine.execution_options(isolation_level="AUTOCOMMIT", moderation_opening=opening)


def name_of(url: URL) -> str:
    """The file of a SQLite database, the URL without password of any other."""
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
_DISK_FULL = "53100"


def trouble_of(error: DBAPIError, url: URL) -> ModerationError | None:
    """Our error for what the user can mend; None for a fault of our own."""
    message = str(error.orig).lower()
    if url.get_backend_name() == "sqlite":
        for sign, advice in _SQLITE_TROUBLE:
            if sign in message:
                return DatabaseUnavailable(f"the database {name_of(url)} {advice}")
        return None
    code = getattr(error.orig, "sqlstate", None)
    if code == _DISK_FULL:
        return DatabaseUnavailable(
            f"the disk of the database {name_of(url)} is full; nothing of this change was stored"
        )
    if code in _COLLISIONS:
        return WritersCollided(
            "another writer changed the same records; nothing was stored, try again"
        )
    if error.connection_invalidated or isinstance(error, OperationalError):
        first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        return DatabaseUnavailable(f"the database {name_of(url)} cannot be used: {first}")
    return None
