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
        list[Path],
        typer.Argument(help="Labelled text: parquet, JSON Lines, CSV or TSV files, or folders."),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Folder of a trained text model, or folder or hub name of a Hugging Face "
            "sequence classifier; default: the one in force."
        ),
    ] = "",
    model_labels: Annotated[
        str,
        typer.Option(help='Labels of a Hugging Face model: {"LABEL_1": "toxicity"}.'),
    ] = "",
    against: Annotated[
        str, typer.Option(help="A second model, named as --model is, shown side by side.")
    ] = "",
    against_labels: Annotated[
        str, typer.Option(help="Labels of the second model, if it is of Hugging Face.")
    ] = "",
    text_column: Annotated[str, typer.Option(help="Column that holds the text.")] = "text",
    language_column: Annotated[
        str,
        typer.Option(help="Column of the language, else identified."),
    ] = "",
    source_column: Annotated[str, typer.Option(help="Column of the source.")] = "source",
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CATEGORY",
            help="What a column or label of the files means: --label toxic=toxicity "
            "--label normal=none. May be repeated.",
        ),
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

    A row has a text and its labels: a column per label with 1, 0 or nothing (unknown), or a column
    "labels" with all that apply. Labels are category ids or short names (toxicity, hate, fraud…).
    """
    from moderation.policy import load_packs
    from moderation.tuning.evaluation import FEWEST
    from moderation.tuning.evaluation import evaluate as measure
    from moderation.tuning.evaluation_report import report_html
    from moderation.tuning.identity_sentences import measure_identity
    from moderation.tuning.labelled import Columns, limit_rows, read_labelled, score_rows
    from moderation.tuning.policy_thresholds import thresholds_of

    settings = Settings()
    columns = Columns(text_column, language_column, source_column, _meanings(label or []))
    rows = [row for path in paths for row in read_labelled(path, columns)]
    rows = limit_rows(rows, limit, seed) if limit else rows
    thresholds = thresholds_of(load_packs(settings.policies_dir))
    evaluations = []
    named_models = [(model, model_labels), (against, against_labels)]
    for source, labels in named_models if against else named_models[:1]:
        classifier = _classifier(settings, source, labels)
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
        _console.print(
            table
            if table.row_count
            else f"Too few rows ({evaluation.rows:,}): a figure needs at least {FEWEST} rows that "
            f"have a label and {FEWEST} that are known not to have it."
        )
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


def _meanings(given: list[str]) -> dict[str, str]:
    found = {}
    for pair in given:
        name, equals, category = pair.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{pair!r}: give NAME=CATEGORY, for example toxic=toxicity")
        found[name.strip()] = category.strip()
    return found


def _classifier(settings: Settings, source: str, labels: str) -> Classifier:
    from moderation.classifiers.text import text
    from moderation.classifiers.text.classifier import TextClassifier

    if not source:
        return text(settings)
    if not labels and (Path(source) / "model.json").is_file():
        return TextClassifier.from_settings(settings, Path(source))
    from moderation.classifiers.text.huggingface import HuggingFaceClassifier, label_map

    return HuggingFaceClassifier(source, label_map(labels, f"the labels of {source}"))
