"""What the commands of `moderation policy` share: options, the database, a table of problems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.errors import ModerationError
from moderation.policy.problems import PackProblem
from moderation.settings import Settings

if TYPE_CHECKING:
    from moderation.records import Database

Folder = Annotated[
    Path | None, typer.Argument(help="Folder of packs; default: MODERATION_POLICIES_DIR.")
]


class BadMoment(ModerationError):
    """A moment that is neither a date nor a number of days."""


def moment(given: str, option: str) -> float:
    """Seconds since 1970 of a date, a date with time (UTC unless it says otherwise), or `30d`, so
    many days ago.

    Raises:
        BadMoment: it is none of these.
    """
    days = re.fullmatch(r"(\d{1,5})d", given)
    if days:
        return (datetime.now(UTC) - timedelta(days=int(days[1]))).timestamp()
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise BadMoment(
            f"{option} {given!r}: give a date such as 2026-10-01 or 2026-10-01T18:00, or 30d for "
            "30 days ago"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


@contextmanager
def existing_database(url: str | None) -> Iterator[Database | None]:
    """The database if there is one already; None where a folder of packs is all there is."""
    url = url or Settings().effective_database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield None
        return
    # The records take half a second to import; checking packs must not wait for them.
    from moderation.records import open_database

    with open_database(url) as opened:
        yield opened


def print_problems(console: Console, problems: tuple[PackProblem, ...]) -> None:
    """Problems as a table and the count as a sentence."""
    if problems:
        table = Table("where", "rule", "field", "code", "what, and what to do", expand=False)
        for problem in problems:
            place = f"{problem.file}:{problem.line}" if problem.line else problem.file
            code = problem.code or ("note" if problem.warning else "form")
            table.add_row(*map(escape, (place, problem.rule, problem.field, code, problem.message)))
        console.print(table)
    errors = sum(not problem.warning for problem in problems)
    warnings = len(problems) - errors
    console.print(f"{errors} errors, {warnings} warnings.", highlight=False)
