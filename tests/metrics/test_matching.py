"""Truth and detections brought together, by hand and against plain loops."""

import numpy as np
import pytest

from kerascnn.metrics.matching import match_greedily, match_objects, pair_pictures

TRUTH = np.float32([[0, 0, 0, 0, -1], [1, 2, 3, 4, 1]])
FOUND = np.float32([[0, 0, 1, 1, 0.2, 0], [0, 0, 2, 2, 0.9, 1], [9, 9, 0, 0, 0.9, -1], [0, 0, 3, 3, 0.9, 0]])


def test_padding_goes_and_the_surest_comes_first():
    (picture,) = pair_pictures([TRUTH], [FOUND], 2)
    np.testing.assert_array_equal(picture.truth, TRUTH[[1]])
    np.testing.assert_array_equal(picture.detections, FOUND[[1, 3, 0]].astype(float))
    assert (picture.truth_rows.tolist(), picture.detection_rows.tolist()) == ([1], [1, 3, 0])


def test_a_class_is_taken_out():
    truth, found = pair_pictures([TRUTH], [FOUND], 2)[0].of_class(0)
    assert truth.shape == (0, 5)
    np.testing.assert_array_equal(found, FOUND[[3, 0]].astype(float))


def test_each_object_is_found_once_by_the_surest():
    ious = np.array([[0.9, 0.6], [0.95, 0.7], [0.8, 0.75], [0.3, 0.2]])
    before = ious.copy()
    assert match_greedily(ious, 0.5).tolist() == [0, 1, -1, -1]
    assert match_greedily(ious, 0.8).tolist() == [0, -1, -1, -1]
    np.testing.assert_array_equal(ious, before)


def test_objects_are_found_by_boxes_of_their_class():
    truth = np.float32([[0, 0, 10, 10, 0], [0, 0, 10, 10, 1], [20, 20, 30, 30, 1]])
    found = np.float32(
        [[0, 0, 10, 9, 0.9, 1], [0, 0, 10, 10, 0.8, 1], [20, 20, 30, 26, 0.7, 1], [20, 20, 30, 30, 0.6, 0]]
    )
    assert match_objects(found, truth).tolist() == [1, -1, 2, -1]
    assert match_objects(found, truth, 0.7).tolist() == [1, -1, -1, -1]
    assert match_objects(found[:0], truth).tolist() == []
    assert match_objects(found, truth[:0]).tolist() == [-1] * 4


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0)])
def test_nothing_matches_nothing(shape):
    np.testing.assert_array_equal(match_greedily(np.zeros(shape), 0.5), np.full(shape[0], -1))


@pytest.mark.parametrize(
    ("targets", "detections", "message"),
    [
        ([], [], "not be empty"),
        ([TRUTH], [FOUND, FOUND], "1 and 2 arrays"),
        ([TRUTH[:, :4]], [FOUND], r"targets must have the shape \(N, 5\).*\(2, 4\)"),
        ([TRUTH], [TRUTH], r"detections must have the shape \(N, 6\).*\(2, 5\)"),
        ([np.zeros(0)], [FOUND], r"targets must have the shape \(N, 5\)"),
        ([np.float32([[3, 0, 1, 1, 0]])], [FOUND], "targets must be finite, with x1 <= x2"),
        ([TRUTH], [np.float32([[0, 0, 1, 1, np.nan, 0]])], "detections must be finite"),
        ([np.float32([[0, 0, 1, 1, 2]])], [FOUND], "classes of targets must be integers from 0 to 1"),
        ([TRUTH], [np.float32([[0, 0, 1, 1, 0.5, 0.5]])], "classes of detections"),
    ],
)
def test_what_are_no_pictures_is_refused(targets, detections, message):
    with pytest.raises(ValueError, match=message):
        pair_pictures(targets, detections, 2)


def test_no_class_is_refused():
    with pytest.raises(ValueError, match="at least one class"):
        pair_pictures([TRUTH[:0]], [FOUND[:0]], 0)
