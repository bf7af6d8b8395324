"""An evaluation as one HTML page without scripts: tables, bars and reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from moderation.tuning.evaluation import Cell, Evaluation, ReliabilityPoint

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;
color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0 2rem}th,td{padding:.25rem .7rem;text-align:right;
border-bottom:1px solid #dde1e6;font-variant-numeric:tabular-nums}th:first-child,td:first-child{
text-align:left}h2{margin-top:2.2rem}.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}
figcaption{font-size:13px}.note{color:#57606a;font-size:13px}.interval{color:#57606a}
"""
_SIZE = 150
_READING = (
    "Average precision (AP) and ROC-AUC do not depend on a threshold; brackets hold 95% bootstrap "
    "intervals. Rows whose label is unknown are left out of that label's figures."
)
_RELIABILITY = (
    "Predicted probability to the right, observed share of positives upwards; on the diagonal a "
    "probability means what it says."
)


def report_html(evaluations: Sequence[Evaluation]) -> str:
    """One page for one model, or for two side by side."""
    first = evaluations[0]
    names = " and ".join(escape(e.model) for e in evaluations)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>Evaluation of {names}</title><style>{_STYLE}</style>",
        f"<h1>Evaluation of {names}</h1>",
        f"<p>{first.rows:,} rows. {_READING}</p>",
        "<h2>By category</h2>",
        _table(evaluations, [c for c in first.cells if c.by == "all"], "category"),
        f"<h2>Reliability</h2><p class='note'>{_RELIABILITY}</p>",
        "<div class='plots'>",
        *(_reliability(category, points) for category, points in first.reliability.items()),
        "</div>",
        "<h2>Harmless rows flagged by any output</h2>",
        _harmless_table(evaluations),
    ]
    for by in ("language", "source"):
        parts.append(f"<h2>By {by}</h2>")
        cells = sorted((c for c in first.cells if c.by == by), key=lambda c: (c.category, c.slice))
        parts.append(_table(evaluations, cells, by))
    return "\n".join(parts)


def _table(evaluations: Sequence[Evaluation], cells: Sequence[Cell], by: str) -> str:
    heads = ["category"] if by == "category" else ["category", by]
    heads += ["rows", "positives"]
    for evaluation in evaluations:
        mark = f" ({escape(evaluation.model)})" if len(evaluations) > 1 else ""
        heads += [f"AP{mark}", f"ROC-AUC{mark}", f"F1 at .5{mark}", f"calibration error{mark}"]
    lines = []
    for cell in cells:
        row = [escape(cell.category)] + ([escape(cell.slice)] if by != "category" else [])
        row += [f"{cell.rows:,}", f"{cell.positives:,}"]
        for evaluation in evaluations:
            found = evaluation.cell(cell.category, cell.by, cell.slice)
            row += _figures(found) if found else ["–"] * 4
        lines.append("<tr><td>" + "</td><td>".join(row) + "</td></tr>")
    head = "".join(f"<th>{h}</th>" for h in heads)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _figures(cell: Cell) -> list[str]:
    precision, auc = cell.average_precision, cell.roc_auc
    interval = (
        f" <span class='interval'>[{precision.low:.3f}, {precision.high:.3f}]</span>"
        if precision.low is not None and precision.high is not None
        else ""
    )
    return [
        f"{precision.value:.3f}{interval}",
        f"{auc.value:.3f}",
        f"{cell.f1['0.5']:.3f}",
        f"{cell.calibration_error:.3f}",
    ]


def _harmless_table(evaluations: Sequence[Evaluation]) -> str:
    heads = "<th>set</th><th>rows</th>"
    for evaluation in evaluations:
        name = f" ({escape(evaluation.model)})" if len(evaluations) > 1 else ""
        heads += f"<th>at .5{name}</th><th>at .8{name}</th><th>mostly by{name}</th>"
    lines = []
    for rate in evaluations[0].harmless:
        row = f"<td>{escape(rate.by)}: {escape(rate.slice)}</td><td>{rate.rows:,}</td>"
        for evaluation in evaluations:
            own = next(
                (r for r in evaluation.harmless if (r.by, r.slice) == (rate.by, rate.slice)), None
            )
            row += (
                f"<td>{own.flagged['0.5']:.1%}</td><td>{own.flagged['0.8']:.1%}</td>"
                f"<td>{escape(own.worst_category)}</td>"
                if own
                else "<td>–</td><td>–</td><td>–</td>"
            )
        lines.append(f"<tr>{row}</tr>")
    return f"<table><tr>{heads}</tr>{''.join(lines)}</table>"


def _reliability(category: str, points: Sequence[ReliabilityPoint]) -> str:
    dots = "".join(
        f"<circle cx='{p.predicted * _SIZE:.1f}' cy='{(1 - p.observed) * _SIZE:.1f}' r='3' "
        f"fill='#0b6e99'><title>predicted {p.predicted:.2f}, observed {p.observed:.2f}, "
        f"{p.rows} rows</title></circle>"
        for p in points
    )
    line = " ".join(f"{p.predicted * _SIZE:.1f},{(1 - p.observed) * _SIZE:.1f}" for p in points)
    return (
        f"<figure><svg width='{_SIZE + 8}' height='{_SIZE + 8}' viewBox='-4 -4 {_SIZE + 8} "
        f"{_SIZE + 8}' role='img' aria-label='Reliability of {escape(category)}'>"
        f"<rect width='{_SIZE}' height='{_SIZE}' fill='none' stroke='#c9d1d9'/>"
        f"<line x1='0' y1='{_SIZE}' x2='{_SIZE}' y2='0' stroke='#c9d1d9' stroke-dasharray='4'/>"
        f"<polyline points='{line}' fill='none' stroke='#0b6e99'/>{dots}</svg>"
        f"<figcaption>{escape(category)}</figcaption></figure>"
    )
