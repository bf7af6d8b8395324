"""People sign in, and only as themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from moderation.cli import reviewers as command
from moderation.errors import UnknownCategory
from moderation.records import (
    Database,
    NotFound,
    ReviewerRefused,
    audit,
    authenticate,
    change_reviewer,
    create_reviewer,
    get_reviewer,
    list_reviewers,
    open_database,
)


@pytest.fixture
def database(sqlite_database: str) -> Iterator[Database]:
    with open_database(sqlite_database) as opened:
        yield opened


def test_the_right_password_signs_in_and_no_other(database: Database) -> None:
    create_reviewer(database, "lin", password="correct horse", languages=["zh-Hans", "en"])
    reviewer = authenticate(database, "lin", "correct horse")
    assert reviewer is not None
    assert reviewer.languages == ["zh", "en"]
    assert authenticate(database, "lin", "correct horsf") is None
    assert authenticate(database, "nobody", "correct horse") is None


def test_a_disabled_person_and_one_without_password_cannot_sign_in(database: Database) -> None:
    create_reviewer(database, "lin", password="correct horse")
    change_reviewer(database, "lin", disabled=True)
    create_reviewer(database, "service")
    assert authenticate(database, "lin", "correct horse") is None
    assert authenticate(database, "service", "") is None
    assert authenticate(database, "service", "nobody has this password") is None
    assert [person.id for person in list_reviewers(database)] == ["service"]


def test_a_password_is_stored_as_argon2id_only(database: Database) -> None:
    create_reviewer(database, "lin", password="correct horse")
    stored = get_reviewer(database, "lin").password_hash
    assert stored.startswith("$argon2id$")
    with database.read() as session:
        log = session.execute(text("SELECT detail FROM audit_entries")).scalars().all()
    assert "horse" not in repr(log)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"password": "short"}, "at least 10"),
        ({"languages": ["Klingonisch"]}, "no language code"),
        ({"roles": ["wizard"]}, "the roles are"),
    ],
)
def test_what_is_wrong_is_said(
    database: Database, given: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ReviewerRefused, match=complaint):
        create_reviewer(database, "lin", **given)  # type: ignore[arg-type]


def test_names_are_unique_and_plain(database: Database) -> None:
    create_reviewer(database, "lin")
    with pytest.raises(ReviewerRefused, match="already"):
        create_reviewer(database, "lin")
    with pytest.raises(ReviewerRefused, match="small letters"):
        create_reviewer(database, "Lin; DROP TABLE")
    with pytest.raises(NotFound, match="moderation reviewers list"):
        change_reviewer(database, "ana", languages=["en"])


def test_opt_outs_are_nobodys_business(database: Database) -> None:
    create_reviewer(database, "lin")
    change_reviewer(database, "lin", opt_outs=["self_harm"])
    assert get_reviewer(database, "lin").opt_outs == ["self_harm"]
    assert len(audit.history(database, "reviewer:lin")) == 1
    with pytest.raises(UnknownCategory):
        change_reviewer(database, "lin", opt_outs=["mondays"])


def test_the_command_creates_changes_and_lists(sqlite_database: str, tmp_path: Path) -> None:
    runner = CliRunner()

    def run(*arguments: str, typed: str | None = None) -> str:
        done = runner.invoke(command.app, [*arguments, "--database", sqlite_database], input=typed)
        assert done.exit_code == 0, done.output
        return done.output

    run(
        "create",
        "lin",
        "--languages",
        "zh,en",
        "--roles",
        "reviewer,senior",
        "--password-stdin",
        typed="correct horse\n",
    )
    run("set", "lin", "--seniority", "2", "--password-stdin", typed="battery staple\n")
    listed = run("list")
    assert "zh, en" in listed
    with open_database(sqlite_database) as database:
        assert authenticate(database, "lin", "battery staple") is not None
        assert get_reviewer(database, "lin").seniority == 2


def test_surfaces_and_regions_are_set_and_lifted_at_the_command_line(sqlite_database: str) -> None:
    def run(*words: str) -> str:
        told = CliRunner().invoke(
            command.app, [*words, "--database", sqlite_database], env={"COLUMNS": "200"}
        )
        assert told.exit_code == 0, told.output
        return told.output

    run("create", "lin", "--no-password", "--surfaces", "live_chat", "--regions", "DE,FR")
    assert "live_chat" in run("list")
    with open_database(sqlite_database) as database:
        lin = get_reviewer(database, "lin")
        assert (lin.surfaces, lin.regions) == (["live_chat"], ["DE", "FR"])
    run("set", "lin", "--surfaces", "")
    with open_database(sqlite_database) as database:
        lin = get_reviewer(database, "lin")
        assert (lin.surfaces, lin.regions) == ([], ["DE", "FR"])
