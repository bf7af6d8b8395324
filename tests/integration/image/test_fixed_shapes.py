"""The detector prepared for shapes that come often, against the one for all shapes."""

from __future__ import annotations

import threading

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from moderation.classifiers.image.fixed_shapes import MOST_SHAPES, FixedShapes


@pytest.fixture
def doubling() -> openvino.Model:
    values = ops.parameter([1, -1], np.float32)
    return openvino.Model([ops.add(values, values)], [values], "doubling")


def test_a_shape_is_prepared_for_when_it_has_come_often(doubling):
    shapes = FixedShapes(doubling, threads=2)
    values = np.arange(3, dtype=np.float32)[None]
    asked = []

    def otherwise(values):
        asked.append(values.shape)
        return values + values

    for _ in range(10):
        assert (shapes.run(otherwise, values) == [[0, 2, 4]]).all()
    assert shapes.shapes == {(1, 3)}
    assert 0 < len(asked) < 10


def test_the_number_of_prepared_shapes_is_bounded(doubling):
    shapes = FixedShapes(doubling, threads=1)
    for length in range(1, 2 * MOST_SHAPES):
        for _ in range(5):
            answer = shapes.run(lambda values: values * 2, np.ones((1, length), np.float32))
            assert (answer == np.full((1, length), 2)).all()
    assert len(shapes.shapes) == MOST_SHAPES


def test_answers_of_threads_do_not_mix(doubling):
    shapes = FixedShapes(doubling, threads=2)
    wrong = []

    def work(number: int) -> None:
        for _ in range(200):
            values = np.full((1, 1000), number, np.float32)
            if not (shapes.run(lambda values: values * 2, values) == 2 * number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
