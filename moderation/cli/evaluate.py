"""`moderation evaluate`: how good a text model is on labelled text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from moderation.classifiers.base import Classifier
from moderation.settings import Settings

_console = Console()


def evaluate(
    paths: Annotated[
        list[Path], typer.Argument(help="Parquet or JSON Lines files of labelled text, or folders.")
    ],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained text model; default: the one in force.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Folder of a second model, shown side by side.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.json and evaluation.html.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Rows per source at most, drawn at random; 0 means all.")
    ] = 0,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples per figure.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the draw and of the resampling.")] = 0,
    identity: Annotated[
        bool, typer.Option(help="Also flag 1,800 harmless sentences that name groups of people.")
    ] = True,
) -> None:
    """AP, ROC-AUC, F1, calibration and false positives by category, language and source.

    F1 is also given at the thresholds of the policy in force.
    """
    from moderation.policy import load_packs
    from moderation.tuning.evaluation import evaluate as measure
    from moderation.tuning.evaluation_report import report_html
    from moderation.tuning.identity_sentences import measure_identity
    from moderation.tuning.labelled import limit_rows, read_labelled, score_rows
    from moderation.tuning.policy_thresholds import thresholds_of

    settings = Settings()
    rows = [row for path in paths for row in read_labelled(path)]
    rows = limit_rows(rows, limit, seed) if limit else rows
    thresholds = thresholds_of(load_packs(settings.policies_dir))
    evaluations = []
    for folder in [model, against] if against else [model]:
        classifier = _classifier(settings, folder)
        with _console.status(f"Scoring {len(rows):,} texts with {classifier.version}"):
            scored = score_rows(classifier, rows)
            named = measure_identity(classifier, thresholds) if identity else None
        evaluations.append(
            measure(
                scored,
                classifier.version,
                thresholds=thresholds,
                identity=named,
                resamples=resamples,
                seed=seed,
            )
        )
    for evaluation in evaluations:
        table = Table(title=f"{evaluation.model} on {evaluation.rows:,} rows")
        for head in ("category", "rows", "positives", "AP", "ROC-AUC", "F1 at .5", "cal. error"):
            table.add_column(head, justify="left" if head == "category" else "right")
        for cell in evaluation.cells:
            if cell.by == "all":
                table.add_row(
                    cell.category,
                    f"{cell.rows:,}",
                    f"{cell.positives:,}",
                    f"{cell.average_precision.value:.3f}",
                    f"{cell.roc_auc.value:.3f}",
                    f"{cell.f1['0.5']:.3f}",
                    f"{cell.calibration_error:.3f}",
                )
        _console.print(table)
        for rate in evaluation.harmless:
            if rate.by == "all":
                _console.print(
                    f"Harmless rows flagged by any output: {rate.flagged['0.5']:.1%} at .5, "
                    f"{rate.flagged['0.8']:.1%} at .8, {rate.at_review or 0:.1%} at the policy's "
                    f"review thresholds ({rate.rows:,} rows)"
                )
        ratio = evaluation.harmless_ratio()
        if ratio:
            _console.print(
                f"Most against least flagged language: {ratio[0]:.1f} ({ratio[1]} / {ratio[2]})"
            )
        if evaluation.identity:
            _console.print(
                "Harmless sentences that name attacked groups, flagged at review: "
                f"{evaluation.identity.flagged_identity:.1%}; others: "
                f"{evaluation.identity.flagged_other:.1%}"
            )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        texts = [evaluation.model_dump_json(indent=1) for evaluation in evaluations]
        (output / "evaluation.json").write_text("[" + ",\n".join(texts) + "]\n", encoding="utf-8")
        (output / "evaluation.html").write_text(report_html(evaluations), encoding="utf-8")
        _console.print(f"Wrote {output / 'evaluation.json'} and {output / 'evaluation.html'}")


def _classifier(settings: Settings, folder: Path | None) -> Classifier:
    from moderation.classifiers.text import text
    from moderation.classifiers.text.classifier import TextClassifier

    return text(settings) if folder is None else TextClassifier.from_settings(settings, folder)
