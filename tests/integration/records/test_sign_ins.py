"""Failed sign-ins lock a name, in every process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.records import Database, open_database, sign_ins
from moderation.records.sign_ins import (
    ALLOWED_FAILURES,
    LONGEST_LOCK_SECONDS,
    locked_for,
    note_failure,
    note_success,
)


class _Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = request.getfixturevalue(
        "sqlite_database" if request.param == "sqlite" else "postgres_database"
    )
    with open_database(url, media_dir=tmp_path / "media", clock=_Clock()) as opened:
        yield opened


def _fail(database: Database, times: int) -> float:
    for _ in range(times):
        note_failure(database, "lin")
    return locked_for(database, "lin")


def test_a_few_failures_lock_nothing(database: Database) -> None:
    assert _fail(database, ALLOWED_FAILURES - 1) == 0


def test_each_failure_beyond_doubles_the_wait_up_to_an_hour(database: Database) -> None:
    waits = [_fail(database, times) for times in (ALLOWED_FAILURES, 1, 1, 17)]
    assert waits == [30, 60, 120, LONGEST_LOCK_SECONDS]


def test_another_process_knows_the_lock_and_it_ends_by_itself(
    sqlite_database: str, tmp_path: Path
) -> None:
    clock = _Clock()
    with (
        open_database(sqlite_database, media_dir=tmp_path, clock=clock) as one,
        open_database(sqlite_database, media_dir=tmp_path, clock=clock) as other,
    ):
        _fail(one, ALLOWED_FAILURES)
        assert locked_for(other, " LIN ") == 30
        assert locked_for(other, "mara") == 0
        clock.now += 31
        assert locked_for(other, "lin") == 0


def test_signing_in_forgets_earlier_mistakes(database: Database) -> None:
    _fail(database, ALLOWED_FAILURES)
    note_success(database, "lin")
    assert _fail(database, 1) == 0


def test_invented_names_cannot_fill_the_database(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "REMEMBERED_NAMES", 5)
    with open_database(sqlite_database, media_dir=tmp_path) as database:
        for number in range(9):
            note_failure(database, f"name-{number}")
        with database.read() as session:
            assert (
                len(session.connection().exec_driver_sql("SELECT * FROM failed_sign_ins").all())
                == 5
            )
