"""An edited, dropped or reordered entry is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from moderation.cli import audit as audit_command
from moderation.records import AuditBroken, Database, audit, open_database


@pytest.fixture
def database(sqlite_database: str, tmp_path: Path) -> Iterator[Database]:
    with open_database(sqlite_database) as opened:
        yield opened


def _write(database: Database, count: int = 6) -> None:
    for number in range(count):
        with database.write() as session:
            audit.append(
                session,
                at=1_700_000_000.25 + number,
                actor="lin",
                action="decided",
                subject=f"decision:{number}",
                detail={"action": "allow", "share": 0.1, "who": "李"},
            )


def _tamper(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(text(statement))


def test_an_untouched_chain_is_whole(database: Database) -> None:
    _write(database)
    report = audit.verify(database)
    assert report.entries == 6
    assert report.head == audit.head(database).head


def test_an_empty_log_is_whole(database: Database) -> None:
    assert audit.verify(database).entries == 0


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_entries SET actor = 'ana' WHERE number = 3", "entry 3 .* was edited"),
        ("UPDATE audit_entries SET at = at + 1 WHERE number = 3", "entry 3 .* was edited"),
        ("UPDATE audit_entries SET detail = '{}' WHERE number = 6", "entry 6 .* was edited"),
        ("DELETE FROM audit_entries WHERE number = 4", "entry 4 is missing"),
        ("DELETE FROM audit_entries WHERE number >= 5", "ends at entry 4, but 6 were written"),
        (
            (
                "UPDATE audit_entries SET number = CASE number WHEN 2 THEN -3 ELSE -2 END "
                "WHERE number IN (2, 3); UPDATE audit_entries SET number = -number WHERE number < 0"
            ),
            "entry 2 does not follow entry 1",
        ),
        (
            (
                "DELETE FROM audit_entries WHERE number = 2; "
                "UPDATE audit_entries SET number = number - 1 WHERE number > 2"
            ),
            "entry 2 does not follow entry 1",
        ),
    ],
    ids=["edited", "backdated", "emptied", "dropped", "cut off", "reordered", "closed the gap"],
)
def test_tampering_is_found(database: Database, statement: str, found: str) -> None:
    _write(database)
    for part in statement.split(";"):
        _tamper(database, part)
    with pytest.raises(AuditBroken, match=found):
        audit.verify(database)


def test_a_chain_that_was_rewritten_as_a_whole_lacks_the_anchor(database: Database) -> None:
    _write(database)
    anchor = audit.head(database).head
    assert audit.verify(database, anchor=anchor).entries == 6
    _tamper(database, "DELETE FROM audit_entries")
    _tamper(database, "DELETE FROM audit_head")
    _write(database, 5)
    # By itself the new chain is whole; only what was noted elsewhere gives it away.
    assert audit.verify(database).entries == 5
    with pytest.raises(AuditBroken, match="anchor"):
        audit.verify(database, anchor=anchor)


def test_the_command_verifies_and_shows(database: Database) -> None:
    _write(database)
    runner = CliRunner()
    url = database.engine.url.render_as_string()
    verified = runner.invoke(audit_command.app, ["verify", "--database", url])
    assert verified.exit_code == 0
    assert "6 audit entries, the chain is whole" in verified.output
    shown = runner.invoke(audit_command.app, ["show", "decision:2", "--database", url])
    assert "lin" in shown.output
    _tamper(database, "UPDATE audit_entries SET actor = 'ana' WHERE number = 3")
    broken = runner.invoke(audit_command.app, ["verify", "--database", url])
    assert isinstance(broken.exception, AuditBroken)
