"""Lines of drawn text put together as people read them.

A recogniser returns single lines. A sentence that is broken over three lines means something only
as a whole, so lines that stand close together become one block, read in order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One line of text in an image; the rectangle is in fractions of width and height."""

    text: str
    score: float  #: how sure the recogniser is, 0..1
    x: float
    y: float
    width: float
    height: float
    aspect: float = 1.0  #: width of the image / height, to compare the two directions
    frame: int = 0  #: 0 is the first frame; others are samples of an animation

    @property
    def vertical(self) -> bool:
        """Whether it is a column (or a line turned by a quarter)."""
        return self.height > 1.5 * self.width * self.aspect

    @property
    def thickness(self) -> float:
        """Height of the letters, as a fraction of the image's height."""
        return self.width * self.aspect if self.vertical else self.height


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, in reading order."""

    lines: tuple[DrawnLine, ...]

    @property
    def text(self) -> str:
        """The lines as running text: no space where Chinese or Japanese runs on."""
        joined = ""
        for line in self.lines:
            gap = "" if not joined or _runs_on(joined[-1], line.text[:1]) else " "
            joined += gap + line.text
        return joined

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height of the rectangle around all lines."""
        left = min(line.x for line in self.lines)
        top = min(line.y for line in self.lines)
        right = max(line.x + line.width for line in self.lines)
        bottom = max(line.y + line.height for line in self.lines)
        return left, top, right - left, bottom - top


def _runs_on(before: str, after: str) -> bool:
    """Whether no space belongs between two characters: both are wide, and none is Hangul."""
    return all(
        unicodedata.east_asian_width(c) in "WF" and not "\uac00" <= c <= "\ud7a3"
        for c in (before, after)
        if c
    )


def blocks_of(lines: Sequence[DrawnLine]) -> list[Block]:
    """Group lines into blocks; blocks and lines come in reading order.

    Two lines belong together when their letters are about the same size, they overlap along the
    line, and the gap between them is smaller than 0.9 of a letter.
    """
    groups: list[list[DrawnLine]] = []
    for line in sorted(lines, key=lambda item: (item.frame, item.y, item.x)):
        near = [group for group in groups if any(_adjacent(line, other) for other in group)]
        merged = [line]
        for group in near:
            merged = group + merged
            groups.remove(group)
        groups.append(merged)
    blocks = [Block(tuple(_in_reading_order(group))) for group in groups]
    if all(line.vertical for line in lines):
        return sorted(blocks, key=lambda block: (block.lines[0].frame, -block.box[0]))
    return sorted(blocks, key=lambda block: (block.lines[0].frame, block.box[1], block.box[0]))


def _adjacent(one: DrawnLine, other: DrawnLine) -> bool:
    if one.frame != other.frame or one.vertical != other.vertical:
        return False
    small, large = sorted((one.thickness, other.thickness))
    if large > 1.7 * small:
        return False
    gap_x = max(one.x, other.x) - min(one.x + one.width, other.x + other.width)
    gap_y = max(one.y, other.y) - min(one.y + one.height, other.y + other.height)
    gap_x *= one.aspect  # both gaps are now fractions of the height
    across, along = (gap_x, gap_y) if one.vertical else (gap_y, gap_x)
    # Below one another, or in one row with no more than a word's space between.
    stacked = across < 0.9 * large and along < 0
    in_row = across < -0.5 * small and along < 1.2 * large
    return stacked or in_row


def _in_reading_order(lines: list[DrawnLine]) -> list[DrawnLine]:
    if all(line.vertical for line in lines) and len(lines) > 1:
        # Columns run from right to left.
        return sorted(lines, key=lambda line: (-line.x, line.y))
    rows: list[list[DrawnLine]] = []
    for line in sorted(lines, key=lambda item: item.y + item.height / 2):
        row = rows[-1] if rows else None
        if row is not None and _same_row(row[-1], line):
            row.append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda item: item.x)]


def _same_row(above: DrawnLine, line: DrawnLine) -> bool:
    middle = line.y + line.height / 2
    return above.y <= middle <= above.y + above.height and (
        above.y + above.height - line.y > 0.5 * min(above.height, line.height)
    )
