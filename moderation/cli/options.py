"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", help="SQLAlchemy URL; default: MODERATION_DATABASE_URL."),
]
