"""What both stages of a detector say, taken apart and decoded, by hand."""

import math

import keras
import numpy as np
import pytest

from kerascnn.ops import (
    decode_region_classes,
    decode_regions,
    split_region_classes,
    split_regions,
)


def as_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_regions_are_decoded_by_hand():
    # The centre (15, 20) moves by half a width and a quarter of a height; the width doubles.
    outputs = np.float32([[[3, 0.5, 0.25, math.log(2), 0, 10, 0, 20, 40]]])
    boxes, logits = decode_regions(outputs)
    np.testing.assert_allclose(boxes, [[[10, 10, 30, 50]]], rtol=1e-6)
    assert as_numpy(logits).tolist() == [[3]]


def test_classes_of_regions_are_decoded_by_hand():
    proposal, padding = [10, 0, 20, 40], [0, 0, 0, 0]
    row = [math.log(2), math.log(3), math.log(5), *[0, 0, 0, 0], *[5, 0, 0, 5 * math.log(2)], *proposal]
    outputs = np.float32([[row, [*row[:-4], *padding]]])
    boxes, scores, class_ids = map(as_numpy, decode_region_classes(outputs))
    np.testing.assert_allclose(boxes[0, :2], [[10, 0, 20, 40], [15, -20, 25, 60]], rtol=1e-5)
    np.testing.assert_allclose(scores, [[0.2, 0.3, 0, 0]], rtol=1e-5)
    assert class_ids.tolist() == [[0, 1, 0, 1]]


def test_no_region_has_no_box():
    boxes, scores, class_ids = decode_region_classes(np.zeros((2, 0, 10), np.float32))
    assert (boxes.shape, scores.shape, class_ids.shape) == ((2, 0, 4), (2, 0), (2, 0))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"must be \(B, N, 9\)"):
        split_regions(np.zeros((2, 3, 8)))
    for shape in ((2, 3, 5), (2, 3, 12), (3, 10)):
        with pytest.raises(ValueError, match=r"must be \(B, R, 5 C \+ 5\)"):
            split_region_classes(np.zeros(shape))
