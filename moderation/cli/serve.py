"""`moderation serve` and `moderation dashboard`: start the two web faces."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from moderation.errors import ModerationError
from moderation.settings import Settings


class UnsafeBinding(ModerationError):
    """The service would listen to the network without asking who calls."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address; default MODERATION_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default MODERATION_PORT.")] = None,
) -> None:
    """Start the HTTP service; its documentation is under /docs."""
    settings = Settings()
    host, port = host or settings.host, port or settings.port
    check_binding(host, settings)
    import uvicorn

    from moderation.records import open_database

    # A database that cannot be written is told here, in one sentence, before models are loaded.
    with open_database(settings.effective_database_url) as database:
        database.check_writable()
    uvicorn.run(
        "moderation.service:create_app",
        factory=True,
        host=host,
        port=port,
        log_level="info",
        server_header=False,
    )


def check_binding(host: str, settings: Settings) -> None:
    """Refuses to listen beyond this machine without API keys.

    Raises:
        UnsafeBinding: the address is no loopback address and no key is configured.
    """
    if settings.api_keys or host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise UnsafeBinding(
        f"the service would be open to everybody who reaches {host}: set MODERATION_API_KEYS, "
        "or listen on 127.0.0.1"
    )


def dashboard_command(host: str, port: int) -> list[str]:
    """The command line that runs the dashboard."""
    # Found, not imported: the faces are strangers to each other.
    spec = importlib.util.find_spec("dashboard")
    if spec is None or spec.origin is None:
        raise ModerationError(
            "the dashboard is not installed; run: pip install moderation-workbench"
        )
    page = Path(spec.origin).with_name("app.py")
    return [
        sys.executable, "-m", "streamlit", "run", str(page),
        "--server.address", host, "--server.port", str(port),
        "--server.headless", "true", "--browser.gatherUsageStats", "false",
        "--server.fileWatcherType", "none", "--client.toolbarMode", "minimal",
    ]  # fmt: skip


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; default MODERATION_DASHBOARD_PORT.")
    ] = None,
) -> None:
    """Start the review dashboard."""
    command = dashboard_command(host, port or Settings().dashboard_port)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell
