"""`moderation retention`: content goes when its time is over, or when a person asks for it."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from moderation.cli.options import DatabaseUrl
from moderation.records import (
    delete_expired_content,
    erase_author,
    lift_hold,
    open_database,
    place_hold,
)
from moderation.records.retention import Deleted

app = typer.Typer(no_args_is_help=True)


_By = Annotated[
    str,
    typer.Option(
        "--by", help="Who asks for it, for the audit log.", default_factory=getpass.getuser
    ),
]


@app.command()
def run(
    days: Annotated[float, typer.Option(min=1, help="Content received before so many days goes.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Delete the content of old items and conversations; decisions, hashes and counts stay."""
    with open_database(database) as opened:
        done = delete_expired_content(opened, older_than=opened.now() - days * 86_400, by=by)
    typer.echo(told(done))


@app.command()
def erase(
    author: Annotated[str, typer.Argument(help="The platform's id of the person.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Erase a person's data on their request; a legal hold stops it."""
    with open_database(database) as opened:
        typer.echo(told(erase_author(opened, author, by=by)))


@app.command()
def hold(
    reason: Annotated[str, typer.Option(help="Why it has to be kept.")],
    by: _By,
    item: Annotated[str | None, typer.Option(help="Keep the content of this item.")] = None,
    author: Annotated[str | None, typer.Option(help="Keep the content of this author.")] = None,
    database: DatabaseUrl = None,
) -> None:
    """Keep content until the hold is lifted; prints the number of the hold."""
    with open_database(database) as opened:
        placed = place_hold(opened, reason=reason, by=by, item_id=item, author_id=author)
    typer.echo(f"hold {placed.id} stands")


@app.command()
def lift(
    number: Annotated[int, typer.Argument(help="The number of the hold.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Lift a hold; the content may be deleted again."""
    with open_database(database) as opened:
        lift_hold(opened, number, by=by)
    typer.echo(f"hold {number} is lifted")


def told(done: Deleted) -> str:
    """What a deletion did, in words."""
    what = f"{done.items:,} items, {done.conversations:,} conversations and {done.files:,} files"
    lines = [f"deleted the content of {what}"]
    if done.turns:
        lines.append(f"{done.turns:,} turns in conversations of others lost words and speaker")
    if done.held:
        lines.append(f"{done.held:,} items stay because of a legal hold")
    if done.waiting:
        lines.append(f"{done.waiting:,} items stay until somebody has decided them")
    return "\n".join(lines)
