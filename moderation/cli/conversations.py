"""`moderation conversations`: chat exports, subtitles and tables of turns as items to screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from moderation.cli.conversation_files import (
    BadTurn,
    ConversationFormat,
    LeftOut,
    UnreadableConversation,
    conversations_in,
)
from moderation.items import Surface

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
    surface: Annotated[
        Surface | None,
        typer.Option(
            help="Where it took place. Default: what the export tells; captions are live "
            "transcripts, tables are private messages."
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of the files.")] = "utf-8-sig",
) -> None:
    """Discord and Telegram exports, SRT, WebVTT, CSV and JSON Lines become items.

    `moderation conversations import room.json | moderation screen -` screens them. Exit code 1
    means that some turns or files were bad; the others are there.
    """
    console = Console(stderr=True)
    bad = 0
    with _opened(output) as stream:
        for file in files:
            try:
                for entry in conversations_in(file, file_format, encoding, surface):
                    if isinstance(entry, BadTurn):
                        bad += 1
                        told = f"{file}, line {entry.line}: {entry.message}"
                        console.print(told, style="red", markup=False, soft_wrap=True)
                    elif isinstance(entry, LeftOut):
                        told = f"{file}: left out: {entry.what}: {entry.count:,}"
                        console.print(told, style="dim", markup=False, soft_wrap=True)
                    else:
                        row = entry.model_dump_json(exclude_none=True, exclude_defaults=True)
                        stream.write(row + "\n")
            except UnreadableConversation as error:
                bad += 1
                console.print(str(error), style="red", markup=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        stream = output.open("w", encoding="utf-8")
    except OSError as error:
        raise UnreadableConversation(f"{output}: cannot be written ({error.strerror})") from None
    with stream:
        yield stream
