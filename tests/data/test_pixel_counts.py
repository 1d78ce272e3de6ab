"""Median frequency balancing, by hand."""

import numpy as np
import pytest

from kerascnn.data.pixel_counts import balance_pixels, count_class_pixels
from kerascnn.data.sources import Split

# Class 0 has 6 of 9 pixels of its masks, class 1 has 2 of 7, class 2 has 1 of 2, which is the median.
MASKS = [np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 255]]), np.array([[0, 2, 255, 255]])]


def split_of(annotations):
    return Split(["0", "1", "2"], annotations, ["", "", ""], read=lambda index: {})


def test_pixels_are_counted_where_the_class_is():
    own, around = count_class_pixels(MASKS, 4)
    assert own.tolist() == [6, 2, 1, 0] and around.tolist() == [9, 7, 2, 0]


def test_weights_are_the_median_frequency_over_each_one_s():
    frequencies = np.array([6 / 9, 2 / 7, 1 / 2])
    weights = balance_pixels(split_of({"mask": MASKS}), 4)
    assert weights[:3] == pytest.approx(0.5 / frequencies) and weights[3] == 1
    assert balance_pixels(split_of({"mask": MASKS}), 4, 0.5)[:3] == pytest.approx(np.sqrt(0.5 / frequencies))
    assert balance_pixels(split_of({"mask": MASKS}), 4, 0.0) == (1, 1, 1, 1)


def test_pictures_without_masks_are_refused():
    with pytest.raises(ValueError, match=r"no mask\. They have label"):
        balance_pixels(split_of({"label": np.zeros(3)}), 2)
