"""The score of a detector, on boxes by hand."""

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


def test_one_class_is_enough_and_none_is_refused(task):
    assert Detector(task.model, ("ants",)).output_labels == {"category": "value"}
    with pytest.raises(ValueError, match="classes must be at least 1"):
        Detector(task.model, ())
