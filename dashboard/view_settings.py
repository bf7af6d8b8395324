"""How one reviewer looks at one item: what is revealed, unfolded, without colours.

What was revealed is kept with the decision, because a decision on a picture that nobody looked at
is another one than a decision on a picture that was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboard.pictures import Picture
from moderation.translation import Translation


@dataclass(slots=True)
class ViewSettings:
    """Of one item, and grey-scale of the session. Parts are named as in signals: `image:0`."""

    revealed: set[str] = field(default_factory=set)
    unfolded: set[str] = field(default_factory=set)
    grey: bool = True
    copies: dict[int, str] = field(default_factory=dict)  #: item key → words of a near-copy
    translations: dict[str, Translation] = field(default_factory=dict)  #: by part
    reads: frozenset[str] | None = None  #: languages of the reviewer, once looked up
    opened_at: float = field(default_factory=time.monotonic)
    _ready: dict[tuple[str, bool, bool], Sequence[Picture]] = field(default_factory=dict)

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

    def pictures(self, part: str, make: Callable[[], Sequence[Picture]]) -> Sequence[Picture]:
        """The pictures of a part as they are to be shown now; made once per way of showing."""
        key = (part, part in self.revealed, self.grey)
        if key not in self._ready:
            self._ready[key] = make()
        return self._ready[key]

    def toggle(self, part: str) -> None:
        """Reveal a picture, or blur it again."""
        self.revealed ^= {part}

    def toggle_all(self, parts: frozenset[str]) -> None:
        """Reveal all pictures, or blur them again if all are revealed."""
        self.revealed = set() if self.revealed == parts else set(parts)

    def toggle_grey(self) -> None:
        """Colours on or off."""
        self.grey = not self.grey

    def reveal_button(self, part: str) -> None:
        """The button below one picture or video."""
        shown = part in self.revealed
        st.button(
            "Blur" if shown else "Reveal",
            key=f"reveal-{part}",
            icon=":material/visibility_off:" if shown else ":material/visibility:",
            type="tertiary",
            on_click=self.toggle,
            args=(part,),
        )

    def reveal_all_button(self, parts: frozenset[str], shortcut: str | None) -> None:
        """The button for all pictures, with its key."""
        label = "Blur" if self.revealed == parts else "Reveal"
        st.button(
            label if len(parts) == 1 else f"{label} all",
            key="reveal-all",
            shortcut=shortcut,
            on_click=self.toggle_all,
            args=(parts,),
        )

    def grey_button(self, shortcut: str | None) -> None:
        """The button for colours, with its key."""
        st.button(
            "Colours" if self.grey else "Grey",
            key="grey",
            shortcut=shortcut,
            on_click=self.toggle_grey,
        )
