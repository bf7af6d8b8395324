"""`moderation reviewers`: who may sign in, what they read, what they may do."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.items import Surface
from moderation.queue import golden_to_renew
from moderation.records import (
    Role,
    change_reviewer,
    create_reviewer,
    list_reviewers,
    open_database,
)

app = typer.Typer(no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="The name they sign in with.")]
_Languages = Annotated[str | None, typer.Option(help="What they read: zh,en,es (comma-separated).")]
_Queues = Annotated[
    str | None,
    typer.Option(help="Queues they work on (comma-separated; '' is all).", show_default="all"),
]
_Surfaces = Annotated[
    str | None,
    typer.Option(
        help=f"Only these (comma-separated; '' is all): {', '.join(Surface)}.", show_default="all"
    ),
]
_Regions = Annotated[
    str | None,
    typer.Option(
        help="Only what viewers there wait for, and what waits for no region: DE,FR ('' is all).",
        show_default="all",
    ),
]
_Roles = Annotated[str | None, typer.Option(help=f"Comma-separated: {', '.join(Role)}.")]
_Seniority = Annotated[
    int | None, typer.Option(min=0, max=2, help="0 new, 1 trained, 2 senior (adjudicates).")
]
_Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


def _listed(given: str | None) -> list[str] | None:
    return None if given is None else [p.strip() for p in given.split(",") if p.strip()]


def _ask_password(from_stdin: bool) -> str:
    # Never an argument: those are seen in the process list and kept in the shell's history.
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command()
def create(
    name: _Name,
    languages: _Languages = None,
    queues: _Queues = None,
    surfaces: _Surfaces = None,
    regions: _Regions = None,
    roles: _Roles = None,
    display_name: Annotated[str, typer.Option(help="How others see them.")] = "",
    seniority: _Seniority = None,
    password_stdin: _Stdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They cannot sign in with a password.")
    ] = False,
    database: DatabaseUrl = None,
) -> None:
    """Add a reviewer; the password is asked for."""
    password = None if no_password else _ask_password(password_stdin)
    with open_database(database) as opened:
        reviewer = create_reviewer(
            opened,
            name,
            password=password,
            display_name=display_name,
            languages=_listed(languages) or (),
            queues=_listed(queues) or (),
            surfaces=_listed(surfaces) or (),
            regions=_listed(regions) or (),
            roles=_listed(roles) or (Role.REVIEWER,),
            seniority=1 if seniority is None else seniority,
            by="command line",
        )
    Console().print(f"Reviewer {reviewer.id} can {'not ' if no_password else ''}sign in.")


@app.command(name="set")
def change(
    name: _Name,
    languages: _Languages = None,
    queues: _Queues = None,
    surfaces: _Surfaces = None,
    regions: _Regions = None,
    roles: _Roles = None,
    display_name: Annotated[str | None, typer.Option(help="How others see them.")] = None,
    seniority: _Seniority = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: _Stdin = False,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether they may sign in.")
    ] = None,
    database: DatabaseUrl = None,
) -> None:
    """Change what is given, keep the rest."""
    new_password = _ask_password(password_stdin) if password or password_stdin else None
    with open_database(database) as opened:
        reviewer = change_reviewer(
            opened,
            name,
            password=new_password,
            display_name=display_name,
            languages=_listed(languages),
            queues=_listed(queues),
            surfaces=_listed(surfaces),
            regions=_listed(regions),
            roles=_listed(roles),
            seniority=seniority,
            disabled=disabled,
            by="command line",
        )
    Console().print(f"Reviewer {reviewer.id} was changed.")


@app.command(name="list")
def show(
    everybody: Annotated[bool, typer.Option("--all", help="The disabled ones too.")] = False,
    database: DatabaseUrl = None,
) -> None:
    """All reviewers. What they opted out of is their own business and not shown."""
    with open_database(database) as opened:
        reviewers = list_reviewers(opened, disabled=everybody)
    table = Table(
        *("name", "shown as", "languages", "queues", "surfaces", "regions"),
        *("roles", "seniority", "signs in"),
    )
    for person in reviewers:
        signs_in = "disabled" if person.disabled_at else "yes" if person.password_hash else "no"
        table.add_row(
            person.id,
            escape(person.display_name),
            ", ".join(person.languages),
            escape(", ".join(person.queues)) or "all",
            ", ".join(person.surfaces) or "all",
            ", ".join(person.regions) or "all",
            ", ".join(person.roles),
            str(person.seniority),
            signs_in,
        )
    Console().print(table)


@app.command(name="golden")
def golden(
    within_days: Annotated[
        float, typer.Option(min=0, help="Those whose time ends within so many days, too.")
    ] = 30.0,
    database: DatabaseUrl = None,
) -> None:
    """Golden items to renew: does their answer still hold? Oldest first."""
    with open_database(database) as opened:
        items = golden_to_renew(opened, within_days=within_days)
    if not items:
        Console().print("No golden item needs renewing.")
        return
    table = Table("golden item", "item", "answer", "category", "added", "by")
    for item in items:
        added = datetime.fromtimestamp(item.added_at, UTC).date().isoformat()
        answer = " or ".join([item.action, *item.alternatives])
        table.add_row(
            str(item.id),
            str(item.item_key),
            escape(answer),
            item.category or "",
            added,
            escape(item.added_by),
        )
    Console().print(table)
