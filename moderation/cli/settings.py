"""`moderation settings`: every setting, its value here, and what it does."""

from __future__ import annotations

import json

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from moderation.settings import Settings


def show() -> None:
    """Every setting with its environment variable, its value here, and what it does."""
    settings = Settings()
    table = Table("variable", "value", "what it does", show_lines=True)
    for name, field in Settings.model_fields.items():
        table.add_row(
            f"MODERATION_{name.upper()}", _shown(getattr(settings, name)), field.description
        )
    Console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        secret = any(isinstance(part, SecretStr) for part in value)
        return f"{len(value)} keys" if secret else ", ".join(map(str, value)) or "(none)"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else "(none)"
    return "(none)" if value is None else str(value) or "(empty)"
