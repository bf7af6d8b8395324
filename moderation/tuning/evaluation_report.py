"""An evaluation as one HTML page without scripts: for one model, or for two side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from moderation.tuning.evaluation import Cell, Evaluation, HarmlessRate
from moderation.tuning.evaluation_plots import COLOURS, reliability, whiskers

_STYLE = """
:root{color-scheme:light dark;--one:light-dark(#0b6e99,#5bb3d8);--two:light-dark(#b3541e,#e59a66);
--line:light-dark(#dde1e6,#3a4048);--dim:light-dark(#57606a,#9aa4ae)}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:84rem;padding:0 1.5rem;
background:light-dark(#fff,#15181b);color:light-dark(#1b1f24,#e3e6e8)}
h1{font-size:1.6rem;margin:0}h2{margin:2.2rem 0 .4rem;font-size:1.2rem}
table{border-collapse:collapse;margin:.5rem 0 1rem}th,td{padding:.2rem .6rem;text-align:right;
border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums;white-space:nowrap}
th{font-weight:600;position:sticky;top:0;background:light-dark(#fff,#15181b)}
.l{text-align:left}.wide{overflow-x:auto}.plots{display:flex;flex-wrap:wrap;gap:1rem 1.4rem}
figure{margin:0}figcaption,.note,summary{font-size:.87rem;color:var(--dim)}
.note{max-width:60rem;margin:.2rem 0}
.interval{color:var(--dim);font-size:.87em}.worse{font-weight:600}
.tiles{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0}.tile{border:1px solid var(--line);
border-radius:6px;padding:.5rem .9rem;min-width:11rem}.tile b{display:block;font-size:1.25rem}
svg{font:12px system-ui,sans-serif;max-width:100%}svg text{fill:currentColor}
svg .tick{fill:var(--dim)}.grid,.frame{stroke:var(--line);fill:none}
.diagonal{stroke:var(--dim);stroke-dasharray:4}summary{cursor:pointer;margin:.4rem 0}
"""


def report_html(evaluations: Sequence[Evaluation]) -> str:
    """One page; the first model's cells decide which lines there are."""
    first = evaluations[0]
    names = " and ".join(escape(e.model) for e in evaluations)
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>Evaluation of {names}</title><style>{_STYLE}</style>",
        f"<h1>Evaluation on {first.rows:,} rows</h1>",
        _legend(evaluations),
        _tiles(evaluations),
        "<h2>Ranking, by category</h2>",
        _note(
            "Average precision (AP) with its 95% bootstrap interval. AP and ROC-AUC need no "
            "threshold. Rows whose label is unknown are left out of that label's figures; a line "
            "has at least ten rows of each kind."
        ),
        _plot(evaluations),
        _table(evaluations, [c for c in first.cells if c.by == "all"], with_slice=False),
        *_policy(evaluations),
        "<h2>Calibration</h2>",
        _note(
            "Predicted probability to the right, observed share of positives upwards: on the "
            "diagonal a probability means what it says for this mixture of rows."
        ),
        "<div class='plots'>",
        *(reliability(category, evaluations) for category in first.reliability),
        "</div>",
        *_harmless(evaluations),
        *_identity(evaluations),
    ]
    for by in ("language", "source", "language and source"):
        cells = sorted((c for c in first.cells if c.by == by), key=lambda c: (c.category, c.slice))
        if cells:
            table = _table(evaluations, cells, with_slice=True)
            opened = "" if by == "language and source" else " open"
            parts.append(
                f"<h2>By {by}</h2><details{opened}><summary>{len(cells)} lines</summary>"
                f"{table}</details>"
            )
    return "\n".join(parts) + "\n</html>\n"


def _note(text: str) -> str:
    return f"<p class='note'>{text}</p>"


def _legend(evaluations: Sequence[Evaluation]) -> str:
    return "<p>" + " &nbsp; ".join(
        f"<span style='color:{COLOURS[i % 2]}'>●</span> {escape(e.model)}"
        for i, e in enumerate(evaluations)
    ) + "</p>"  # fmt: skip


def _tiles(evaluations: Sequence[Evaluation]) -> str:
    def values(of: Callable[[Evaluation], str]) -> str:
        return " · ".join(
            f"<span style='color:{COLOURS[i % 2]}'>{of(e)}</span>"
            for i, e in enumerate(evaluations)
        )

    tiles = [
        ("mean AP over categories", values(_mean_precision)),
        ("harmless rows flagged at review", values(_flagged)),
        ("most against least flagged language (aim: ≤ 2)", values(_ratio)),
        ("sentences naming attacked groups, against average (aim: ≤ 1.2)", values(_identity_ratio)),
    ]
    return (
        "<div class='tiles'>"
        + "".join(f"<div class='tile'><b>{value}</b>{name}</div>" for name, value in tiles)
        + "</div>"
    )


def _mean_precision(evaluation: Evaluation) -> str:
    values = [c.average_precision.value for c in evaluation.cells if c.by == "all"]
    return f"{sum(values) / len(values):.3f}" if values else "–"


def _flagged(evaluation: Evaluation) -> str:
    rate = next((r for r in evaluation.harmless if r.by == "all"), None)
    return "–" if rate is None or rate.at_review is None else f"{rate.at_review:.1%}"


def _ratio(evaluation: Evaluation) -> str:
    found = evaluation.harmless_ratio()
    return "–" if found is None else f"{found[0]:.1f} ({escape(found[1])}/{escape(found[2])})"


def _identity_ratio(evaluation: Evaluation) -> str:
    if evaluation.identity is None or evaluation.identity.ratio is None:
        return "–"
    return f"{evaluation.identity.ratio:.2f}"


def _plot(evaluations: Sequence[Evaluation]) -> str:
    names = [c.category for c in evaluations[0].cells if c.by == "all"]
    found = [[e.cell(name) for name in names] for e in evaluations]
    return whiskers(names, [[c.average_precision if c else None for c in own] for own in found])


def _table(evaluations: Sequence[Evaluation], cells: Sequence[Cell], *, with_slice: bool) -> str:
    heads = ["category", *(["part"] if with_slice else []), "rows", "positives"]
    each = ["AP", "ROC-AUC", "F1 at .5", "F1 at review", "cal. error"]
    lines = []
    for cell in cells:
        row = [escape(cell.category), *([escape(cell.slice)] if with_slice else [])]
        row += [f"{cell.rows:,}", f"{cell.positives:,}"]
        for evaluation in evaluations:
            found = evaluation.cell(cell.category, cell.by, cell.slice)
            row += _figures(found) if found else ["–"] * len(each)
        lines.append(row)
    return _rows([*heads, *_of_each(evaluations, each)], lines, 2 if with_slice else 1)


def _figures(cell: Cell) -> list[str]:
    review = next((p for p in cell.at_policy if p.purpose == "review"), None)
    return [
        _with_interval(cell.average_precision),
        f"{cell.roc_auc.value:.3f}",
        f"{cell.f1['0.5']:.3f}",
        f"{review.f1.value:.3f}" if review else "–",
        f"{cell.calibration_error:.3f}",
    ]


def _with_interval(figure: object) -> str:
    value, low, high = (getattr(figure, name) for name in ("value", "low", "high"))
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} <span class='interval'>[{low:.3f}, {high:.3f}]</span>"


def _of_each(evaluations: Sequence[Evaluation], heads: Sequence[str]) -> list[str]:
    """The heads once per model, in its colour where there are two."""
    if len(evaluations) == 1:
        return list(heads)
    colours = [COLOURS[index % 2] for index in range(len(evaluations))]
    return [f"<span style='color:{c}'>{head}</span>" for c in colours for head in heads]


def _rows(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=l' if i < left else ''}>{value}</{tag}>" for i, value in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{cells('th', heads)}</tr>{body}</table></div>"


def _policy(evaluations: Sequence[Evaluation]) -> list[str]:
    lines = []
    for cell in evaluations[0].cells:
        if cell.by != "all":
            continue
        for index, point in enumerate(cell.at_policy):
            row = [escape(cell.category), point.purpose, f"{point.threshold:.2f}"]
            for evaluation in evaluations:
                found = evaluation.cell(cell.category)
                own = found.at_policy[index] if found and len(found.at_policy) > index else None
                row += (
                    [f"{own.precision:.3f}", f"{own.recall:.3f}", _with_interval(own.f1)]
                    if own
                    else ["–"] * 3
                )
            lines.append(row)
    if not lines:
        return []
    heads = ["category", "purpose", "threshold"]
    heads += _of_each(evaluations, ["precision", "recall", "F1"])
    return [
        "<h2>At the thresholds of the policy in force</h2>",
        _note(
            "<i>review</i>: the lowest score from which any rule sends an item to a person or does "
            "more; <i>act</i>: the lowest from which a rule restricts the item or its author."
        ),
        _rows(heads, lines, 2),
    ]


def _harmless(evaluations: Sequence[Evaluation]) -> list[str]:
    rates = [r for r in evaluations[0].harmless if r.by != "language and source"]
    if not rates:
        return []
    heads = ["rows", "part", "number"]
    heads += _of_each(evaluations, ["at review", "at .5", "at .8", "mostly by"])
    lines = []
    for rate in rates:
        row = [escape(rate.by), escape(rate.slice), f"{rate.rows:,}"]
        for evaluation in evaluations:
            row += _rates(evaluation, rate)
        lines.append(row)
    return [
        "<h2>Harmless rows that are flagged</h2>",
        _note(
            "Rows with at least three known labels, none of which applies. A flag counts where its "
            "label is known. <i>At review</i>: any rule would do something; 95% Wilson intervals."
        ),
        _rows(heads, lines, 2),
    ]


def _rates(evaluation: Evaluation, like: HarmlessRate) -> list[str]:
    own = next((r for r in evaluation.harmless if (r.by, r.slice) == (like.by, like.slice)), None)
    if own is None:
        return ["–"] * 4
    low, high = own.at_review_interval
    return [
        "–"
        if own.at_review is None
        else f"{own.at_review:.1%} <span class='interval'>[{low:.1%}, {high:.1%}]</span>",
        f"{own.flagged['0.5']:.1%}",
        f"{own.flagged['0.8']:.1%}",
        escape(own.worst_category) if own.flagged["0.5"] else "–",
    ]


def _identity(evaluations: Sequence[Evaluation]) -> list[str]:
    measured = [(e.model, e.identity) for e in evaluations if e.identity is not None]
    if not measured:
        return []
    lines = []
    for model, rates in measured:
        low, high = rates.identity_interval
        worst = ", ".join(
            f"{escape(t.term)} ({t.language}, {t.flagged:.0%})" for t in rates.worst if t.flagged
        )
        lines.append(
            [
                escape(model),
                f"{rates.sentences:,}",
                (
                    f"{rates.flagged_identity:.2%} <span class='interval'>[{low:.2%}, {high:.2%}]"
                    "</span>"
                ),
                f"{rates.flagged_other:.2%}",
                "–" if rates.ratio is None else f"{rates.ratio:.2f}",
                f"<span style='white-space:normal'>{worst or 'none'}</span>",
            ]
        )
    return [
        "<h2>Harmless sentences that name groups of people</h2>",
        _note(
            "The same sentences in 15 languages name groups that are often attacked, and groups "
            "that hardly anybody is; nothing was trained on them. Flagged by any output at review."
        ),
        _rows(
            ["model", "sentences", "attacked groups", "others", "against average", "most flagged"],
            lines,
            1,
        ),
    ]
