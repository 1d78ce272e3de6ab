"""Rows of annotations, on numbers by hand."""

import numpy as np
import tensorflow as tf

from kerascnn.data.targets import add_rows

BOXES = np.float32([[0, 0, 2, 2], [9, 9, 9, 9], [1, 1, 5, 4], [3, 3, 5, 5]])
CLASS_IDS = np.int32([3, -1, 0, 2])


def as_tensors(**sample):
    return {key: tf.constant(value) for key, value in sample.items()}


def test_objects_come_largest_first_and_padding_last():
    rows = add_rows(as_tensors(boxes=BOXES, class_ids=CLASS_IDS))["objects"]
    expected = [[1, 1, 5, 4, 0], [0, 0, 2, 2, 3], [3, 3, 5, 5, 2], [9, 9, 9, 9, -1]]
    np.testing.assert_array_equal(rows, expected)


def test_a_picture_without_objects_has_no_row():
    rows = add_rows(as_tensors(boxes=BOXES[:0], class_ids=CLASS_IDS[:0]))["objects"]
    assert rows.shape == (0, 5) and rows.dtype == tf.float32


def test_points_say_which_are_seen():
    landmarks = np.float32([[1, 2], [3, 4]])
    seen = add_rows(as_tensors(landmarks=landmarks, visibility=np.int32([0, 1])))["points"]
    np.testing.assert_array_equal(seen, [[1, 2, 0], [3, 4, 1]])
    np.testing.assert_array_equal(add_rows(as_tensors(landmarks=landmarks))["points"], [[1, 2, 1], [3, 4, 1]])


def test_a_label_stays_alone_and_in_a_graph_it_is_the_same():
    assert add_rows(as_tensors(label=1)).keys() == {"label"}
    data = tf.data.Dataset.from_tensors(as_tensors(boxes=BOXES, class_ids=CLASS_IDS)).map(add_rows)
    (sample,) = data
    np.testing.assert_array_equal(sample["objects"], add_rows(as_tensors(boxes=BOXES, class_ids=CLASS_IDS))["objects"])
