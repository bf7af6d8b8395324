"""`moderation policy backtest | thresholds`: try a policy on history, and ask for thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli.options import DatabaseUrl
from moderation.cli.policy_reports import existing_database, moment
from moderation.errors import ModerationError
from moderation.settings import Settings
from moderation.taxonomy import CATEGORY_IDS, category

if TYPE_CHECKING:
    from moderation.records import Database
    from moderation.tuning.thresholds import Labelled

app = typer.Typer()


Since = Annotated[
    str,
    typer.Option(help="From when: a date (2026-10-01) or so many days back (30d)."),
]


def _needed(database: Database | None) -> Database:
    if database is None:
        raise ModerationError(
            "there is no database yet: screen something with `moderation screen --store`, or name "
            "one with --database"
        )
    return database


@app.command()
def backtest(
    candidate: Annotated[str, typer.Argument(help="A folder, or a version's hash.")],
    against: Annotated[str, typer.Option(help="A folder, a version's hash, or `live`.")] = "live",
    since: Since = "30d",
    region: Annotated[
        list[str] | None, typer.Option("--region", help="Viewer region; may be repeated.")
    ] = None,
    reviewers: Annotated[int, typer.Option(min=1, help="People on shift at any moment.")] = 4,
    seconds: Annotated[float, typer.Option(min=0.1, help="Review time per item.")] = 45.0,
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("backtest"),
    database: DatabaseUrl = None,
) -> None:
    """What a proposed policy would have done to what was screened before. Runs no model."""
    from moderation.policy.diff import diff
    from moderation.policy.rollout import DIRECTIONS
    from moderation.tuning.backtest import run_backtest
    from moderation.tuning.backtest_report import write_report
    from moderation.tuning.policy_in_force import resolve_packs
    from moderation.tuning.staffing import Staffing
    from moderation.tuning.stored_facts import load_facts

    settings = Settings()
    day = settings.policy_date
    console = Console()
    with existing_database(database) as found:
        opened = _needed(found)
        new = resolve_packs(candidate, settings.policies_dir, opened, today=day)
        live = resolve_packs(against, settings.policies_dir, opened, today=day)
        with console.status("Reading what was screened…"):
            history = load_facts(opened, since=moment(since, "--since"))
    if not len(history):
        raise ModerationError(f"nothing was screened since {since}; give an earlier --since")
    with console.status(f"Evaluating {len(history):,} items twice…"):
        result = run_backtest(
            history,
            new,
            live,
            tuple(region or settings.regions),
            staffing=Staffing(reviewers, seconds),
        )
        page = write_report(result, output, diff(live, new))
    table = Table("region", "items", "changed", "stricter", "looser", "more review", "less review")
    for row in result.totals.to_dict("records"):
        numbers = (row["items"], row["changed"], *(row[name] for name in DIRECTIONS))
        table.add_row(str(row["region"]), *(f"{number:,}" for number in numbers))
    console.print(table)
    for name, load in result.workloads.items():
        console.print(
            f"{name}: {load.jobs:,} jobs, {load.hours:,.1f} hours of review, "
            f"{load.late:,} decided late.",
            highlight=False,
        )
    console.print(f"Report: {page}; flipped items: {output / 'flips.parquet'}", soft_wrap=True)


@app.command()
def thresholds(
    precision: Annotated[float, typer.Option(help="At least this, for automatic action.")] = 0.95,
    recall: Annotated[float, typer.Option(help="At least this, for action or review.")] = 0.90,
    by_language: Annotated[bool, typer.Option(help="One answer per language too.")] = False,
    by_surface: Annotated[bool, typer.Option(help="One answer per surface too.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--category", help="Only this; may be repeated.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="Labelled text (Parquet, JSON Lines, or folders) to score with the text model "
            "instead of human decisions; may be repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows per source of --data; 0 means all.")] = 0,
    since: Since = "365d",
    write: Annotated[
        Path | None, typer.Option(help="Folder for the changed packs, to propose.")
    ] = None,
    policies: Annotated[str, typer.Option(help="Packs to change: folder, hash or `live`.")] = (
        "live"
    ),
    database: DatabaseUrl = None,
) -> None:
    """Thresholds that keep a target on human decisions or labelled text, with intervals."""
    from moderation.tuning.policy_in_force import resolve_packs
    from moderation.tuning.stored_facts import load_facts
    from moderation.tuning.threshold_changes import propose_thresholds
    from moderation.tuning.thresholds import Labelled, Targets, as_table, find_thresholds

    if not (0 < precision < 1 and 0 < recall < 1):
        raise ModerationError("targets are shares between 0 and 1, such as --precision 0.95")
    settings, console = Settings(), Console()
    wanted = tuple(category(name).id for name in only) if only else CATEGORY_IDS
    with existing_database(database) as found:
        packs = resolve_packs(policies, settings.policies_dir, found, today=settings.policy_date)
        if data:
            labelled = _scored(data, limit, settings, console)
        else:
            labelled = Labelled.from_history(
                load_facts(_needed(found), since=moment(since, "--since"))
            )
    answers = find_thresholds(
        labelled,
        Targets(precision, recall),
        categories=wanted,
        by_language=by_language,
        by_surface=by_surface,
    )
    if not answers:
        console.print("No category has a label yet; there is nothing to learn from.")
        return
    table = Table("category", "language", "surface", "for", "threshold", "precision", "recall")
    for row in as_table(answers).to_dict("records"):
        shown = row["reason"]
        if not shown:
            shown = f"{row['threshold']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
        cells = (row["category"], row["language"], row["surface"], row["purpose"], shown)
        table.add_row(*(escape(str(cell)) for cell in (*cells, row["precision"], row["recall"])))
    console.print(table)
    if write is None:
        return
    files, written = propose_thresholds(packs, answers)
    write.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (write / name).write_bytes(content)
    for each in written:
        console.print(f"• {escape(each.change)}", highlight=False)
    console.print(
        f"{len(written)} thresholds written to {write}. See what they would have done: "
        f"moderation policy backtest {write}",
        soft_wrap=True,
    )


def _scored(data: list[Path], limit: int, settings: Settings, console: Console) -> Labelled:
    from moderation.classifiers.text.classifier import TextClassifier
    from moderation.tuning.labelled import limit_rows, read_labelled, score_rows
    from moderation.tuning.thresholds import Labelled

    rows = [row for path in data for row in read_labelled(path)]
    rows = limit_rows(rows, limit, seed=0) if limit else rows
    with console.status(f"Scoring {len(rows):,} texts…"):
        return Labelled.from_scored(score_rows(TextClassifier.from_settings(settings), rows))
