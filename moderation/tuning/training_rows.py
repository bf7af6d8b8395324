"""Labelled text for training: public data sets, the seed corpus, and how rows are split.

A data folder holds ``train/``, ``dev/`` and ``test/`` with one parquet file per source; columns
are ``text``, ``lang``, ``source``, ten label columns (1, 0 or null for unknown), and ``weak0`` and
``weak1``: names of labels that are probably 0 or 1, with commas between them. The seed corpus is
part of the package and labels all thirteen outputs in every row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet

from moderation.classifiers.text.model import ENCOURAGEMENT
from moderation.errors import ModerationError
from moderation.taxonomy import DATA_LABELS

#: Names of labels in data files; their category ids are the network's outputs, in this order.
LABELS: tuple[str, ...] = tuple(DATA_LABELS)
OUTPUTS: tuple[str, ...] = (*DATA_LABELS.values(), ENCOURAGEMENT)
#: Public sources whose rows are never trained on, whatever folder they lie in.
EVALUATION_ONLY = frozenset(
    {"chineseharm", "chineseharm_third", "hatebr", "okky_id", "xstest_safe"}
)
SEED_FOLDER = Path(__file__).resolve().parents[1] / "seed"

#: Neighbouring seed rows share an idea, so they are kept back from training in blocks.
_BLOCK, _BLOCKS, _KEPT_BACK = 24, 12, 7

Floats = npt.NDArray[np.float32]


class UnreadableData(ModerationError):
    """A file of labelled text is missing or not of the expected form."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with what is known of its labels."""

    text: str
    language: str
    source: str
    labels: Mapping[str, float]  #: label → 1 or 0; a missing one is unknown
    weak: Mapping[str, float] = field(default_factory=dict)  #: probable labels
    weight: float = 1.0  #: multiplies the chance to be drawn
    aspect: str = ""
    twin: bool = False  #: harmless, but looks like a violation

    def targets(self, weak_weight: float) -> tuple[Floats, Floats]:
        """Targets and loss weights, (outputs,) each; unknown outputs have weight 0."""
        target = np.zeros(len(OUTPUTS), np.float32)
        weight = np.zeros(len(OUTPUTS), np.float32)
        for known, factor in ((self.weak, weak_weight), (self.labels, 1.0)):
            for label, value in known.items():
                column = OUTPUTS.index(DATA_LABELS.get(label, label))
                target[column] = value
                weight[column] = factor
        return target, weight


def read_split(folder: Path, split: str) -> Iterator[LabelledText]:
    """All rows of ``folder/split/*.parquet``.

    Raises:
        UnreadableData: no such folder, or a file lacks a column.
    """
    files = sorted((folder / split).glob("*.parquet"))
    if not files:
        raise UnreadableData(
            f"{folder / split}: no parquet files; name a data folder with train, dev and test"
        )
    for file in files:
        yield from read_parquet(file)


def read_parquet(file: Path) -> Iterator[LabelledText]:
    """Rows of one parquet file; see the module's description for the columns."""
    try:
        table = parquet.read_table(file)
    except (OSError, ValueError) as error:
        raise UnreadableData(f"{file}: not a readable parquet file ({error})") from error
    missing = {"text", "lang", "source"} - set(table.column_names)
    if missing:
        raise UnreadableData(f"{file}: has no column {sorted(missing)[0]!r}")
    for row in table.to_pylist():
        yield _of_record(row)


def _of_record(row: Mapping[str, Any]) -> LabelledText:
    labels = {n: float(row[n]) for n in LABELS if row.get(n) is not None}
    zeros, ones = _names(row.get("weak0")), _names(row.get("weak1"))
    weak = dict.fromkeys(zeros, 0.0) | dict.fromkeys(ones, 1.0)
    return LabelledText(
        row["text"],
        row["lang"],
        row["source"],
        labels,
        {n: v for n, v in weak.items() if n in LABELS and n not in labels},
    )


def _names(cell: str | Sequence[str] | None) -> Sequence[str]:
    """A list of labels, or one with commas between them."""
    return cell.split(",") if isinstance(cell, str) else cell or ()


def read_seed(
    *, kept_back: bool, weights: Mapping[str, float] | None = None
) -> Iterator[LabelledText]:
    """Rows of the seed corpus: those for training, or the blocks kept back from it.

    Args:
        weights: of the rows of a file, by its name; 1 if not given.
    """
    for file in sorted((SEED_FOLDER / "corpus").glob("*.jsonl")):
        weight = (weights or {}).get(file.stem, 1.0)
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if (number // _BLOCK % _BLOCKS == _KEPT_BACK) is not kept_back:
                    continue
                record = json.loads(line)
                if "turns" in record:
                    yield from _of_conversation(record)
                else:
                    yield replace(_of_seed(record), weight=weight)


def _full(names: list[str]) -> dict[str, float]:
    return {label: float(label in names) for label in LABELS}


def _of_seed(record: Mapping[str, Any]) -> LabelledText:
    labels = _full(record["labels"])
    if (labels["harassment"] or labels["hate"]) and not labels["toxicity"]:
        # The corpus keeps toxicity for abusive words; public sets call other insults toxic too.
        del labels["toxicity"]
    aspect = str(record.get("aspect") or "")
    if labels["self_harm"]:
        labels[ENCOURAGEMENT] = float(is_encouragement(aspect))
    return LabelledText(
        record["text"],
        record["lang"],
        "seed",
        labels,
        aspect=aspect,
        twin=bool(record.get("twin")),
    )


def is_encouragement(aspect: str) -> bool:
    """Whether a self-harm row eggs others on, by the words its author filed it under."""
    words = (
        "encourag", "encora", "incita", "pro-", "glorify", "romantici", "zuspruch", "challenge",
        "pact",
    )  # fmt: skip
    return any(word in aspect.lower() for word in words)


def _of_conversation(record: Mapping[str, Any]) -> Iterator[LabelledText]:
    """Pieces of four turns: what the piece itself says, not what the whole turns out to be."""
    turns = record["turns"]
    for start in range(0, len(turns), 3):
        piece = turns[start : start + 4]
        names = [label for turn in piece for label in turn["labels"]]
        text = "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in piece)
        yield LabelledText(text, record["lang"], "seed_conversations", _full(names))


def weighted(row: LabelledText, weights: Mapping[str, float]) -> LabelledText:
    """The row with its source's weight, if the recipe gives one."""
    weight = weights.get(row.source)
    return row if weight is None else replace(row, weight=weight)


def sampling_probabilities(rows: list[LabelledText], power: float) -> npt.NDArray[np.float64]:
    """Chances to draw each row: ``weight * (size of its language and rarest label) ** -power``.

    Without it, half of all draws would be English or Chinese insults.
    """
    cells: dict[tuple[str, str, float], int] = {}
    for row in rows:
        for label, value in row.labels.items():
            key = (row.language, label, value)
            cells[key] = cells.get(key, 0) + 1
    size = np.array(
        [
            min((cells[row.language, n, v] for n, v in row.labels.items()), default=len(rows))
            for row in rows
        ],
        np.float64,
    )
    chances = size**-power * np.array([row.weight for row in rows])
    result: npt.NDArray[np.float64] = chances / chances.sum()
    return result
