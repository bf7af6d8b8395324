"""`moderation policy shadow | canary | compare`: try a version beside the live one."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.errors import ModerationError
from moderation.policy.rollout import DIRECTIONS

app = typer.Typer()

Version = Annotated[
    str | None, typer.Argument(help="The version's hash, or its beginning; none with --off.")
]
Off = Annotated[bool, typer.Option("--off", help="End the one that is under way.")]
By = Annotated[str, typer.Option("--by", help="Who does this; default: who is signed in here.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]


@app.command()
def shadow(
    policy: Version = None,
    off: Off = False,
    by: By = "",
    note: Note = "",
    database: DatabaseUrl = None,
) -> None:
    """Run a proposed version beside the live one on all traffic: its verdicts are stored and never
    acted on."""
    _start_or_stop(policy, 0.0, off, by, note, database)


@app.command()
def canary(
    policy: Version = None,
    percent: Annotated[
        float, typer.Option(min=0.01, max=100, help="Share of the items on which it acts.")
    ] = 1.0,
    off: Off = False,
    by: By = "",
    note: Note = "",
    database: DatabaseUrl = None,
) -> None:
    """Let an approved version act on a share of the items, always the same ones by their id."""
    _start_or_stop(policy, percent, off, by, note, database)


def _start_or_stop(
    policy: str | None, percent: float, off: bool, by: str, note: str, database: str | None
) -> None:
    from moderation.records import open_database, start_rollout, stop_rollout

    if off == (policy is not None):
        raise ModerationError("name a version to start it, or give --off to end it")
    who = by or getpass.getuser()
    with open_database(database) as opened:
        if policy is None:
            rollout = stop_rollout(opened, by=who, note=note)
            said = f"The {rollout.kind} of {rollout.policy_hash[:19]} has ended"
        else:
            name = policy if policy.startswith("sha256:") else f"sha256:{policy}"
            rollout = start_rollout(opened, name, percent=percent, by=who, note=note)
            said = f"{rollout.policy_hash[:19]} runs as shadow"
            if percent:
                said = f"{rollout.policy_hash[:19]} acts on {percent:g} percent of the items"
    Console().print(f"{said}. Compare: moderation policy compare", highlight=False, soft_wrap=True)


@app.command()
def compare(
    examples: Annotated[int, typer.Option(min=0, help="Of each kind of change.")] = 3,
    database: DatabaseUrl = None,
) -> None:
    """What the newest shadow or canary said against the live version, from what was stored."""
    from moderation.records import open_database, policy_rollouts
    from moderation.tuning.rollout_report import compare_rollout

    console = Console()
    with open_database(database) as opened:
        rollouts = policy_rollouts(opened)
        if not rollouts:
            console.print("No version was ever tried as shadow or canary.")
            return
        report = compare_rollout(opened, rollouts[0], examples=examples)
    rollout = report.rollout
    state = "under way" if rollout.ended_at is None else "ended"
    console.print(
        f"{rollout.kind} {rollout.policy_hash[:19]} ({rollout.percent:g} percent, {state}): "
        f"{report.items:,} items, {report.changed_items:,} of them change, "
        f"acted on {report.acted_on:,}.",
        highlight=False,
        soft_wrap=True,
    )
    totals = Table("region", "items", "changed", *DIRECTIONS)
    for row in report.totals.to_dict("records"):
        totals.add_row(
            *(f"{value:,}" if name != "region" else value for name, value in row.items())
        )
    changes = Table("region", "category", "direction", "items")
    for row in report.changes.head(40).to_dict("records"):
        changes.add_row(row["region"], row["category"], row["direction"], f"{row['items']:,}")
    told = Table("item", "region", "language", "surface", "category", "change", "live", "candidate")
    for row in report.examples.to_dict("records"):
        told.add_row(*(escape(str(value)) for value in row.values()))
    for table in (totals, changes, told):
        if table.row_count:
            console.print(table)
