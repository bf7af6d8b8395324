"""`moderation conversations`: chat exports, subtitles and tables of turns as items to screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from moderation.cli.conversation_files import BadTurn, ConversationFormat, conversations_in

app = typer.Typer(help="Read conversations from files.", no_args_is_help=True)


@app.callback()
def _conversations() -> None:
    """Read conversations from files."""


@app.command("import")
def import_conversations(
    files: Annotated[list[Path], typer.Argument(help="Exports, subtitles, tables of turns.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON Lines of items; default: stdout.")
    ] = None,
    file_format: Annotated[
        ConversationFormat | None, typer.Option("--format", help="When the file does not tell.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of the files.")] = "utf-8-sig",
) -> None:
    """Discord and Telegram exports, SRT, WebVTT, CSV and JSON Lines become items.

    `moderation conversations import room.json | moderation screen -` screens them. Exit code 1
    means that some turns were bad; the others are there.
    """
    console = Console(stderr=True)
    bad = 0
    stream = sys.stdout if output is None else output.open("w", encoding="utf-8")
    try:
        for file in files:
            for entry in conversations_in(file, file_format, encoding):
                if isinstance(entry, BadTurn):
                    bad += 1
                    told = f"{file}, line {entry.line}: {entry.message}"
                    console.print(told, style="red", markup=False)
                    continue
                row = entry.model_dump_json(exclude_none=True, exclude_defaults=True)
                stream.write(row + "\n")
    finally:
        if output is not None:
            stream.close()
    if bad:
        raise typer.Exit(1)
