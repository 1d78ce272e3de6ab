"""The outputs of a detector, with numbers by hand."""

import keras
import numpy as np
import pytest

from kerascnn.tasks.detector_outputs import detector_differences, detector_outputs

SIZE = (50, 100)
BOXES = np.float32(
    [
        [[0, 0, 20, 10], [1, 0, 21, 10], [60, 30, 110, 60]],  # the first two overlap, the third leaves the picture
        [[-10, -10, 20, 10], [40, 10, 60, 20], [0, 0, 0, 0]],
        [[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]],
    ]
)
SCORES = np.float32([[[0.6, 0], [0.9, 0], [0, 0.7]], [[0.8, 0.3], [0.0, 0.9], [0, 0]], [[0, 0], [0, 0], [0, 0]]])


@pytest.fixture(scope="module")
def model():
    boxes, scores = keras.Input((None, 4)), keras.Input((None, 2))
    outputs = detector_outputs(boxes, scores, SIZE, score_threshold=0.25, max_detections=4)
    return keras.Model([boxes, scores], outputs)


def test_boxes_are_shares_of_the_picture_row_first_and_end_at_its_borders(model):
    found = model.predict_on_batch([BOXES, SCORES])
    np.testing.assert_array_equal(found["number"], [2, 3, 0])
    np.testing.assert_allclose(found["score"], [[0.9, 0.7, 0, 0], [0.9, 0.8, 0.3, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(found["category"], [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    expected = np.zeros((3, 4, 4))
    expected[0, :2] = [[0, 0.01, 0.2, 0.21], [0.6, 0.6, 1, 1]]
    expected[1, :3] = [[0.2, 0.4, 0.4, 0.6], [0, 0, 0.2, 0.2], [0, 0, 0.2, 0.2]]
    np.testing.assert_allclose(found["location"], expected, rtol=1e-6)
    assert all(values.dtype == np.float32 for values in found.values())


def test_what_lies_outside_of_the_picture_does_not_count():
    """Of the first two the parts inside are the same, though the whole boxes hardly overlap; of the third none is."""
    boxes, scores = keras.Input((None, 4)), keras.Input((None, 1))
    model = keras.Model([boxes, scores], detector_outputs(boxes, scores, SIZE, max_detections=3))
    found = model.predict_on_batch(
        [np.float32([[[-100, 0, 10, 20], [0, -80, 10, 20], [100, 10, 150, 20]]]), np.float32([[[0.8], [0.9], [0.7]]])]
    )
    np.testing.assert_array_equal(found["number"], [1])
    np.testing.assert_allclose(found["score"][0], [0.9, 0, 0])
    np.testing.assert_allclose(found["location"][0, 0], [0, 0, 0.4, 0.1], rtol=1e-6)


def test_no_boxes_are_no_detections(model):
    found = model.predict_on_batch([BOXES[:, :0], SCORES[:, :0]])
    assert found["location"].shape == (3, 4, 4) and not any(values.any() for values in found.values())


def make_outputs(*pictures):
    """Make outputs of pictures, each a list of (y1, x1, y2, x2, score, category), with one place more than needed."""
    room = 1 + max(map(len, pictures))
    rows = np.zeros((len(pictures), room, 6), np.float32)
    for row, picture in zip(rows, pictures, strict=True):
        row[: len(picture)] = np.reshape(picture, (-1, 6))
    number = np.float32([len(picture) for picture in pictures])
    return {"location": rows[..., :4], "score": rows[..., 4], "category": rows[..., 5], "number": number}


BOX, OTHER = (0.1, 0.1, 0.5, 0.5), (0.5, 0.5, 0.9, 0.9)


def test_differences_are_those_of_the_same_objects_in_any_order():
    ours = make_outputs([(*BOX, 0.8, 0), (*OTHER, 0.7, 1)], [(*BOX, 0.5, 1)])
    moved = (0.1, 0.11, 0.5, 0.5)
    theirs = make_outputs([(*OTHER, 0.75, 1), (*moved, 0.74, 0)], [(*BOX, 0.5, 1)])
    found = detector_differences(ours, theirs)
    np.testing.assert_allclose(found["score"], [0.06, 0.05, 0], atol=1e-6)
    np.testing.assert_allclose(found["location"], [[0, 0.01, 0, 0], [0] * 4, [0] * 4], atol=1e-6)


def test_boxes_of_one_model_only_have_no_difference():
    ours = make_outputs([(*BOX, 0.8, 0), (*BOX, 0.7, 1)], [(*BOX, 0.9, 0)], [])
    theirs = make_outputs([(*BOX, 0.8, 2), (*OTHER, 0.7, 1)], [], [(*BOX, 0.9, 0)])
    found = detector_differences(ours, theirs)
    assert found["location"].shape == (0, 4) and found["score"].shape == (0,)
