"""`moderation phrases …`: banks of phrases, tried out before they are kept."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from moderation.classifiers.matching.bank_files import BadLine
from moderation.classifiers.matching.phrase_files import read_phrases, utc
from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.matching.phrases import USUAL_STRENGTH, NewPhrase
from moderation.settings import Settings
from moderation.tuning.phrase_changes import PhraseBank
from moderation.tuning.phrase_trial import Hits, Trial

app = typer.Typer(no_args_is_help=True, help="Phrases: try them, keep them, list and remove them.")

_Text = Annotated[str, typer.Argument(metavar="PHRASE", help="The phrase.")]
_Category = Annotated[str, typer.Option(help="Category id that a hit means.")]
_Source = Annotated[str, typer.Option(help="Where the phrase comes from (list, partner, case).")]
_Language = Annotated[str, typer.Option(help="ISO 639 code; texts of another language are spared.")]
_Strength = Annotated[float, typer.Option(help="Probability that a hit's signal carries.")]
_Anywhere = Annotated[bool, typer.Option("--anywhere", help="Also within longer words.")]
_Note = Annotated[str, typer.Option(help="What whoever meets a hit should know.")]
_Expires = Annotated[
    datetime | None, typer.Option("--expires", help="When it ends to count (UTC).")
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Keep it whatever it hits.")]
_By = Annotated[str, typer.Option("--by", help="Who does this; default: the name you work under.")]


@app.command()
def add(
    phrase: _Text,
    category: _Category,
    source: _Source,
    language: _Language = "und",
    strength: _Strength = USUAL_STRENGTH,
    anywhere: _Anywhere = False,
    note: _Note = "",
    expires: _Expires = None,
    yes: _Yes = False,
    by: _By = "",
) -> None:
    """Try a phrase and keep it. If it hits harmless text, or much, it asks first."""
    ends = None if expires is None else utc(expires)
    new = NewPhrase(phrase, category, source, language, strength, anywhere, note, ends)
    trials = _tried([new], by)
    _show(trials)
    _keep(trials, yes=yes, by=by)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV: text, category, source, language …")],
    source: Annotated[str, typer.Option(help="Where they come from, if a line does not say.")] = "",
    yes: _Yes = False,
    by: _By = "",
) -> None:
    """Try the phrases of a CSV file and keep them. Exit code 1: some lines were bad."""
    complaints, bad = Console(stderr=True), 0
    good: list[NewPhrase] = []
    for entry in read_phrases(file, source=source):
        if isinstance(entry, BadLine):
            bad += 1
            complaints.print(str(entry), highlight=False, markup=False, soft_wrap=True)
        else:
            good.append(entry)
    trials = _tried(good, by)
    _show([trial for trial in trials if trial.is_doubtful][:20])
    _keep(trials, yes=yes, by=by)
    if bad:
        raise typer.Exit(1)


@app.command("test")
def try_out(
    phrase: _Text,
    language: _Language = "und",
    anywhere: _Anywhere = False,
    by: _By = "",
) -> None:
    """Say what a phrase would hit, and keep nothing."""
    _show(_tried([NewPhrase(phrase, "spam", "a test", language, anywhere=anywhere)], by))


@app.command("list")
def list_(
    removed: Annotated[bool, typer.Option("--removed", help="Also those out of use.")] = False,
) -> None:
    """List the phrases in use."""
    now = datetime.now(UTC)
    store = PhraseStore.from_settings(Settings())
    table = Table("number", "phrase", "category", "language", "strength", "from", "added", "until")
    for entry in store.all_phrases() if removed else store.phrases():
        phrase = entry.phrase
        until = "" if phrase.expires_at is None else f"{phrase.expires_at:%Y-%m-%d}"
        if entry.removed_at is not None:
            until = f"removed {entry.removed_at:%Y-%m-%d} by {entry.removed_by}"
        elif not entry.is_live(now):
            until = f"expired {until}"
        table.add_row(
            str(entry.id),
            Text(phrase.text + (" (anywhere)" if phrase.anywhere else "")),
            phrase.category,
            phrase.language,
            f"{phrase.strength:g}",
            Text(phrase.source + (f": {phrase.note}" if phrase.note else "")),
            Text(f"{entry.added_at:%Y-%m-%d} by {entry.added_by}"),
            Text(until),
        )
    Console().print(table if table.row_count else "There are no phrases yet.")


@app.command()
def remove(
    number: Annotated[int, typer.Argument(help="Number of the phrase.")], by: _By = ""
) -> None:
    """Take a phrase out of use."""
    _bank().remove(number, by or getpass.getuser())


@app.command()
def restore(
    number: Annotated[int, typer.Argument(help="Number of the phrase.")], by: _By = ""
) -> None:
    """Take a removed phrase into use again; `list --removed` shows them."""
    _bank().restore(number, by or getpass.getuser())


@app.command()
def expire(
    number: Annotated[int, typer.Argument(help="Number of the phrase.")],
    until: Annotated[
        datetime | None, typer.Option(help="When it ends to count (UTC); default: never.")
    ] = None,
    by: _By = "",
) -> None:
    """Say until when a phrase counts."""
    _bank().expire(number, None if until is None else utc(until), by or getpass.getuser())


def _bank() -> PhraseBank:
    from moderation.records import open_database

    settings = Settings()
    database = open_database(settings.effective_database_url)
    return PhraseBank(PhraseStore.from_settings(settings), database)


def _tried(phrases: Sequence[NewPhrase], by: str) -> list[Trial]:
    with Console(stderr=True).status("Looking through stored items and harmless text"):
        return _bank().test(phrases, by or getpass.getuser())


def _show(trials: Sequence[Trial]) -> None:
    out = Console()
    for trial in trials:
        out.print(Text(trial.phrase.text, "bold"))
        _show_hits(out, "stored items", trial.stored)
        _show_hits(out, "harmless texts", trial.harmless)


def _show_hits(out: Console, name: str, hits: Hits) -> None:
    low, high = hits.share.interval
    share = f" ({hits.share.value:.2%}, 95% {low:.2%} to {high:.2%})" if hits.texts else ""
    out.print(f"  {hits.hits} of {hits.texts:,} {name}{share}", highlight=False)
    for example in hits.examples:
        line = Text("    ").append(f"{example.where}: ", "dim").append(_flat(example.before))
        line.append(_flat(example.hit), "bold red").append(_flat(example.after))
        if example.reading:
            line.append(f"  [{_flat(example.reading)}]", "dim")
        out.print(line)


def _flat(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _keep(trials: Sequence[Trial], *, yes: bool, by: str) -> None:
    doubtful = [trial for trial in trials if trial.is_doubtful]
    if doubtful and not yes:
        some = f"{len(doubtful)} of {len(trials)} phrases hit" if len(trials) > 1 else "It hits"
        typer.confirm(
            f"{some} harmless text or much of what is stored. Keep all the same?", abort=True
        )
    added = _bank().add([trial.phrase for trial in trials], by or getpass.getuser())
    known = len(trials) - added
    Console().print(f"{added} added, {known} were there already.", highlight=False)
