"""Bringing the tables of a database up to this version, with Alembic, at open."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from moderation.records.errors import DatabaseTooNew

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"

#: Any number, so that two processes that open a fresh PostgreSQL database take turns.
_ADVISORY_LOCK = 4_017_219


def migrate(engine: Engine, writing: Engine) -> bool:
    """Run what is missing, in one transaction; True if anything was."""
    with engine.connect() as connection:
        if _version(connection) == newest_version():
            return False
    with writing.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        else:
            connection.begin()
        # Another process may have been faster while this one waited for its turn.
        found = _version(connection)
        if found == newest_version():
            return False
        _refuse_newer(found, str(connection.engine.url.database))
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        connection.commit()
    return True


@cache
def newest_version() -> str:
    """The revision that this version of the workbench needs."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations in {_MIGRATIONS}")
    return head


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(found: str | None, name: str) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseTooNew(
            f"the database {name} has version {found}, which this workbench does not know; "
            "it was written by a newer one: update the workbench, or open a copy from before"
        )


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_configuration())


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return configuration
