"""`moderation train image`: image categories of one's own."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from moderation.settings import Settings

if TYPE_CHECKING:
    from moderation.classifiers.image.decoding import SafeDecoder
    from moderation.tuning.decided_pictures import DecidedPictures


def image(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="One folder per category id with its pictures, and `none` with harmless ones."
        ),
    ] = None,
    decisions: Annotated[
        bool,
        typer.Option(
            "--decisions",
            help="Instead of a folder: pictures of items with one picture, as reviewers decided.",
        ),
    ] = False,
    category: Annotated[
        list[str] | None,
        typer.Option(help="With --decisions: a category id that pictures show; may be repeated."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="With --decisions: who takes the pictures, for the audit log; default: the name "
            "you work under."
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder of the head and its model card.")] = Path(
        "image-head"
    ),
) -> None:
    """Train image categories on your own labelled pictures, or on reviewers' decisions.

    A head is fitted on frozen features, calibrated and measured by cross-validation. Afterwards set
    MODERATION_IMAGE_HEAD to its folder and add `image_head` to MODERATION_CLASSIFIERS.
    """
    from moderation.classifiers.image.decoding import SafeDecoder
    from moderation.classifiers.image.efficientnet_lite import ImageFeatures
    from moderation.classifiers.image.head_training import train
    from moderation.classifiers.image.labelled_pictures import (
        TrainingError,
        labelled_files,
        read_pictures,
    )

    console, complaints = Console(), Console(stderr=True)
    if (folder is None) != decisions:
        raise TrainingError("give either a folder of labelled pictures or --decisions")
    decoder = SafeDecoder.from_settings(Settings())
    if folder is not None:
        files = labelled_files(folder)
    else:
        decided = _decided(category or [], by or getpass.getuser(), decoder)
        files = decided.files
        if decided.never_rendered:
            complaints.print(
                f"Left out: {decided.never_rendered} that a bank marked never_render holds.",
                highlight=False,
            )
    with complaints.status(f"Looking at {sum(map(len, files.values()))} pictures…"):
        pictures = read_pictures(files, decoder, ImageFeatures())
    for refused in pictures.refused:
        complaints.print(refused, highlight=False, markup=False, soft_wrap=True)
    with complaints.status("Training…"):
        training = train(pictures)
    training.head.save(out, training.card)
    table = Table("category", "pictures", "average precision", "Brier score", "threshold", "recall")
    for report in training.reports:
        reached = report.threshold is not None
        table.add_row(
            report.category,
            f"{report.pictures:,}",
            f"{report.average_precision:.3f}",
            f"{report.brier:.3f}",
            f"{report.threshold:.3f}" if reached else "not reached",
            f"{report.recall:.0%}" if reached else "–",
        )
    console.print(table)
    console.print(f"Head {training.head.facts.version} and its card are in {out}.", highlight=False)


def _decided(categories: list[str], by: str, decoder: SafeDecoder) -> DecidedPictures:
    from moderation.classifiers.matching.bank_store import BankStore
    from moderation.classifiers.matching.never_shown import NeverShown
    from moderation.records import open_database
    from moderation.tuning.decided_pictures import decided_files

    never_shown = NeverShown(BankStore.from_settings(Settings()))
    with open_database(migrate=False) as database:
        return decided_files(database, categories, by=by, never_shown=never_shown, decoder=decoder)
