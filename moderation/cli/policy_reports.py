"""What the commands of `moderation policy` share: options, the database, a table of problems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.policy.problems import PackProblem
from moderation.settings import Settings

if TYPE_CHECKING:
    from moderation.records import Database

Folder = Annotated[
    Path | None, typer.Argument(help="Folder of packs; default: MODERATION_POLICIES_DIR.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", help="SQLAlchemy URL; default: MODERATION_DATABASE_URL."),
]


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
