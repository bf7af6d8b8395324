"""`moderation bank …`: lists of known images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from moderation.classifiers.image.decoding import ImageRefused, SafeDecoder
from moderation.classifiers.matching.bank_files import (
    BadLine,
    entries_of_pictures,
    pictures_in,
    read_csv,
    write_csv,
)
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import Bank, BankError, NewEntry
from moderation.classifiers.matching.fingerprints import (
    HashKind,
    digests,
    query_fingerprints,
)
from moderation.classifiers.matching.known_images import KnownImages
from moderation.items import ImagePart
from moderation.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Banks of known images: fill them, look pictures up.")


_BATCH = 1000


class FileFormat(StrEnum):
    """How a list of hashes is written."""

    CSV = "csv"
    SIGNALS = "signals"  #: lines of the threatexchange package


_BankName = Annotated[str, typer.Argument(metavar="BANK", help="Name of the bank.")]
_Category = Annotated[
    str | None,
    typer.Option(help="Category id that a match means; makes the bank if there is none yet."),
]
_NeverRender = Annotated[
    bool, typer.Option("--never-render", help="For a new bank: matches are never shown to anybody.")
]
_Ratio = Annotated[
    float | None,
    typer.Option(
        "--enabled-ratio",
        help="For a new bank: share of images compared with it; all if not given.",
    ),
]
_Notes = Annotated[
    str | None, typer.Option("--bank-notes", help="For a new bank: what it is and who keeps it.")
]
_Source = Annotated[str, typer.Option(help="Where the pictures come from (list, partner, case).")]
_Note = Annotated[str, typer.Option(help="What whoever meets a match should know.")]
_Expires = Annotated[
    datetime | None, typer.Option("--expires", help="When the entries cease to count (UTC).")
]


@app.command()
def add(
    bank: _BankName,
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    category: _Category = None,
    source: _Source = "",
    note: _Note = "",
    expires: _Expires = None,
    never_render: _NeverRender = False,
    enabled_ratio: _Ratio = None,
    bank_notes: _Notes = None,
) -> None:
    """Hash pictures into a bank. Only hashes are kept. Exit code 1: some could not be read."""
    settings = Settings()
    store = BankStore.from_settings(settings)
    _ensure(store, bank, category, enabled_ratio, never_render, bank_notes)
    found = entries_of_pictures(
        pictures_in(paths),
        SafeDecoder.from_settings(settings),
        source=source,
        note=note,
        expires_at=None if expires is None else expires.replace(tzinfo=expires.tzinfo or UTC),
    )
    _fill(store, bank, found)


@app.command("import")
def import_(
    bank: _BankName,
    file: Annotated[Path, typer.Argument(help="A list of hashes.")],
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.CSV,
    category: _Category = None,
    source: _Source = "",
    never_render: _NeverRender = False,
    enabled_ratio: _Ratio = None,
    bank_notes: _Notes = None,
) -> None:
    """Read a list of hashes into a bank. Exit code 1: some lines were bad, the others are in."""
    store = BankStore.from_settings(Settings())
    _ensure(store, bank, category, enabled_ratio, never_render, bank_notes)
    if file_format is FileFormat.CSV:
        found = read_csv(file, source=source)
    else:
        from moderation.classifiers.matching.exchange import read_signal_file

        found = read_signal_file(file, source=source)
    _fill(store, bank, found)


@app.command()
def export(
    bank: _BankName,
    file: Annotated[Path, typer.Argument(help="Where to write.")],
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.CSV,
) -> None:
    """Write a bank's hashes to a file."""
    store = BankStore.from_settings(Settings())
    if file_format is FileFormat.CSV:
        count = write_csv(store, bank, file)
    else:
        from moderation.classifiers.matching.exchange import write_signal_file

        count = write_signal_file(store, bank, file)
    Console().print(f"{count} hashes of bank {bank} written to {file}.", highlight=False)


@app.command()
def lookup(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures to look up.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per match.")] = False,
) -> None:
    """Say which entries of which banks a picture resembles. Exit code 1: one could not be read."""
    settings = Settings()
    store = BankStore.from_settings(settings)
    known = KnownImages(store)
    decoder = SafeDecoder.from_settings(settings)
    out, complaints = Console(), Console(stderr=True)
    table = Table("picture", "bank", "category", "entry", "match", "from", "added")
    refused = 0
    for path in pictures_in(pictures):
        [image] = decoder.decode_all([(0, ImagePart(path=path))], allow_paths=True)
        if isinstance(image, ImageRefused):
            refused += 1
            complaints.print(_literal(f"{path}: {image.message}"), soft_wrap=True)
            continue
        found = query_fingerprints(image.pixels)
        exact = digests(path.read_bytes())
        for match in known.lookup(replace(found, hashes={**found.hashes, **exact})):
            entry = store.entry(match.entry)
            origin = ", ".join(part for part in (entry.source, entry.reference) if part)
            if as_json:
                record = {
                    "picture": str(path),
                    "bank": match.bank.name,
                    "category": match.bank.category,
                    "never_render": match.bank.never_render,
                    "entry": entry.id,
                    "kind": match.kind.value,
                    "distance": match.distance,
                    "probability": match.probability,
                    "source": entry.source,
                    "reference": entry.reference,
                    "note": entry.note,
                    "added_at": entry.added_at.isoformat(),
                }
                typer.echo(json.dumps(record, ensure_ascii=False))
            else:
                cells = (
                    str(path),
                    match.bank.name,
                    match.bank.category,
                    str(entry.id),
                    match.description,
                    origin,
                    entry.added_at.date().isoformat(),
                )
                table.add_row(*map(_literal, cells))
    if not as_json:
        out.print(table if table.row_count else "No match.")
    if refused:
        raise typer.Exit(1)


@app.command()
def stats() -> None:
    """List the banks with what is in them."""
    store = BankStore.from_settings(Settings())
    kinds = [kind.value for kind in HashKind]
    table = Table("bank", "category", "on", "shown", "entries", "expired", *kinds, "notes")
    for bank in store.banks():
        counts = store.counts(bank.name)
        table.add_row(
            bank.name,
            bank.category,
            f"{bank.enabled_ratio:.0%}",
            "never" if bank.never_render else "yes",
            *(f"{counts[name]:,}" for name in ("entries", "expired", *kinds)),
            _literal(bank.notes),
        )
    Console().print(table if table.row_count else "There are no banks yet.")


@app.command()
def enable(
    bank: _BankName,
    ratio: Annotated[float, typer.Argument(help="Share of images compared with it, 0 to 1.")],
) -> None:
    """Switch a bank on for a share of the images; 0 switches it off."""
    BankStore.from_settings(Settings()).set_enabled_ratio(bank, ratio)


@app.command("never-render")
def never_render_(
    bank: _BankName,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let pictures of the bank be shown again.")
    ] = False,
) -> None:
    """Show matches of a bank to nobody from now on, those screened before included."""
    BankStore.from_settings(Settings()).set_never_render(bank, not undo)


@app.command()
def notes(
    bank: _BankName,
    words: Annotated[str, typer.Argument(help="What it is and who keeps it.")],
) -> None:
    """Change the notes of a bank."""
    BankStore.from_settings(Settings()).set_notes(bank, words)


@app.command()
def remove(entry: Annotated[int, typer.Argument(help="Number of the entry.")]) -> None:
    """Take an entry out of its bank."""
    BankStore.from_settings(Settings()).remove(entry)


def _literal(words: str) -> Text:
    """Foreign words for a table: no markup, and no control characters for the terminal."""
    return Text("".join(c if c.isprintable() else "\ufffd" for c in words))


def _ensure(
    store: BankStore,
    name: str,
    category: str | None,
    ratio: float | None,
    never_render: bool,
    notes: str | None,
) -> None:
    """Make the bank if there is none of that name. What is said of one that is there must be true
    of it: it would be forgotten silently.

    Raises:
        BankError: there is none and no category was given, or there is another of that name.
    """
    existing = {bank.name: bank for bank in store.banks()}.get(name)
    if existing is None:
        if category is None:
            raise BankError(
                f"there is no bank {name!r} yet; give --category to make it, "
                "for example --category counterfeit"
            )
        share = 1.0 if ratio is None else ratio
        store.create(Bank(name, category, share, never_render, notes or ""))
        return
    if category not in {None, existing.category}:
        raise BankError(f"bank {name!r} has the category {existing.category}, not {category}")
    if ratio not in {None, existing.enabled_ratio}:
        raise BankError(
            f"bank {name!r} is compared with {existing.enabled_ratio:.0%} of the images; "
            f"change that with: moderation bank enable {name} {ratio:g}"
        )
    if never_render and not existing.never_render:
        raise BankError(
            f"bank {name!r} is there already and its matches are shown; "
            f"hide them with: moderation bank never-render {name}"
        )
    if notes not in {None, existing.notes}:
        raise BankError(
            f"bank {name!r} has other notes; change them with: moderation bank notes {name} …"
        )


def _fill(store: BankStore, bank: str, found: Iterator[NewEntry | BadLine]) -> None:
    complaints = Console(stderr=True)
    bad = seen = added = 0
    # Hashing pictures is slow; the banks are locked for writing only while a batch goes in.
    while batch := list(islice(found, _BATCH)):
        good = []
        for entry in batch:
            if isinstance(entry, BadLine):
                bad += 1
                complaints.print(_literal(str(entry)), soft_wrap=True)
            else:
                good.append(entry)
        seen += len(good)
        added += store.add(bank, good)
    known = seen - added
    Console().print(
        f"{added} added to bank {bank}, {known} were known already, {bad} could not be taken.",
        highlight=False,
    )
    if bad:
        raise typer.Exit(1)
