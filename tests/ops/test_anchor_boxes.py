"""Anchors by hand, and what holds for all of them."""

import numpy as np
import pytest

from kerascnn.ops import anchor_boxes


def test_the_papers_nine_have_its_areas_and_shapes():
    boxes = anchor_boxes((1, 1), 16)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    np.testing.assert_allclose(width * height, np.repeat([128**2, 256**2, 512**2], 3), rtol=1e-5)
    np.testing.assert_allclose(height / width, [0.5, 1, 2] * 3, rtol=1e-5)
    np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:], 16, atol=1e-4)  # all around the middle of the place
    np.testing.assert_allclose(boxes[1], [-56, -56, 72, 72])


def test_places_come_row_by_row():
    boxes = anchor_boxes((2, 3), 8, scales=(4,), ratios=(1, 4))
    assert boxes.shape == (12, 4) and boxes.dtype == np.float32
    assert boxes[::2].tolist() == [[x, y, x + 4, y + 4] for y in (2, 10) for x in (2, 10, 18)]
    assert boxes[-1].tolist() == [20 - 1, 12 - 4, 20 + 1, 12 + 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 3), 8), "map_size and stride"),
        (((2, 3), 0), "map_size and stride"),
        (((2, 3), 8, ()), "scales and ratios"),
        (((2, 3), 8, (4,), (1, -1)), "scales and ratios"),
    ],
)
def test_what_gives_no_anchor_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        anchor_boxes(*arguments)
