"""How one reviewer looks at one item: what is revealed, unfolded, without colours.

What was revealed is kept with the decision, because a decision on a picture that nobody looked at
is another one than a decision on a picture that was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboard.pictures import Picture


@dataclass(slots=True)
class ViewSettings:
    """Of one item, and grey-scale of the session."""

    revealed: set[int] = field(default_factory=set)
    unfolded: set[str] = field(default_factory=set)
    grey: bool = True
    opened_at: float = field(default_factory=time.monotonic)
    _ready: dict[tuple[int, bool, bool], Picture] = field(default_factory=dict)

    def for_next_item(self) -> ViewSettings:
        """A fresh view; the choice of colours stays."""
        return ViewSettings(grey=self.grey)

    def to_record(self) -> dict[str, Any]:
        """What is stored with a decision."""
        return {
            "revealed": sorted(self.revealed),
            "unfolded": sorted(self.unfolded),
            "grey": self.grey,
        }

    def seconds(self) -> float:
        """Since the item was put on the screen."""
        return time.monotonic() - self.opened_at

    def cached_picture(self, index: int, make: Callable[[], Picture]) -> Picture:
        """The picture as it is to be shown now; decoded once per way of showing it."""
        key = (index, index in self.revealed, self.grey)
        if key not in self._ready:
            self._ready[key] = make()
        return self._ready[key]

    def toggle(self, index: int) -> None:
        """Reveal a picture, or blur it again."""
        self.revealed ^= {index}

    def toggle_all(self, total: int) -> None:
        """Reveal all pictures, or blur them again if all are revealed."""
        everything = set(range(total))
        self.revealed = set() if self.revealed == everything else everything

    def toggle_grey(self) -> None:
        """Colours on or off."""
        self.grey = not self.grey

    def reveal_button(self, index: int) -> None:
        """The button below one picture."""
        shown = index in self.revealed
        st.button(
            "Blur" if shown else "Reveal",
            key=f"reveal-{index}",
            icon=":material/visibility_off:" if shown else ":material/visibility:",
            type="tertiary",
            on_click=self.toggle,
            args=(index,),
        )

    def reveal_all_button(self, total: int, shortcut: str | None) -> None:
        """The button for all pictures, with its key."""
        everything = len(self.revealed) == total
        label = "Blur" if everything else "Reveal"
        st.button(
            label if total == 1 else f"{label} all",
            key="reveal-all",
            shortcut=shortcut,
            on_click=self.toggle_all,
            args=(total,),
        )

    def grey_button(self, shortcut: str | None) -> None:
        """The button for colours, with its key."""
        st.button(
            "Colours" if self.grey else "Grey",
            key="grey",
            shortcut=shortcut,
            on_click=self.toggle_grey,
        )
