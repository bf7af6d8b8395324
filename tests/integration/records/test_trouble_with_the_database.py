"""A database that cannot be used is named, and nothing is half done."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from moderation.items import Item
from moderation.queue import record_screening
from moderation.records import (
    Database,
    DatabaseTooNew,
    DatabaseUnavailable,
    create_reviewer,
    engines,
    list_reviewers,
    open_database,
)
from moderation.records.errors import ReviewerRefused
from moderation.screening import Screening
from moderation.signals import Assessment

#: Runs as a user without rights, because the super-user may write to read-only files.
_AS_NOBODY = """
import os, sys
from moderation.records import DatabaseUnavailable, create_reviewer, open_database
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    database = open_database(sys.argv[1])
    create_reviewer(database, "lin")
except DatabaseUnavailable as error:
    print(error)
"""

#: Writes nothing and lets nobody else write, until it is told that it is enough.
_HOLDING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""

#: Files may not grow beyond the limit: what a full disk looks like to the database.
_ON_A_FULL_DISK = """
import resource, sys
from moderation.records import DatabaseUnavailable, audit, create_reviewer, list_reviewers
from moderation.records import open_database
database = open_database(sys.argv[1])
for number in range(20):
    create_reviewer(database, f"before-{number}")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written = 20
try:
    for number in range(2000):
        create_reviewer(database, f"after-{number}", display_name="x" * 2000)
        written += 1
except DatabaseUnavailable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
database.close()
database = open_database(sys.argv[1])
assert len(list_reviewers(database)) == written, (len(list_reviewers(database)), written)
create_reviewer(database, "there-is-room-again")
print("audit", audit.verify(database).entries == written + 1)
"""


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_read_only_file_is_named(migrated_sqlite: Path, tmp_path: Path) -> None:
    # Not in tmp_path: its parents are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "moderation.sqlite"
        file.write_bytes(migrated_sqlite.read_bytes())
        file.chmod(0o444)
        folder.chmod(0o555)
        said = _run(_AS_NOBODY, f"sqlite:///{file}")
        folder.chmod(0o755)
    assert str(file) in said
    assert "writable" in said


def test_a_full_disk_is_said_and_loses_nothing(sqlite_database: str, tmp_path: Path) -> None:
    size = (tmp_path / "moderation.sqlite").stat().st_size
    said = _run(_ON_A_FULL_DISK, sqlite_database, str(size + 200_000))
    assert "moderation.sqlite" in said
    assert "disk" in said
    assert "audit True" in said


def test_a_full_disk_under_postgresql_is_said_and_loses_nothing(
    postgres_database: str, tmp_path: Path, small_disk: Path
) -> None:
    with open_database(postgres_database, media_dir=tmp_path) as database:
        _move_items(database, small_disk)
        stored = 0
        with pytest.raises(DatabaseUnavailable, match=r"disk .* is full; nothing"):
            for stored in range(400):
                _screen_long_text(database, stored)
        assert _counted(database) == (stored, stored)
        _run_as_root("mount", "-o", "remount,size=64m", str(small_disk))
        _screen_long_text(database, stored)
        assert _counted(database) == (stored + 1, stored + 1)
        _move_items(database, None)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own of 4 MB that everybody may write to."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    try:
        _run_as_root("mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        _run_as_root("umount", "--lazy", str(folder))
        folder.rmdir()


def _run_as_root(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _move_items(database: Database, folder: Path | None) -> None:
    """Put the table of items on another disk; None: back where everything is."""
    with database.engine.connect() as connection:
        own = connection.execution_options(isolation_level="AUTOCOMMIT")
        if folder is None:
            own.execute(text("ALTER TABLE items SET TABLESPACE pg_default"))
            own.execute(text("DROP TABLESPACE small"))
            return
        server = Path(own.execute(text("SHOW data_directory")).scalar_one())
        os.chown(folder, server.stat().st_uid, -1)
        folder.chmod(0o700)
        own.execute(text(f"CREATE TABLESPACE small LOCATION '{folder}'"))
        own.execute(text("ALTER TABLE items SET TABLESPACE small"))


def _screen_long_text(database: Database, number: int) -> None:
    noise = random.Random(number).randbytes(15_000).hex()  # nothing that could be packed
    item = Item.from_row({"id": f"post-{number}", "text": noise, "report": {"kind": "insult"}})
    assessment = Assessment(item_id=item.id, scores={"toxicity": 0.7}, language="en")
    record_screening(database, item, Screening(item, assessment, {}))


def _counted(database: Database) -> tuple[int, int]:
    with database.read() as session:
        items = session.execute(text("SELECT count(*) FROM items")).scalar_one()
        return items, session.execute(text("SELECT count(*) FROM jobs")).scalar_one()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatabaseUnavailable, match=r"file/moderation\.sqlite"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'moderation.sqlite'}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(DatabaseUnavailable, match=r"holiday\.jpg is not a SQLite database"):
        open_database(f"sqlite:///{file}")


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite://", "in-memory"),
        ("mysql://host/name", "sqlite and postgresql"),
        ("nonsense", "cannot be read"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be used"),
    ],
)
def test_a_wrong_url_says_what_to_write(url: str, advice: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=advice):
        open_database(url)


def test_a_password_is_never_part_of_a_message() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database("postgresql://lin:se-cr3t@127.0.0.1:1/none")
    assert "se-cr3t" not in str(caught.value)


def test_tables_of_a_newer_version_are_refused(sqlite_database: str) -> None:
    with open_database(sqlite_database) as database, database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="9999"):
        open_database(sqlite_database)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("pg", marks=pytest.mark.postgres)])
def test_the_migrations_make_exactly_the_declared_tables(
    kind: str, request: pytest.FixtureRequest
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    from moderation.records import conversations  # noqa: F401 - declares its tables

    fixture = "sqlite_database" if kind == "sqlite" else "postgres_database"
    with (
        open_database(request.getfixturevalue(fixture)) as database,
        database.engine.connect() as connection,
    ):
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_many_processes_open_a_fresh_database_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from moderation.records import open_database; "
        "print(open_database(sys.argv[1]).migrate())"
    )
    url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
    running = [
        subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["False"] * 3


def test_a_file_held_by_another_process_is_said_and_free_again_later(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.2)  # a real wait, only a shorter one
    with (
        open_database(sqlite_database) as database,
        subprocess.Popen(
            [sys.executable, "-c", _HOLDING, sqlite_database.removeprefix("sqlite:///")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatabaseUnavailable, match="another process holds it"):
            create_reviewer(database, "lin")
        assert list_reviewers(database) == []
        holder.communicate("enough\n")
        create_reviewer(database, "lin")
        assert [reviewer.id for reviewer in list_reviewers(database)] == ["lin"]


def test_a_write_that_fails_leaves_nothing_behind(sqlite_database: str) -> None:
    with open_database(sqlite_database) as database:
        with pytest.raises(ReviewerRefused):
            create_reviewer(database, "lin", roles=["wizard"])
        _interrupted_write(database)
        assert list_reviewers(database) == []


def _interrupted_write(database: Database) -> None:
    from moderation.records import Reviewer

    def half_way() -> None:
        with database.write() as session:
            session.add(Reviewer(id="half", joined_at=0.0))
            session.flush()
            raise KeyError("something of ours breaks")

    with pytest.raises(KeyError):
        half_way()
