"""Sizes of objects where a network sees them, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data import Split, object_sizes

# Pictures of other sizes, (height, width), and their boxes; the second has none.
SIZES = [(40, 80), (10, 10), (30, 30)]
BOXES = [[(0, 0, 10, 20), (60, 30, 80, 40)], [], [(5, 5, 8.5, 11)]]


def make_split(boxes=BOXES, class_ids=None):
    class_ids = [[0] * len(each) for each in boxes] if class_ids is None else class_ids
    table, classes = tf.ragged.constant(boxes, ragged_rank=1, inner_shape=(4,)), tf.ragged.constant(class_ids)
    sizes = tf.constant(SIZES)

    def read(index):
        image = tf.zeros((*tf.unstack(sizes[index]), 3), tf.uint8)
        return {
            "image": image,
            "boxes": tf.cast(table[index], tf.float32),
            "class_ids": tf.cast(classes[index], tf.int32),
        }

    annotations = {
        "boxes": [np.reshape(each, (-1, 4)).astype("float32") for each in boxes],
        "class_ids": [np.int32(each) for each in class_ids],
    }
    return Split([str(number) for number in range(len(boxes))], annotations, ["0"] * len(boxes), read)


def test_sizes_are_those_in_the_stretched_pictures():
    # Twice as high and half as wide, and in the third picture by 8/3 and 4/3.
    found = object_sizes(make_split(), (80, 40))
    assert found.shape == (3, 2)
    expected = [(5, 40), (10, 20), (3.5 * 4 / 3, 6 * 8 / 3)]
    np.testing.assert_allclose(sorted(found.tolist()), sorted(expected), rtol=1e-5)


def test_padding_is_no_object():
    found = object_sizes(make_split(class_ids=[[0, -1], [], [1]]), (40, 80))
    assert sorted(found.tolist()) == [pytest.approx((3.5 * 8 / 3, 6 * 4 / 3)), pytest.approx((10, 20))]


def test_pictures_without_an_object_have_no_sizes():
    assert object_sizes(make_split(class_ids=[[-1, -1], [], [-1]]), (32, 32)).shape == (0, 2)


def test_pictures_without_boxes_are_refused():
    with pytest.raises(ValueError, match=r"have no boxes\. They have label"):
        object_sizes(replace(make_split(), annotations={"label": np.zeros(3, np.int32)}), (32, 32))


def test_no_pictures_are_refused():
    empty = replace(make_split(), names=[], annotations={"boxes": [], "class_ids": []}, digests=[])
    with pytest.raises(ValueError, match="The split is empty"):
        object_sizes(empty, (32, 32))
