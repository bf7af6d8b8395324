"""`moderation train conversation`: fits the conversation model anew, in a minute or two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from moderation.settings import Settings

#: Transcripts taken from the data folder, and what one weighs beside one of our own.
_MOST_TRANSCRIPTS, _TRANSCRIPT_WEIGHT = 200, 0.3


def conversation(
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model; default: the shipped one.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with train/teleantifraud.parquet; without it, own conversations only."
        ),
    ] = None,
) -> None:
    """Train the conversation model on the text model in force. Do so after every change of it."""
    from moderation.classifiers.conversation.labelled import (
        fold_of,
        seed_conversations,
        two_party_transcripts,
    )
    from moderation.classifiers.conversation.model import FOLDER
    from moderation.classifiers.conversation.training import train
    from moderation.classifiers.text.reading import reading_model

    console = Console(stderr=True)
    transcripts = []
    if data is not None:
        import pyarrow.parquet as pq

        table = pq.read_table(
            data / "train" / "teleantifraud.parquet", columns=["id", "text", "fraud"]
        )
        rows = [(str(r["id"]), r["text"], r["fraud"] == 1) for r in table.to_pylist()]
        rows.sort(key=lambda row: fold_of(row[0], 1_000_003))
        transcripts = two_party_transcripts(rows[:_MOST_TRANSCRIPTS], "zh", _TRANSCRIPT_WEIGHT)
    with console.status("Reading the conversations…") as status:
        description = train(
            reading_model(Settings()), seed_conversations(), transcripts, out or FOLDER,
            status.update,
        )  # fmt: skip
    console.print(f"conversation model {description.weights_sha256[:12]} in {out or FOLDER}")
