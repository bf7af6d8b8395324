"""What a batch came to: counts by category, by language and by action."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from moderation.taxonomy import CATEGORIES

if TYPE_CHECKING:
    from moderation.screening import Screening

#: Order of the action columns, mildest first.
ACTIONS = ("allow", "label", "interstitial", "age_gate", "limit", "hold", "unavailable")

_STYLE = {"allow": "green", "hold": "yellow", "unavailable": "red"}


@dataclass(slots=True)
class Summary:
    """Counts over screenings; one item counts once for each category and region it touches."""

    items: int = 0
    bad_rows: int = 0
    needs_review: int = 0
    with_problems: int = 0
    by_category: Counter[str] = field(default_factory=Counter)  #: items with a rule of it
    review_by_category: Counter[str] = field(default_factory=Counter)
    by_language: Counter[str] = field(default_factory=Counter)
    flagged_by_language: Counter[str] = field(default_factory=Counter)
    by_action: dict[str, Counter[str]] = field(default_factory=dict)  #: region → action → items

    def add(self, screenings: Iterable[Screening]) -> None:
        """Counts these screenings in."""
        for screening in screenings:
            self.items += 1
            self.needs_review += screening.needs_review
            self.with_problems += bool(screening.assessment.problems)
            touched: set[str] = set()
            reviewed: set[str] = set()
            for region, verdict in screening.verdicts.items():
                self.by_action.setdefault(region, Counter())[verdict.action] += 1
                categories = {hit.category for hit in verdict.rules}
                touched |= categories
                reviewed |= categories if verdict.needs_review else set()
            self.by_category.update(touched)
            self.review_by_category.update(reviewed)
            language = screening.assessment.language
            self.by_language[language] += 1
            self.flagged_by_language[language] += bool(touched)

    def print(self, console: Console) -> None:
        """Three small tables and a line of totals."""
        console.print(Group(self._categories(), self._languages(), self._actions()))
        parts = [
            f"[bold]{self.items:,}[/] screened",
            f"[bold]{self.needs_review:,}[/] for a person",
        ]
        if self.with_problems:
            parts.append(f"[yellow]{self.with_problems:,} with a part nobody could look at[/]")
        if self.bad_rows:
            parts.append(f"[red]{self.bad_rows:,} bad rows[/]")
        console.print(" · ".join(parts))

    def _categories(self) -> Table:
        table = Table(title="By category", title_justify="left")
        table.add_column("category", no_wrap=True)
        table.add_column("worst")
        table.add_column("items with a rule", justify="right")
        table.add_column("of them for a person", justify="right")
        for name in CATEGORIES:
            if self.by_category[name]:
                table.add_row(
                    CATEGORIES[name].title,
                    CATEGORIES[name].severity.value,
                    f"{self.by_category[name]:,}",
                    f"{self.review_by_category[name]:,}",
                )
        if not table.rows:
            table.add_row(Text("no rule applied", style="dim"), "", "0", "0")
        return table

    def _languages(self) -> Table:
        table = Table(title="By language", title_justify="left")
        table.add_column("language")
        table.add_column("items", justify="right")
        table.add_column("with a rule", justify="right")
        table.add_column("share", justify="right")
        for language, count in self.by_language.most_common():
            flagged = self.flagged_by_language[language]
            table.add_row(language, f"{count:,}", f"{flagged:,}", f"{flagged / count:.0%}")
        return table

    def _actions(self) -> Table:
        table = Table(title="By viewer region and action", title_justify="left")
        table.add_column("region")
        seen = [a for a in ACTIONS if any(counts[a] for counts in self.by_action.values())]
        for action in seen:
            table.add_column(action.replace("_", " "), justify="right", style=_STYLE.get(action))
        for region in sorted(self.by_action):
            counts = self.by_action[region]
            table.add_row(region, *(f"{counts[a]:,}" if counts[a] else "·" for a in seen))
        return table
