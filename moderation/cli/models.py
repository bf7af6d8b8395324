"""`moderation models`: prepare what is prepared once, and say what is here."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from moderation.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command()
def prepare() -> None:
    """Convert the packaged text encoder, once; later runs find it in the cache."""
    from moderation.screening import Screener

    console = Console(stderr=True)
    with console.status("Preparing models (the first time takes about half a minute)…"):
        screener = Screener.from_settings(Settings())
    console.print(f"{len(screener.ensemble.classifiers)} classifiers are ready.")


@app.command("list")
def list_models() -> None:
    """The configured classifiers, their versions and what they detect."""
    from moderation.classifiers.ensemble import Ensemble

    ensemble = Ensemble.from_settings(Settings())
    table = Table("classifier", "version", "categories")
    categories = {c.name: ", ".join(sorted(c.categories)) for c in ensemble.classifiers}
    for name, version in ensemble.versions.items():
        table.add_row(name, version, categories.get(name, "–"))
    Console().print(table)
