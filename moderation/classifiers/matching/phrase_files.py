"""Phrases from and to CSV files: one a line, with the columns of `COLUMNS`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from moderation.classifiers.matching.bank_files import BadLine
from moderation.classifiers.matching.phrases import USUAL_STRENGTH, NewPhrase, PhraseError
from moderation.errors import ModerationError

COLUMNS = ("text", "category", "source", "language", "strength", "anywhere", "note", "expires")
_YES = frozenset({"1", "true", "yes"})


def read_phrases(path: Path, *, source: str = "") -> Iterator[NewPhrase | BadLine]:
    """Phrases of a CSV file with a header; a bad line is told and the others go on.

    Args:
        path: the file, in UTF-8.
        source: where the phrases come from, for lines that do not say.

    Raises:
        PhraseError: the file cannot be read, or has no columns ``text`` and ``category``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = {"text", "category"} - set(reader.fieldnames or ())
            if missing:
                raise PhraseError(
                    f"{path}: has no column {sorted(missing)[0]!r}; "
                    f"columns are: {', '.join(COLUMNS)}"
                )
            for row in reader:
                try:
                    yield _phrase({k: (v or "").strip() for k, v in row.items() if k}, source)
                except (ModerationError, ValueError) as error:
                    yield BadLine(f"{path}, line {reader.line_num}", str(error))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PhraseError(f"{path}: cannot be read ({error})") from error


def _phrase(row: dict[str, str], source: str) -> NewPhrase:
    return NewPhrase(
        text=row["text"],
        category=row["category"],
        source=row.get("source") or source,
        language=row.get("language") or "und",
        strength=float(row.get("strength") or USUAL_STRENGTH),
        anywhere=row.get("anywhere", "").lower() in _YES,
        note=row.get("note", ""),
        expires_at=utc(datetime.fromisoformat(row["expires"])) if row.get("expires") else None,
    )


def utc(moment: datetime) -> datetime:
    """A moment without a time zone is meant in UTC."""
    return moment.replace(tzinfo=moment.tzinfo or UTC)
