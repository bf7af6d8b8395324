"""Labelled text from files, see `moderation.tuning.labelled_files`, or folders of them.

A row has ``text`` and its labels, either one column per label (1, 0 or empty for unknown; true and
false, yes and no, or a share of annotators, of whom half make a 1) or ``labels``: all that apply,
as a list or as words between commas, which makes every other label 0. Labels are category ids,
or the short names of `moderation.taxonomy.DATA_LABELS`; `Columns` gives others their meaning.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from moderation.classifiers.base import Classifier, LocatedText, Prepared
from moderation.classifiers.text.language import UNKNOWN, LanguageIdentifier
from moderation.items import Item
from moderation.taxonomy import CATEGORY_IDS, DATA_LABELS
from moderation.tuning.evaluation import Array, ScoredRows
from moderation.tuning.labelled_files import Record, is_readable, kinds, records
from moderation.tuning.training_rows import UnreadableData

_BATCH = 256
_LONGEST = 4_000
#: Names of labels that say that no category applies.
_NOTHING = frozenset({"", "none", "[]"})
_YES_NO = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A text with its known labels by category id."""

    text: str
    language: str
    source: str
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of somebody's files are called.

    Raises:
        UnreadableData: a label is to mean what is no category.
    """

    text: str = "text"
    language: str = ""  #: empty: ``lang`` or ``language``
    source: str = "source"
    #: Name of a column or label → category id, short name, or ``none``.
    means: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what the labels are to mean."""
        for name in self.means:
            self.category(name, "--label")

    def category(self, name: str, place: str) -> str:
        """The category that a label means; empty for none.

        Raises:
            UnreadableData: it means nothing known.
        """
        meant = self.means.get(name, name).strip()
        category = DATA_LABELS.get(meant, meant)
        if meant in _NOTHING:
            return ""
        if category not in CATEGORY_IDS:
            raise UnreadableData(
                f"{place}: {meant!r} is no label or category id; known are "
                f"{', '.join(DATA_LABELS)}; give yours a meaning: --label {name or 'NAME'}=toxicity"
            )
        return category


def read_labelled(path: Path, columns: Columns | None = None) -> Iterator[EvaluationRow]:
    """Rows of one file, or of every file in a folder that can be read.

    Args:
        path: file or folder.
        columns: what its columns are called.

    Raises:
        UnreadableData: no such file, an unknown kind, a row that has no text, or a label that
            means nothing; the message names the file and the row.
    """
    columns = columns or Columns()
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if is_readable(f))
        if not files:
            raise UnreadableData(f"{path}: holds no file that ends in one of {kinds()}")
        for file in files:
            yield from read_labelled(file, columns)
        return
    for place, record in records(path):
        if "turns" in record and columns.text not in record:
            continue  # conversations have an evaluation of their own
        yield _row(record, path, place, columns)


def _row(record: Record, path: Path, place: str, columns: Columns) -> EvaluationRow:
    text = record.get(columns.text)
    if not isinstance(text, str):
        raise UnreadableData(
            f"{place}: has no {columns.text!r}; it has {', '.join(map(str, record))}. "
            "Name another column: --text-column"
        )
    names = [columns.language] if columns.language else ["lang", "language"]
    language = next((str(record[name]) for name in names if record.get(name)), UNKNOWN)
    source = str(record.get(columns.source) or path.stem)
    return EvaluationRow(text, language, source, _labels(record, place, columns))


def _labels(record: Record, place: str, columns: Columns) -> Mapping[str, float]:
    labels: dict[str, float] = {}
    listed = _listed(record.get("labels"))
    if isinstance(listed, Mapping):
        for name, value in listed.items():
            _put(labels, columns.category(str(name), place), value, f"{place}, {name}")
    elif listed is not None:
        labels = dict.fromkeys(DATA_LABELS.values(), 0.0)
        for name in listed:
            _put(labels, columns.category(str(name), place), 1.0, place)
    reserved = {"id", "labels", columns.text, columns.language, columns.source}
    for name in dict.fromkeys([*DATA_LABELS, *CATEGORY_IDS, *columns.means]):
        if name in record and name not in reserved:
            _put(labels, columns.category(name, place), record[name], f"{place}, column {name!r}")
    return labels


def _listed(labels: Any) -> Mapping[str, Any] | Sequence[Any] | None:
    """What ``labels`` holds; words between commas where it is a string."""
    if not isinstance(labels, str):
        return labels if isinstance(labels, (Mapping, list, tuple)) else None
    if labels.lstrip().startswith(("[", "{")):
        try:
            found: Mapping[str, Any] | list[Any] = json.loads(labels.replace("'", '"'))
        except ValueError:
            return [labels]
        return found
    return [word for word in re.split(r"\s*[,;|]\s*", labels.strip()) if word]


def _put(labels: dict[str, float], category: str, value: object, place: str) -> None:
    """Note a label; of several that mean the same category, one that applies is enough."""
    known = _truth(value, place)
    if category and known is not None:
        labels[category] = max(known, labels.get(category, 0.0))


def _truth(value: object, place: str) -> float | None:
    """1, 0, or None for unknown."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = _YES_NO.get(str(value).strip().lower())
        number = float(str(value)) if number is None else number
    except ValueError:
        number = -1.0
    if math.isnan(number):
        return None
    if not 0 <= number <= 1:
        raise UnreadableData(f"{place}: {str(value)[:40]!r} is neither 1 nor 0 nor empty")
    return float(number >= 0.5)


def score_rows(classifier: Classifier, rows: Sequence[EvaluationRow]) -> ScoredRows:
    """The rows with the classifier's scores, for the categories that it has.

    The language of a row that does not say is identified.
    """
    categories = tuple(c for c in CATEGORY_IDS if c in classifier.categories)
    scores: Array = np.zeros((len(rows), len(categories)))
    labels: Array = np.full((len(rows), len(categories)), np.nan)
    spoken = [row.language for row in rows]
    told = LanguageIdentifier()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].text))
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        texts = [rows[i].text[:_LONGEST] or " " for i in batch]
        languages = told.identify(texts)
        for i, language in zip(batch, languages, strict=True):
            spoken[i] = language if rows[i].language == UNKNOWN else rows[i].language
        prepared = [
            Prepared(
                item=Item.from_row({"id": str(i), "text": "x"}),
                texts=(LocatedText(text, "text:0", language),),
            )
            for i, text, language in zip(batch, texts, languages, strict=True)
        ]
        for i, signals in zip(batch, classifier.classify(prepared), strict=True):
            for signal in signals:
                if signal.category is not None:
                    column = categories.index(signal.category)
                    scores[i, column] = max(scores[i, column], signal.probability)
    for i, row in enumerate(rows):
        for column, category in enumerate(categories):
            labels[i, column] = row.labels.get(category, np.nan)
    return ScoredRows(
        categories,
        labels,
        scores,
        tuple(spoken),
        tuple(row.source for row in rows),
    )


def limit_rows(rows: Sequence[EvaluationRow], limit: int, seed: int) -> list[EvaluationRow]:
    """At most ``limit`` rows of each source, drawn with this seed."""
    generator = np.random.default_rng(seed)
    by_source: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_source.setdefault(row.source, []).append(index)
    kept: set[int] = set()
    for own in by_source.values():
        kept.update(int(own[i]) for i in generator.permutation(len(own))[:limit])
    return [row for index, row in enumerate(rows) if index in kept]
