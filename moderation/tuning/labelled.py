"""Labelled text from files: parquet, JSON Lines, or folders of them.

A row has ``text`` and its labels, either one column per label (1, 0 or empty for unknown) or a
list ``labels`` of all that apply, which makes every other label 0. Labels are category ids, or
the short names of `moderation.taxonomy.DATA_LABELS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from moderation.classifiers.base import Classifier, LocatedText, Prepared
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.items import Item
from moderation.taxonomy import CATEGORY_IDS, DATA_LABELS
from moderation.tuning.evaluation import Array, ScoredRows
from moderation.tuning.training_rows import UnreadableData

_BATCH = 256
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A text with its known labels by category id."""

    text: str
    language: str
    source: str
    labels: Mapping[str, float]


def read_labelled(path: Path) -> Iterator[EvaluationRow]:
    """Rows of a parquet or JSON Lines file, or of every such file in a folder.

    Raises:
        UnreadableData: no such file, an unknown kind, or a row that has no text; the message
            names the file and the row.
    """
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix in {".parquet", ".jsonl"})
        if not files:
            raise UnreadableData(f"{path}: holds no .parquet or .jsonl file")
        for file in files:
            yield from read_labelled(file)
        return
    reader = {".parquet": _parquet, ".jsonl": _json_lines}.get(path.suffix)
    if reader is None:
        raise UnreadableData(f"{path}: not a .parquet or .jsonl file")
    for number, record in enumerate(reader(path), start=1):
        if "turns" in record and "text" not in record:
            continue  # conversations have an evaluation of their own
        yield _row(record, path, number)


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        yield from parquet.read_table(path).to_pylist()
    except (OSError, ValueError, pyarrow.ArrowInvalid) as error:
        raise UnreadableData(f"{path}: not a readable parquet file ({error})") from error


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        yield json.loads(line)
                    except ValueError as error:
                        raise UnreadableData(f"{path}, line {number}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableData(f"{path}: cannot be read ({error})") from error


def _row(record: Mapping[str, Any], path: Path, number: int) -> EvaluationRow:
    text = record.get("text")
    if not isinstance(text, str):
        raise UnreadableData(f"{path}, row {number}: has no 'text'")
    labels: dict[str, float] = {}
    listed = record.get("labels")
    if isinstance(listed, list):
        labels = dict.fromkeys(DATA_LABELS.values(), 0.0)
        for name in listed:
            labels[_category(str(name), path, number)] = 1.0
    elif isinstance(listed, Mapping):
        for name, value in listed.items():
            labels[_category(str(name), path, number)] = float(value)
    for name in (*DATA_LABELS, *CATEGORY_IDS):
        value = record.get(name)
        if value is not None and name not in {"id", "text"}:
            labels[DATA_LABELS.get(name, name)] = float(value)
    language = str(record.get("lang") or record.get("language") or "und")
    return EvaluationRow(text, language, str(record.get("source") or path.stem), labels)


def _category(name: str, path: Path, number: int) -> str:
    category = DATA_LABELS.get(name, name)
    if category not in CATEGORY_IDS:
        raise UnreadableData(f"{path}, row {number}: {name!r} is no label or category id")
    return category


def score_rows(classifier: Classifier, rows: Sequence[EvaluationRow]) -> ScoredRows:
    """The rows with the classifier's scores, for the categories that it has."""
    categories = tuple(c for c in CATEGORY_IDS if c in classifier.categories)
    scores: Array = np.zeros((len(rows), len(categories)))
    labels: Array = np.full((len(rows), len(categories)), np.nan)
    told = LanguageIdentifier()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].text))
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        texts = [rows[i].text[:_LONGEST] or " " for i in batch]
        languages = told.identify(texts)
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
        tuple(row.language for row in rows),
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
