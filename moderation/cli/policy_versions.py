"""`moderation policy propose | approve | reject | activate | rollback | history`: the life of a
version, with two people."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.cli.policy_reports import moment, print_problems
from moderation.policy import PackSet
from moderation.policy.lint import lint
from moderation.policy.packs import read_pack_files
from moderation.policy.problems import PackError
from moderation.settings import Settings

app = typer.Typer()

By = Annotated[str, typer.Option("--by", help="Who does this; default: who is signed in here.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]
Hash = Annotated[str, typer.Argument(help="The version's hash, or its beginning.")]


def _who(by: str) -> str:
    return by or getpass.getuser()


def _full(reference: str) -> str:
    return reference if reference.startswith("sha256:") else f"sha256:{reference}"


@app.command()
def propose(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of packs; default: MODERATION_POLICIES_DIR.")
    ] = None,
    by: By = "",
    note: Note = "",
    database: DatabaseUrl = None,
) -> None:
    """Keep a folder of packs as a version and propose it. Broken packs are not proposed."""
    from moderation.records import open_database, propose_policy

    directory = folder or Settings().policies_dir
    console = Console()
    try:
        packs = PackSet.from_files(read_pack_files(directory), today=Settings().policy_date)
        problems = lint(directory, packs)
        if any(not problem.warning for problem in problems):
            raise PackError([problem for problem in problems if not problem.warning])
    except PackError as error:
        print_problems(console, error.problems)
        raise typer.Exit(1) from None
    with open_database(database) as opened:
        version = propose_policy(
            opened, packs.content_hash, dict(packs.files), by=_who(by), note=note
        )
    console.print(
        f"{version.hash[:19]} is proposed. Somebody else may approve it: "
        f"moderation policy approve {version.hash[:19]} --by NAME",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def approve(policy: Hash, by: By = "", note: Note = "", database: DatabaseUrl = None) -> None:
    """Approve a proposal of somebody else."""
    from moderation.records import approve_policy, open_database

    with open_database(database) as opened:
        version = approve_policy(opened, _full(policy), by=_who(by), note=note)
    Console().print(
        f"{version.hash[:19]} is approved. It starts with: "
        f"moderation policy activate {version.hash[:19]}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def reject(
    policy: Hash,
    note: Annotated[str, typer.Option("--note", help="Why; needed.")],
    by: By = "",
    database: DatabaseUrl = None,
) -> None:
    """Turn a proposal down, or withdraw an approval, with a reason."""
    from moderation.records import open_database, reject_policy

    with open_database(database) as opened:
        version = reject_policy(opened, _full(policy), by=_who(by), note=note)
    Console().print(f"{version.hash[:19]} is rejected.", highlight=False)


@app.command()
def activate(
    policy: Hash,
    at: Annotated[
        str | None, typer.Option("--at", help="From when, such as 2026-12-24T18:00 (UTC).")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Until when; then the version before is in force again."),
    ] = None,
    by: By = "",
    note: Note = "",
    database: DatabaseUrl = None,
) -> None:
    """Put an approved version into force, now or at a moment; the one before is superseded."""
    from moderation.records import make_policy_live, open_database, schedule_policy

    starts_at = moment(at, "--at") if at else None
    ends_at = moment(until, "--until") if until else None
    console = Console()
    with open_database(database) as opened:
        version = None
        if starts_at is not None or ends_at is not None:
            version = schedule_policy(
                opened, _full(policy), by=_who(by), starts_at=starts_at, ends_at=ends_at, note=note
            )
        if starts_at is None and (version is None or version.state != "live"):
            version = make_policy_live(opened, _full(policy), by=_who(by), note=note)
    assert version is not None
    said = f"starts at {_shown(starts_at)} UTC" if starts_at is not None else "is live"
    said += f" and ends at {_shown(ends_at)} UTC" if ends_at is not None else ""
    console.print(f"{version.hash[:19]} {said}.", highlight=False, soft_wrap=True)


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "minutes")[:16]


@app.command()
def rollback(
    note: Annotated[str, typer.Option("--note", help="Why; needed.")],
    to: Annotated[
        str | None, typer.Option(help="A version that was live; default: the one before.")
    ] = None,
    by: By = "",
    database: DatabaseUrl = None,
) -> None:
    """Put an earlier live version into force again."""
    from moderation.records import open_database, roll_back_policy

    with open_database(database) as opened:
        version = roll_back_policy(opened, by=_who(by), note=note, to=_full(to) if to else None)
    Console().print(f"{version.hash[:19]} is live again.", highlight=False)


@app.command()
def history(
    policy: Annotated[str | None, typer.Argument(help="Only this version.")] = None,
    database: DatabaseUrl = None,
) -> None:
    """Who moved which version to which state or tried it, oldest first."""
    from moderation.records import apply_schedule, open_database, policy_history

    with open_database(database) as opened:
        apply_schedule(opened)
        events = policy_history(opened)
    wanted = _full(policy) if policy else ""
    table = Table("when (UTC)", "version", "state", "who", "note")
    for event in events:
        if event.policy_hash.startswith(wanted):
            when = datetime.fromtimestamp(event.at, UTC).isoformat(" ", "seconds")[:19]
            version = event.policy_hash[:19]
            table.add_row(when, version, event.state, escape(event.actor), escape(event.note))
    Console().print(table if table.row_count else "No version was ever proposed.")
