"""`moderation screen FILE`: a file of items in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from moderation.cli.reading import BadRow, Format, ItemFile
from moderation.items import Item, check_regions
from moderation.settings import Settings

#: Items screened together; texts are re-batched by length inside the text classifier.
BATCH = 64


def screen(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines, CSV, Parquet or WebVTT; '-' reads standard input.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Results as .jsonl or .parquet; '-' for standard output."
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(help="Viewer regions, e.g. DE,US,IN, for items that name none."),
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="When the name does not tell.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of text files.")] = "utf-8-sig",
    record: Annotated[
        bool,
        typer.Option("--record", help="Store everything and queue what a person should see."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after an interruption; skips ids in OUTPUT.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many rows.")] = None,
) -> None:
    """Screen a file of items and give a verdict per viewer region.

    A bare row needs only `id` and `text`. Exit code 1 means that some rows were bad; the good
    ones are screened all the same.
    """
    console = Console(stderr=True)
    settings = Settings()
    if regions is not None:
        settings = settings.model_copy(update={"regions": check_regions(regions.split(","))})
    source = ItemFile(None if str(file) == "-" else file, file_format, encoding)

    from moderation.cli.policy_reports import existing_database
    from moderation.cli.recording import Recorder, look_again, recorded_screener
    from moderation.cli.summary import Summary
    from moderation.cli.writing import open_writer, written_ids

    done = written_ids(output) if resume and output is not None else set()
    summary = Summary()
    with ExitStack() as stack:
        writer = (
            stack.enter_context(open_writer(output, append=resume)) if output is not None else None
        )
        with console.status("Loading models…"):
            recorder = stack.enter_context(Recorder(settings)) if record else None
            opened = stack.enter_context(existing_database(settings.effective_database_url))
            screener = recorded_screener(settings, opened, keep=record)
        progress = stack.enter_context(_progress(console))
        total = source.count()
        task = progress.add_task("Screening", total=min(total, limit) if total and limit else total)
        for rows in _batches(source.rows(), limit):
            items = []
            for row in rows:
                if isinstance(row, BadRow):
                    summary.bad_rows += 1
                    where = f"{row.field}: " if row.field and row.field not in row.message else ""
                    progress.console.print(
                        f"line {row.line}: {where}{row.message}", style="red", markup=False
                    )
                elif row.id not in done:
                    items.append(row)
            look_again(screener)
            screenings = screener.screen(items)
            summary.add(screenings)
            if recorder is not None:
                recorder.record(screenings)
            if writer is not None:
                writer.write(screenings)
            progress.advance(task, len(rows))
    if source.ignored_columns:
        console.print(
            "Columns that are no fields of an item were left out: "
            + ", ".join(source.ignored_columns),
            style="yellow",
            markup=False,
        )
    summary.print(console)
    if recorder is not None:
        console.print(recorder.told)
    if summary.bad_rows:
        raise typer.Exit(1)


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _batches(rows: Iterator[Item | BadRow], limit: int | None) -> Iterator[list[Item | BadRow]]:
    batch: list[Item | BadRow] = []
    for number, row in enumerate(rows, start=1):
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
        if number == limit:
            break
    if batch:
        yield batch
