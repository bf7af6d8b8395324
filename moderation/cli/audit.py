"""`moderation audit`: is the audit log whole, and what does it say about one thing?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.records import audit, open_database

app = typer.Typer(no_args_is_help=True)


@app.command()
def verify(
    database: DatabaseUrl = None,
    anchor: Annotated[
        str | None,
        typer.Option(help="A head that an earlier run printed; it must still be in the log."),
    ] = None,
) -> None:
    """Recompute the hash chain; ends with 2 at the first entry that is not as it was written."""
    with open_database(database, migrate=False) as opened:
        report = audit.verify(opened, anchor=anchor)
    console = Console()
    console.print(f"{report.entries:,} audit entries, the chain is whole.")
    console.print(f"head {report.head}", highlight=False, soft_wrap=True)
    console.print("Note the head elsewhere; `--anchor` later proves that nothing was rewritten.")


@app.command()
def show(
    subject: Annotated[str, typer.Argument(help="Such as decision:7, item:42, reviewer:lin.")],
    database: DatabaseUrl = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
) -> None:
    """What the audit log says about one decision, item, reviewer or policy version."""
    with open_database(database, migrate=False) as opened:
        entries = audit.history(opened, subject, limit=limit)
    table = Table("number", "when (UTC)", "who", "what", "detail")
    for entry in entries:
        when = datetime.fromtimestamp(entry.at, UTC).isoformat(" ", "seconds")[:19]
        detail = ", ".join(f"{key}: {value}" for key, value in entry.detail.items())
        table.add_row(str(entry.number), when, escape(entry.actor), entry.action, escape(detail))
    Console().print(table if entries else f"The audit log says nothing about {escape(subject)}.")
