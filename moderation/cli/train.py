"""`moderation train`: trains a text model from a recipe, and calibrates it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from moderation.settings import Settings

app = typer.Typer(help="Train models.", no_args_is_help=True)
_console = Console()


@app.callback()
def _train() -> None:
    """Train models."""


@app.command()
def text(
    recipe: Annotated[
        str, typer.Option(help="A recipe of the package by name, or a YAML file.")
    ] = "base",
    out: Annotated[
        Path, typer.Option(help="Folder of checkpoint and model; a run found there goes on.")
    ] = Path("checkpoints/text"),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/ and dev/ parquet files; without it, own texts only."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Folder of a model to begin from; default: begin anew.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="End the run after this time; default: after its tokens.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes of one thread each that share every step.")
    ] = 1,
) -> None:
    """Train the text model; the stages of the shipped one are told in its model card."""
    from moderation.tuning.training import Progress as Step
    from moderation.tuning.training import train
    from moderation.tuning.training_calibration import calibrate
    from moderation.tuning.training_recipe import read_recipe

    settings = Settings()
    plan = read_recipe(recipe)
    columns = (
        TextColumn("step {task.fields[step]}  loss {task.fields[loss]:.3f}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} tokens, {task.fields[speed]:.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console) as bar:
        task = bar.add_task("", total=plan.tokens, step=0, loss=0.0, speed=0.0)

        def show(step: Step) -> None:
            bar.update(
                task,
                completed=step.tokens,
                step=step.step,
                loss=step.loss,
                speed=step.tokens_per_second,
            )

        folder = train(
            plan,
            out,
            settings.model_cache,
            data,
            start=start,
            workers=workers,
            minutes=minutes,
            report=show,
        )
    with _console.status("Calibrating on development rows"):
        description = calibrate(
            folder, settings.model_cache, data, rows_per_source=plan.calibration_rows
        )
    _console.print(f"Wrote {folder} (calibration {description.calibration.version})")


@app.command("text-average")
def text_average(
    models: Annotated[
        list[Path], typer.Argument(help="Folders of models trained on from the same one.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the averaged model.")],
    version: Annotated[str, typer.Option(help="Version of the averaged model.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/ and dev/ parquet files; without it, own texts only."),
    ] = None,
) -> None:
    """Average text models that were trained on from the same one, and calibrate the result."""
    from moderation.tuning.training_average import average
    from moderation.tuning.training_calibration import calibrate

    settings = Settings()
    with _console.status("Averaging"):
        found = average(models, out, version, settings.model_cache)
    with _console.status("Calibrating on development rows"):
        description = calibrate(out, settings.model_cache, data)
    _console.print(
        f"Wrote {out} (calibration {description.calibration.version}); the kept ranks leave "
        f"{found.lost:.1%} of the averaged products"
    )


@app.command("text-cascade")
def text_cascade(
    model: Annotated[
        Path | None, typer.Option(help="Folder of a calibrated model; default: the shipped one.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/ and dev/ parquet files; without it, own texts only."),
    ] = None,
    rows: Annotated[int, typer.Option(help="Rows that teach the exits, at most.")] = 12_000,
    development_rows: Annotated[
        int, typer.Option(help="Rows that choose and measure thresholds, at most.")
    ] = 8_000,
    exits: Annotated[
        str, typer.Option(help="Layers after which a text may end, comma-separated, ascending.")
    ] = "4",
) -> None:
    """Fit the text model's first stage, which ends what is surely harmless; after every training
    and calibration."""
    from moderation.classifiers.text.model import MODELS_FOLDER
    from moderation.tuning.training_cascade import fit_first_stage

    folder = model or MODELS_FOLDER / "base"
    found = fit_first_stage(
        folder,
        Settings().model_cache,
        data,
        rows=rows,
        development_rows=development_rows,
        layers=tuple(int(layer) for layer in exits.split(",")),
        report=_console.print,
    )
    _console.print_json(data=found.measured)
    _console.print(f"Wrote {folder}/first_stage.safetensors")
