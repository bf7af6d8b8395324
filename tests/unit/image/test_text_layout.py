"""Lines of drawn text in the order in which people read them."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.pieces import pieces_of
from moderation.classifiers.image.text_layout import DrawnLine, blocks_of


def line(text: str, x: float, y: float, width: float = 0.4, height: float = 0.04) -> DrawnLine:
    return DrawnLine(text, 0.99, x, y, width, height, aspect=0.75)


def texts(*lines: DrawnLine) -> list[str]:
    return [block.text for block in blocks_of(lines)]


def test_lines_below_one_another_become_one_text():
    assert texts(line("for cheap tickets", 0.1, 0.15), line("write me", 0.1, 0.1)) == [
        "write me for cheap tickets"
    ]


def test_chinese_lines_are_joined_without_a_space():
    assert texts(line("今天去了新开的", 0.1, 0.1), line("咖啡店", 0.1, 0.15)) == [
        "今天去了新开的咖啡店"
    ]
    assert texts(line("좋은 하루", 0.1, 0.1), line("되세요", 0.1, 0.15)) == ["좋은 하루 되세요"]


def test_distant_lines_stay_apart_from_top_to_bottom():
    assert texts(line("below", 0.1, 0.8), line("above", 0.1, 0.1)) == ["above", "below"]


def test_a_heading_of_larger_letters_stays_apart():
    assert texts(line("SALE", 0.1, 0.1, height=0.1), line("small print", 0.1, 0.21)) == [
        "SALE",
        "small print",
    ]


def test_words_in_one_row_are_read_from_left_to_right():
    left, right = line("one", 0.1, 0.101, width=0.2), line("two", 0.33, 0.1, width=0.2)
    assert texts(right, left) == ["one two"]


def test_two_columns_of_text_are_not_mixed():
    found = texts(
        line("left one", 0.05, 0.1, width=0.35),
        line("right one", 0.6, 0.1, width=0.35),
        line("left two", 0.05, 0.15, width=0.35),
        line("right two", 0.6, 0.15, width=0.35),
    )
    assert found == ["left one left two", "right one right two"]


def test_columns_are_read_from_right_to_left():
    columns = [
        line("處處聞啼鳥", 0.3, 0.1, width=0.06, height=0.5),
        line("春眠不覺曉", 0.4, 0.1, width=0.06, height=0.5),
    ]
    assert texts(*columns) == ["春眠不覺曉處處聞啼鳥"]
    far = line("孟浩然", 0.8, 0.1, width=0.06, height=0.3)
    assert texts(*columns, far) == ["孟浩然", "春眠不覺曉處處聞啼鳥"]


def test_frames_of_an_animation_are_not_mixed():
    first, second = line("first", 0.1, 0.1), line("second", 0.1, 0.15)
    later = DrawnLine(second.text, 0.99, 0.1, 0.15, 0.4, 0.04, 0.75, frame=1)
    assert texts(first, later) == ["first", "second"]


def test_the_box_of_a_block_goes_around_all_its_lines():
    [block] = blocks_of([line("a", 0.1, 0.1, 0.3), line("b", 0.15, 0.15, 0.4)])
    assert block.box == pytest.approx((0.1, 0.1, 0.45, 0.09))


@pytest.mark.parametrize(
    ("width", "height", "count"), [(300, 300, 1), (300, 590, 1), (300, 900, 6)]
)
def test_only_long_pictures_are_also_looked_at_in_pieces(width, height, count):

    for shape in ((height, width), (width, height)):
        image = DecodedImage(2, np.zeros((*shape, 3), np.uint8), shape[::-1], "")
        pieces = pieces_of(image)
        assert len(pieces) == count
        covered = np.zeros(shape, bool)
        for piece in pieces[1:]:
            assert piece.box is not None
            top, left = round(piece.box.y * shape[0]), round(piece.box.x * shape[1])
            assert piece.pixels.shape[0] == piece.pixels.shape[1]
            covered[top : top + piece.pixels.shape[0], left : left + piece.pixels.shape[1]] = True
        assert covered.all() or count == 1
