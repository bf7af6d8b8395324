"""The plots of an evaluation, as SVG without scripts. Colours: `--one` and `--two`, one a model."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from moderation.tuning.evaluation import Evaluation, Figure, ReliabilityPoint

_SQUARE = 150
_ROW, _LEFT, _WIDTH = 15, 190, 420
COLOURS = ("var(--one)", "var(--two)")


def whiskers(names: Sequence[str], figures: Sequence[Sequence[Figure | None]]) -> str:
    """One line per name from 0 to 1; per model a dot with its interval.

    Args:
        names: of the lines.
        figures: one list per model, in step with the names.
    """
    step = _ROW * max(2, len(figures))
    height = step * len(names) + 22
    parts = [_grid(height - 18)]
    for line, name in enumerate(names):
        middle = step * line + step / 2
        parts.append(
            f"<text x='{_LEFT - 8}' y='{middle + 4:.0f}' text-anchor='end'>{escape(name)}</text>"
        )
        for model, own in enumerate(figures):
            figure = own[line]
            if figure is not None:
                at = middle + (model - (len(figures) - 1) / 2) * _ROW * 0.8
                parts.append(_whisker(figure, at, COLOURS[model % 2]))
    return _svg(_LEFT + _WIDTH + 50, height, parts)


def _whisker(figure: Figure, y: float, colour: str) -> str:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    x, x1, x2 = (_LEFT + _WIDTH * v for v in (figure.value, low, high))
    return (
        f"<line x1='{x1:.1f}' x2='{x2:.1f}' y1='{y:.1f}' y2='{y:.1f}' stroke='{colour}' "
        f"stroke-width='2'/><circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'>"
        f"<title>{figure.value:.3f} [{low:.3f}, {high:.3f}]</title></circle>"
        f"<text x='{_LEFT + _WIDTH + 8}' y='{y + 4:.1f}' fill='{colour}'>{figure.value:.2f}</text>"
    )


def _grid(bottom: float) -> str:
    lines = []
    for tenth in range(0, 11, 2):
        x = _LEFT + _WIDTH * tenth / 10
        lines.append(
            f"<line x1='{x:.0f}' x2='{x:.0f}' y1='0' y2='{bottom:.0f}' class='grid'/>"
            f"<text x='{x:.0f}' y='{bottom + 15:.0f}' text-anchor='middle' class='tick'>"
            f"{tenth / 10:g}</text>"
        )
    return "".join(lines)


def reliability(category: str, evaluations: Sequence[Evaluation]) -> str:
    """Predicted probability to the right, observed share of positives upwards."""
    lines = [
        (
            f"<rect width='{_SQUARE}' height='{_SQUARE}' class='frame'/>"
            f"<line x1='0' y1='{_SQUARE}' x2='{_SQUARE}' y2='0' class='diagonal'/>"
        )
    ]
    for model, evaluation in enumerate(evaluations):
        lines.append(_points(evaluation.reliability.get(category, ()), COLOURS[model % 2]))
    drawn = _svg(_SQUARE + 8, _SQUARE + 8, lines, f"-4 -4 {_SQUARE + 8} {_SQUARE + 8}")
    return f"<figure>{drawn}<figcaption>{escape(category)}</figcaption></figure>"


def _points(points: Sequence[ReliabilityPoint], colour: str) -> str:
    places = [(p.predicted * _SQUARE, (1 - p.observed) * _SQUARE, p) for p in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    dots = "".join(
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'><title>predicted "
        f"{p.predicted:.2f}, observed {p.observed:.2f}, {p.rows} rows</title></circle>"
        for x, y, p in places
    )
    return f"<polyline points='{line}' fill='none' stroke='{colour}'/>{dots}"


def _svg(width: float, height: float, parts: Sequence[str], box: str = "") -> str:
    view = box or f"0 0 {width:.0f} {height:.0f}"
    return (
        f"<svg role='img' width='{width:.0f}' height='{height:.0f}' viewBox='{view}'>"
        f"{''.join(parts)}</svg>"
    )
