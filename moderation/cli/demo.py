"""`moderation demo`: the bundled stream through the real models, then service and dashboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import track

from moderation.cli.reading import BadRow, ItemFile
from moderation.cli.serve import dashboard_command
from moderation.cli.summary import Summary
from moderation.settings import Settings

STREAM = Path(__file__).with_name("demo_stream") / "stream.jsonl"

#: The account of the demo. It exists only in the demo's own database, which listens on loopback.
REVIEWER, PASSWORD = "demo", "demo-password"
LANGUAGES = ("zh", "en", "es", "ja", "ko", "fr", "de", "pt", "vi", "ru", "hi")

_BATCH = 16


def demo(
    serve: Annotated[
        bool, typer.Option(help="Bring up service and dashboard when the stream is screened.")
    ] = True,
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its database; emptied of it at the start.")
    ] = Path("moderation-data/demo"),
    items: Annotated[
        int | None, typer.Option(min=1, help="Screen only so many items of the stream.")
    ] = None,
) -> None:
    """Screen a bundled, invented, multilingual stream and look at it as a reviewer would."""
    console = Console()
    settings = Settings().model_copy(
        update={"data_dir": folder, "database_url": "", "api_keys": ()}
    )
    remove_database(folder)
    from moderation.cli.recording import Recorder, recorded_screener

    summary = Summary()
    rows = list(ItemFile(STREAM).rows())
    stream = [row for row in rows if not isinstance(row, BadRow)][:items]
    batches = [stream[start : start + _BATCH] for start in range(0, len(stream), _BATCH)]
    with Recorder(settings) as recorder:
        with console.status("Loading models (the first time takes about half a minute)…"):
            screener = recorded_screener(settings, recorder.database)
        recorder.add_reviewer(REVIEWER, PASSWORD, LANGUAGES)
        for batch in track(batches, "Screening the stream", console=console, transient=True):
            screenings = screener.screen(batch)
            recorder.record(screenings)
            summary.add(screenings)
        summary.print(console)
        console.print(recorder.told)
    if serve:
        del screener  # the service loads its own
        run_servers(settings, console)


def remove_database(folder: Path) -> None:
    """Takes away an earlier demo's database; nothing else in the folder is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        (folder / f"moderation.sqlite{suffix}").unlink(missing_ok=True)


def run_servers(settings: Settings, console: Console) -> None:
    """Service and dashboard as processes of their own, until Ctrl-C or until one of them ends."""
    environment = os.environ | {
        "MODERATION_DATA_DIR": str(settings.data_dir.resolve()),
        "MODERATION_DATABASE_URL": "",
        "MODERATION_API_KEYS": "",
    }
    commands: Sequence[list[str]] = (
        [sys.executable, "-m", "moderation.cli", "serve", "--host", "127.0.0.1"],
        dashboard_command("127.0.0.1", settings.dashboard_port),
    )
    processes = [
        subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
        for command in commands
    ]
    # SIGINT too: a shell that starts us in the background has it ignored.
    previous = {
        number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    service = f"http://127.0.0.1:{settings.port}"
    page = f"http://127.0.0.1:{settings.dashboard_port}"
    try:
        with console.status("Starting service and dashboard…"):
            while not (_answers(f"{service}/healthz") and _answers(f"{page}/_stcore/health")):
                if any(process.poll() is not None for process in processes):
                    break
                time.sleep(0.3)
            else:
                _tell(console, service, page)
        while all(process.poll() is None for process in processes):
            time.sleep(0.3)
        console.print("[red]One of the servers ended; its message is above.[/]")
        raise typer.Exit(1)
    except KeyboardInterrupt:
        console.print("Stopping.")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        stop(processes)


def _tell(console: Console, service: str, page: str) -> None:
    console.print(
        Panel(
            f"Dashboard  {page}   sign in as [bold]{REVIEWER}[/] / [bold]{PASSWORD}[/]\n"
            f"Service    {service}/docs\n"
            "Ctrl-C stops both.",
            title="The demo is running",
        )
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def stop(processes: Sequence[subprocess.Popen[bytes]], patience: float = 10.0) -> None:
    """Asks each process group to end, and ends it if it does not."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
