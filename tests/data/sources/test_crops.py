"""Pictures that are cut to a box, on numbers by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.data.sample import check_sample
from kerascnn.data.sources.crops import crop_to_boxes
from kerascnn.data.sources.source import Split

SIZE = (40, 60)


def split_of(boxes, landmarks, visibility):
    """Pictures whose red is the column and whose green is the row of each pixel."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    image = tf.constant(np.stack([columns, rows, 0 * rows], axis=-1).astype(np.uint8))
    annotations = {"boxes": boxes, "landmarks": np.float32(landmarks), "visibility": np.int32(visibility)}
    names = [str(number) for number in range(len(boxes))]
    return Split(names, annotations, names, lambda index: {"image": image})


@pytest.fixture
def cropped():
    """One box inside, one at the corner of the picture."""
    boxes = [np.float32([[20, 10, 40, 20]]), np.float32([[0, 0, 10, 8]])]
    landmarks = [[[22, 12], [39.5, 19.5], [19, 5]], [[1, 2], [12, 3], [30, 30]]]
    split = split_of(boxes, landmarks, [[1, 1, 1], [1, 0, 1]])
    return crop_to_boxes(split, SIZE, margin=0.1)


def test_a_square_around_the_box_is_left(cropped):
    sample = cropped.read(tf.constant(0, tf.int64))
    check_sample(sample)
    assert sample["image"].shape == (24, 24, 3)  # 20 and a tenth of it at each end, around (30, 15)
    assert sample["image"][0, 0].numpy().tolist() == [18, 3, 0]
    np.testing.assert_allclose(sample["landmarks"], [[4, 9], [21.5, 16.5], [1, 2]])
    assert sample["visibility"].numpy().tolist() == [1, 1, 1]


def test_it_ends_at_the_border_and_what_lies_outside_is_not_seen(cropped):
    sample = cropped.read(tf.constant(1, tf.int64))
    assert sample["image"].shape == (10, 11, 3)  # from -1 to 11 and from -2 to 10
    np.testing.assert_allclose(sample["landmarks"], [[1, 2], [12, 3], [30, 30]])
    assert sample["visibility"].numpy().tolist() == [1, 0, 0]


def test_parts_of_it_can_be_selected(cropped):
    one = cropped.select(np.array([1]))
    assert one.read(tf.constant(0, tf.int64))["image"].shape == (10, 11, 3)
    assert len(one.annotations["landmarks"]) == 1 and "boxes" not in one.annotations
