"""Batches that are joined, on numbers by hand."""

import numpy as np

from kerascnn.ops import concatenate_padded


def test_pictures_with_fewer_boxes_are_filled_up():
    first, second = np.zeros((1, 1, 5)), np.ones((2, 3, 5))
    joined = concatenate_padded([first, second])
    assert joined.shape == (3, 3, 5)
    np.testing.assert_array_equal(joined[0, 1:], -np.ones((2, 5)))
    np.testing.assert_array_equal(joined[1:], second)


def test_batches_without_any_box_are_joined():
    joined = concatenate_padded([np.zeros((2, 0, 5)), np.zeros((1, 0, 5))])
    assert joined.shape == (3, 0, 5)


def test_labels_and_one_batch_stay_as_they_are():
    np.testing.assert_array_equal(concatenate_padded([np.arange(3), np.arange(2)]), [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(concatenate_padded([np.eye(2)]), np.eye(2))
