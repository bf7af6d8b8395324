"""Labels of public training rows by a second reading, which take the place of the first.

Of the rows that COLD's training part calls offensive, which were found by keywords and a model,
six in ten attack nobody when they are read one by one: they mention groups, ask, or speak against
prejudice. Where the two readings differ on a text that does not speak against prejudice, people
would too, so its target lies between them. The files in ``seed/reread`` hold, per source, the
SHA-256 of a text and how it was read; no text is kept there.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from moderation.tuning.training_rows import SEED_FOLDER, LabelledText

#: Characters of a digest that are kept; two texts of one source share them by no accident.
_DIGITS = 16
#: What a reading says of labels; a label that it does not name stays unknown.
READINGS: Mapping[str, Mapping[str, float]] = {
    "person": {"toxicity": 1.0, "harassment": 1.0, "hate": 0.0},
    "group": {"toxicity": 1.0, "hate": 1.0},
    "against_prejudice": {"toxicity": 0.0, "harassment": 0.0, "hate": 0.0},
    "harmless": {"toxicity": 0.0, "harassment": 0.0, "hate": 0.0},
}

#: Of a text that was called toxic first and harmless then.
DISPUTED: Mapping[str, float] = {"toxicity": 0.5, "hate": 0.35, "harassment": 0.0}


def reread(rows: Iterable[LabelledText], *, unread: bool = True) -> Iterator[LabelledText]:
    """The rows with labels as they were read again; for training and calibration, never for tests.

    Of a source that was read again, a row called toxic that nobody read is left out. A row that was
    read has the source's name with ``_reread``.

    Args:
        unread: whether the other rows that nobody read stay. What is left of them is harmless, so
            they tell nothing of how often such text is not.
    """
    for row in rows:
        readings = _readings(row.source)
        reading = readings.get(digest(row.text), "")
        labels = READINGS.get(reading)
        if labels is not None:
            if reading == "harmless" and row.labels.get("toxicity"):
                labels = DISPUTED
            yield replace(row, labels=labels, weak=_others(row), source=f"{row.source}_reread")
        elif not readings or (unread and not row.labels.get("toxicity")):
            yield row


def digest(text: str) -> str:
    """How a text is named in the files."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _others(row: LabelledText) -> dict[str, float]:
    read = {"toxicity", "harassment", "hate"}
    return {label: value for label, value in row.weak.items() if label not in read}


@cache
def _readings(source: str) -> Mapping[str, str]:
    file = SEED_FOLDER / "reread" / f"{source}.csv"
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["sha256"]: row["reading"] for row in csv.DictReader(lines)}
