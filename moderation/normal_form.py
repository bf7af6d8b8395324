"""Unicode normalisation that takes linear time on any text.

Putting combining marks into their canonical order takes quadratic time in the length of a row of
them: 40,000 marks in two kinds took 20 seconds. No language stacks more than a few on one letter,
so longer rows are cut. (Unicode Standard Annex 15 allows that, as its *stream-safe text format*.)
"""

from __future__ import annotations

import unicodedata

#: Combining marks kept on one letter; the stream-safe format allows 30.
MOST_MARKS = 30


def nfkc(text: str) -> str:
    """The text in normal form NFKC, rows of more than `MOST_MARKS` combining marks cut."""
    return unicodedata.normalize("NFKC", text if text.isascii() else _with_few_marks(text))


def _with_few_marks(text: str) -> str:
    kept: list[str] = []
    start = marks = 0
    for index, character in enumerate(text):
        if not unicodedata.combining(character):
            marks = 0
            continue
        marks += 1
        if marks == MOST_MARKS + 1:
            kept.append(text[start:index])
        if marks > MOST_MARKS:
            start = index + 1
    return "".join([*kept, text[start:]])
