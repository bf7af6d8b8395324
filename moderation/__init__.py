"""The open moderation and trust-and-safety workbench.

The main job in Python::

    from moderation import Item, Screener

    screener = Screener.from_settings()
    [screening] = screener.screen([Item.from_row({"id": "1", "text": "hello"})])
    screening.verdicts["DE"].action
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Threads that spin while they wait make every process on a busy machine ten times slower. The
# OpenMP runtime reads this once, when torch is first imported; who set it otherwise is respected.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from moderation.items import Item

if TYPE_CHECKING:
    from moderation.screening import Screener, Screening

__version__ = "0.1.0"
__all__ = ["Item", "Screener", "Screening", "__version__"]


def __getattr__(name: str) -> Any:
    # Screening pulls in torch; `moderation --help` and the policy linter must not wait for it.
    if name in {"Screener", "Screening"}:
        from moderation import screening

        return getattr(screening, name)
    raise AttributeError(f"module 'moderation' has no attribute {name!r}")
