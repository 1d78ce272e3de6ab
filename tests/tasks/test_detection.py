"""What all detectors have in common: results, scores and mistakes, on numbers by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.tasks import DetectionTask

CLASSES = ("ants", "bees")
SIZE = (40, 60)  # height, width


class Detector(DetectionTask):
    """A detector without a network worth the name."""

    name = "detector"
    max_detections = 3
    loss = None

    def metrics(self):
        return []

    def serving_model(self):
        return self.model


@pytest.fixture(scope="module")
def task():
    inputs = layers.Input((*SIZE, 3))
    return Detector(keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs)), CLASSES)


def outputs(*pictures):
    """The serving model's outputs of pictures, each a list of (y1, x1, y2, x2 as shares, class, score)."""
    found = {"location": np.zeros((len(pictures), 3, 4)), "category": np.zeros((len(pictures), 3))}
    found |= {"score": np.zeros((len(pictures), 3)), "number": np.zeros((len(pictures), 1))}
    for number, detections in enumerate(pictures):
        found["number"][number] = len(detections)
        for place, (*box, class_id, score) in enumerate(detections):
            found["location"][number, place] = box
            found["category"][number, place], found["score"][number, place] = class_id, score
    return {name: values.astype("float32") for name, values in found.items()}


# An ant at x 6..30 and y 8..24, as shares 0.1..0.5 and 0.2..0.6; a bee at x 30..60 and y 0..20.
ANT, BEE = (0.2, 0.1, 0.6, 0.5), (0.0, 0.5, 0.5, 1.0)
ROWS = np.float32([[(6, 8, 30, 24, 0), (30, 0, 60, 20, 1)], [(6, 8, 30, 24, 0), [-1] * 5], [[-1] * 5] * 2])
RIGHT = [(*ANT, 0, 0.9), (*BEE, 1, 0.8)], [(*ANT, 0, 0.7)], []


def test_as_many_boxes_as_are_counted(task):
    found = task.decode(outputs(*RIGHT))
    assert [len(each) for each in found] == [2, 1, 0]
    np.testing.assert_allclose(found[0].boxes, ROWS[0, :, :4], rtol=1e-5)
    assert found[0].scores.tolist() == pytest.approx([0.9, 0.8])
    assert found[0].class_names == ["ants", "bees"]
    assert [each.dtype for each in (found[2].boxes, found[2].scores, found[2].class_ids)] == ["float32"] * 2 + ["int32"]
    assert found[2].boxes.shape == (0, 4)
    assert task.decode({name: values[:0] for name, values in outputs(*RIGHT).items()}) == []


def test_boxes_are_in_pixels_of_each_picture_and_inside_it(task):
    found = task.decode(outputs([(-0.5, 0.25, 0.5, 2.0, 1, 0.9)], [(*ANT, 0, 0.5)]), [(100, 200), (20, 10)])
    np.testing.assert_allclose(found[0].boxes, [[50, 0, 200, 50]])
    np.testing.assert_allclose(found[1].boxes, [[1, 4, 5, 12]], rtol=1e-5)


def test_truths_are_results_that_are_sure(task):
    truths = task.truths(ROWS, [SIZE, (80, 30), SIZE])
    assert [len(truth) for truth in truths] == [2, 1, 0]
    np.testing.assert_array_equal(truths[0].boxes, ROWS[0, :, :4])
    np.testing.assert_array_equal(truths[1].boxes, [[3, 16, 15, 48]])
    assert (truths[0].scores.tolist(), truths[0].class_ids.tolist()) == ([1, 1], [0, 1])
    assert [len(truth) for truth in task.truths(np.zeros((2, 0, 5), "float32"))] == [0, 0]


def test_score_is_cocos_at_an_iou_of_a_half(task):
    assert task.score(outputs(*RIGHT), ROWS) == 1
    assert task.score(outputs([], [], []), ROWS) == 0
    assert task.score(outputs([(*ANT, 0, 0.9)]), np.full((1, 2, 5), -1, "float32")) == 0  # there is no object
    low = (0.2, 0.1, 0.5, 0.5)  # three quarters of the ant
    assert task.score(outputs([(*low, 0, 0.9), (*BEE, 1, 0.8)], *RIGHT[1:]), ROWS) == 1
    assert task.score(outputs([(*low, 0, 0.9)], *RIGHT[1:]), ROWS) == pytest.approx(1 / 2)  # no bee
    summary = task.evaluate(outputs(*RIGHT), ROWS)
    assert (summary["examples"], summary["support"], summary["ap50"]) == (3, 3, 1)


def test_a_box_out_of_the_picture_is_measured_too(task):
    assert task.score(outputs([(1.2, 1.3, 1.5, 1.4, 0, 0.9), (*ANT, 0, 0.8)]), ROWS[1:2]) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("first", "mistakes"),
    [
        (RIGHT[0], 0),
        (RIGHT[0][:1], 1),  # the bee is missed
        ([(*ANT, 1, 0.9), (*BEE, 1, 0.8)], 1),
        ([(*ANT, 0, 0.4), (*BEE, 1, 0.8)], 1),  # not sure
        ([*RIGHT[0], (0.8, 0.8, 0.9, 0.9, 0, 0.9)], 1),
        ([*RIGHT[0], (0.8, 0.8, 0.9, 0.9, 0, 0.4)], 0),
        ([(0.2, 0.1, 0.38, 0.5, 0, 0.9), (*BEE, 1, 0.8)], 1),  # an IoU of 0.45
    ],
)
def test_mistakes_are_what_is_missed_and_what_is_not_there(task, first, mistakes):
    assert task.mistakes(outputs(first, *RIGHT[1:]), ROWS).tolist() == [0][:mistakes]


def test_most_mistakes_come_first(task):
    nowhere = (0.8, 0.8, 0.9, 0.9, 0, 0.9)
    assert task.mistakes(outputs([], RIGHT[1], [nowhere]), ROWS).tolist() == [0, 2]
    assert task.mistakes(outputs(RIGHT[0], [], [nowhere] * 3), ROWS).tolist() == [2, 1]


def test_agreement_is_the_share_of_sure_boxes_that_the_other_has(task):
    right = outputs(*RIGHT)
    assert task.agreement(right, right) == 1
    assert task.agreement(outputs([], []), outputs([], [])) == 1
    assert task.agreement(right, outputs([], [], [])) == 0
    # The other is less sure of the bee, and has another class for the second ant: 2 of 3 and 1 of 2 are found again.
    other = outputs([(*ANT, 0, 0.9), (*BEE, 1, 0.45)], [(*ANT, 1, 0.7)], [])
    assert task.agreement(right, other) == task.agreement(other, right) == pytest.approx(3 / 5)


def test_one_class_is_enough_and_none_is_refused(task):
    assert Detector(task.model, ("ants",)).output_labels == {"category": "value"}
    with pytest.raises(ValueError, match="classes must be at least 1"):
        Detector(task.model, ())
