"""`moderation queue`: what waits, what is late, how good the work is, and what a lead may do."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.queue import (
    Queue,
    QueueRules,
    add_golden,
    appeal_item,
    open_appeal,
    raise_cap,
    team_minutes,
    withdraw_golden,
)
from moderation.queue.agreement import (
    Agreement,
    Rate,
    agreement,
    automation_precision,
    overturn_rates,
    pairwise,
    stored_looks,
)
from moderation.queue.exposure import AGGREGATE_OF
from moderation.records import Database, open_database
from moderation.settings import Settings

app = typer.Typer(no_args_is_help=True)

_By = Annotated[
    str,
    typer.Option(
        "--by", help="Who asks for it, for the audit log.", default_factory=getpass.getuser
    ),
]
_Days = Annotated[float, typer.Option(min=0, help="Only what happened in so many days.")]


def _rules() -> QueueRules:
    return QueueRules.of(Settings().queue_rules)


_JOB = ("job", "item", "queue", "language", "severity")


def _job_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    named = (escape(row["item_id"]), escape(row["queue"]), row["language"])
    return (str(row["job_id"]), *named, f"P{row['severity']}")


def _show(table: Table, nothing: str) -> None:
    Console().print(table if table.row_count else nothing)


@app.command()
def waiting(database: DatabaseUrl = None) -> None:
    """What waits, by queue, language and lane. No content, no names."""
    with open_database(database) as opened:
        rows = Queue(opened).waiting_counts()
    table = Table("queue", "language", "lane", "waiting", "of it in hands", "overdue", "next due")
    for row in rows:
        due = datetime.fromtimestamp(row["oldest_due"], UTC).isoformat(" ", "minutes")[:16]
        counts = [str(row[name]) for name in ("lane", "jobs", "claimed", "overdue")]
        table.add_row(escape(row["queue"]), row["language"], *counts, due)
    _show(table, "Nothing waits.")


@app.command()
def overdue(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    database: DatabaseUrl = None,
) -> None:
    """What waits although its clock ran out, the most severe first."""
    with open_database(database) as opened:
        queue = Queue(opened, _rules())
        queue.tend()
        rows = queue.breaches(limit=limit)
    table = Table(*_JOB, "minutes over")
    for row in rows:
        table.add_row(*_job_cells(row), f"{row['minutes_over']:.0f}")
    _show(table, "Nothing is overdue.")


@app.command()
def paused(database: DatabaseUrl = None) -> None:
    """What waits for somebody outside, with its clock stopped; the longest first."""
    with open_database(database) as opened:
        rows = Queue(opened).paused()
    table = Table(*_JOB, "hours", "note")
    for row in rows:
        table.add_row(*_job_cells(row), f"{row['hours']:.1f}", escape(row["note"]))
    _show(table, "Nothing is paused.")


@app.command()
def resume(
    job: Annotated[int, typer.Argument(help="The number of the job.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Let the clock of a paused job go on."""
    with open_database(database) as opened:
        Queue(opened).resume(job, by)
    typer.echo(f"job {job} waits again")


@app.command()
def appeal(
    opened_by: Annotated[
        Literal["author", "reporter"], typer.Option("--for", help="Who disagrees.")
    ],
    decision: Annotated[
        int | None, typer.Argument(help="The number of the decision of a person.")
    ] = None,
    item: Annotated[
        str | None, typer.Option(help="Instead: the id of an item that was decided automatically.")
    ] = None,
    reason: Annotated[str, typer.Option(help="In their own words.")] = "",
    database: DatabaseUrl = None,
) -> None:
    """Open an appeal against a decision; somebody who did not decide before answers it."""
    if (decision is None) == (item is None):
        raise typer.BadParameter("name either a decision or an --item")
    with open_database(database) as opened:
        if item is not None:
            found = appeal_item(opened, item, opened_by=opened_by, reason=reason, rules=_rules())
        else:
            found = open_appeal(
                opened, decision or 0, opened_by=opened_by, reason=reason, rules=_rules()
            )
    typer.echo(f"appeal {found.id} waits as job {found.job_id}")


@app.command()
def quality(
    by: Annotated[
        Literal["all", "language", "category", "reviewer"],
        typer.Option(help="Told apart by what. Names come in the order of the alphabet."),
    ] = "language",
    days: _Days = 90.0,
    database: DatabaseUrl = None,
) -> None:
    """Agreement, overturned appeals and the precision of automation.

    Agreement needs items that two people looked at, blindly (double_review_… in
    MODERATION_QUEUE_RULES); the precision of automation needs random checks (audit_share).
    """
    with open_database(database) as opened:
        since = opened.now() - days * 86_400
        _agreement(opened, since, by)
        _rates(f"by {by}", overturn_rates(opened, since=since, by=by).items(), "overturned")
        if by != "reviewer":
            found = automation_precision(opened, since=since, by=by)
            named = ((f"{name}: {action}", rate) for (name, action), rate in found.items())
            _rates(f"by {by}: automatic action", named, "automation borne out")


def _agreement(opened: Database, since: float, by: str) -> None:
    looks = stored_looks(opened, since=since, by=by)
    table = Table(f"by {by}", "items", "raw", "Krippendorff's alpha", "95%", "prevalence")
    for name in sorted(looks):
        found = agreement(looks[name])
        if found.items:
            table.add_row(escape(name), *_told(found))
    _show(table, "Agreement: no item was looked at twice.")
    pairs = Table("two people", "items", "raw", "Cohen's kappa")
    for pair in pairwise([look for group in looks.values() for look in group]):
        kappa = "–" if pair.kappa is None else f"{pair.kappa:.2f}"
        pairs.add_row(
            escape(f"{pair.first}, {pair.second}"), str(pair.items), f"{pair.raw:.0%}", kappa
        )
    if pairs.row_count:
        Console().print(pairs)


def _told(found: Agreement) -> tuple[str, ...]:
    alpha = "–" if found.alpha is None else f"{found.alpha:.2f}"
    low, high = found.interval or (float("nan"), float("nan"))
    interval = "–" if found.interval is None else f"{low:.2f} to {high:.2f}"
    count = str(found.items) if found.is_enough else f"{found.items} (too few)"
    prevalence = ", ".join(f"{name} {share:.0%}" for name, share in found.prevalence.items())
    return count, f"{found.raw:.0%}", alpha, interval, prevalence


def _rates(title: str, rates: Iterable[tuple[str, Rate]], what: str) -> None:
    table = Table(title, what, "share", "95%")
    for name, rate in rates:
        low, high = rate.interval
        share = f"{rate.count} of {rate.of}"
        table.add_row(escape(name), share, f"{rate.share:.0%}", f"{low:.0%} to {high:.0%}")
    _show(table, f"{what.capitalize()}: nothing to count.")


@app.command()
def exposure(days: _Days = 7.0, database: DatabaseUrl = None) -> None:
    """Weighted minutes of difficult material over the whole team; of nobody in particular."""
    with open_database(database) as opened:
        minutes = team_minutes(opened, opened.now() - days * 86_400)
    if minutes is None:
        typer.echo(f"Fewer than {AGGREGATE_OF} people worked: a sum would tell about each.")
        return
    table = Table("category", "weighted minutes")
    for name, total in sorted(minutes.items()):
        table.add_row(name, f"{total:,.0f}")
    _show(table, f"No category was seen by {AGGREGATE_OF} people.")


@app.command(name="raise-cap")
def cap(
    reviewer: Annotated[str, typer.Argument(help="Whose cap.")],
    minutes: Annotated[float, typer.Argument(min=1, max=600, help="By so many weighted minutes.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit log.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Let somebody see more difficult material in this shift than the cap allows."""
    with open_database(database) as opened:
        raise_cap(opened, reviewer, minutes, by=by, reason=reason)
    typer.echo(f"the cap of {reviewer} is {minutes:g} weighted minutes higher in this shift")


@app.command(name="golden-add")
def golden_add(
    item_key: Annotated[int, typer.Argument(help="Key of a reviewed item: 42 of item:42.")],
    action: Annotated[str, typer.Argument(help="The answer that was agreed.")],
    by: _By,
    or_action: Annotated[
        list[str] | None, typer.Option("--or", help="Accepted as well; more than once.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="What it is, if anything.")] = None,
    rationale: Annotated[str, typer.Option(help="Why that is the answer.")] = "",
    database: DatabaseUrl = None,
) -> None:
    """Use a reviewed item, unrecognisably, to see whether its answer is found again."""
    with open_database(database) as opened:
        added = add_golden(
            opened,
            item_key,
            action,
            by=by,
            category=category,
            alternatives=or_action or (),
            rationale=rationale,
        )
    typer.echo(f"golden item {added.id} is in use")


@app.command(name="golden-withdraw")
def golden_withdraw(
    number: Annotated[int, typer.Argument(help="The number of the golden item.")],
    because: Annotated[str, typer.Option(help="Why it is used no more.")],
    by: _By,
    database: DatabaseUrl = None,
) -> None:
    """Use a golden item no more."""
    with open_database(database) as opened:
        withdraw_golden(opened, number, because=because, by=by)
    typer.echo(f"golden item {number} is used no more")
