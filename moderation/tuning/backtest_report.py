"""A backtest as a page to read and a Parquet file of the flipped items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd

from moderation.policy.diff import Change
from moderation.policy.rollout import DIRECTIONS
from moderation.tuning.backtest import Backtest
from moderation.tuning.backtest_template import TEMPLATE

#: Rows that a slice's table shows.
_MOST_ROWS = 30


def write_report(backtest: Backtest, folder: Path, changes: Sequence[Change] = ()) -> Path:
    """Writes `report.html` and `flips.parquet`; gives the path of the page.

    Args:
        backtest: what to write down.
        folder: is made if it is not there.
        changes: the difference of the two sets, told at the top.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backtest.flips.to_parquet(folder / "flips.parquet", index=False)
    page = folder / "report.html"
    page.write_text(report_html(backtest, changes), encoding="utf-8")
    return page


def report_html(backtest: Backtest, changes: Sequence[Change] = ()) -> str:
    """The page."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    moved = backtest.volume.query("live > 0 or candidate > 0")
    quality = backtest.quality.sort_values(
        ["slice", "name", "measure", "set"], key=_all_first, kind="stable"
    )
    disparity = backtest.disparity.sort_values(["language", "set"], kind="stable")
    shown = moved[moved["action"] != "allow"]
    return environment.from_string(TEMPLATE).render(
        b=backtest,
        sentences=[change.sentence for change in changes],
        directions=DIRECTIONS,
        totals=_rows(backtest.totals),
        most=max(1, int(backtest.totals["changed"].max())) if len(backtest.totals) else 1,
        slices=[(name, _sliced(backtest, name)) for name in ("category", "language", "surface")],
        volume=_rows(shown),
        widest=max(1, int(shown[["live", "candidate"]].to_numpy().max())) if len(shown) else 1,
        quality=_rows(quality),
        disparity=_rows(disparity),
        queues=_rows(backtest.queues),
        examples=_rows(backtest.examples()),
    )


def _all_first(column: pd.Series) -> pd.Series:
    return column.where(column != "all", "") if column.name == "slice" else column


def _sliced(backtest: Backtest, name: str) -> list[dict[str, object]]:
    counted = backtest.changes.pivot_table(
        index=name, columns="direction", values="items", aggfunc="sum", fill_value=0
    ).reindex(columns=list(DIRECTIONS), fill_value=0)
    counted = counted.loc[counted.sum(axis=1).sort_values(ascending=False).index]
    return _rows(counted.head(_MOST_ROWS).astype(int).reset_index())


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
