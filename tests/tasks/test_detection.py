"""What all detectors have in common: results, the score threshold and mistakes, on boxes by hand."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np
import pytest

from kerascnn.metrics.detection import summarise_detections
from kerascnn.tasks import DetectionTask

CLASSES = ("ants", "bees")
SIZE = (40, 60)  # height, width
NOTHING = [-1] * 5
# In the first picture two objects, in the second one, in the third none.
TARGETS = np.float32(
    [[[6, 8, 30, 24, 0], [30, 20, 60, 40, 1]], [[0, 0, 30, 20, 1], NOTHING], [NOTHING, NOTHING]],
)
# y1, x1, y2, x2 in shares of the picture. In the first picture both objects are found, one of them twice; in the second
# the class is wrong, and what would be right is unsure; in the third there is nothing but a box that is unsure too.
LOCATION = np.float32(
    [
        [[0.2, 0.1, 0.6, 0.5], [0.5, 0.5, 1.0, 1.0], [0.2, 0.1, 0.6, 0.5]],
        [[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]],
        [[0.1, 0.1, 0.2, 0.2], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
    ]
)
OUTPUTS = {
    "location": LOCATION,
    "category": np.float32([[0, 1, 0], [0, 1, 0], [1, 0, 0]]),
    "score": np.float32([[0.9, 0.8, 0.7], [0.6, 0.3, 0.0], [0.2, 0.0, 0.0]]),
    "number": np.float32([3, 2, 1]),
}


@dataclass(frozen=True)
class Detector(DetectionTask):
    """A detector whose outputs are given."""

    name: ClassVar[str] = "given"
    max_detections: ClassVar[int] = 3
    loss: ClassVar[None] = None

    def metrics(self):
        raise NotImplementedError

    def serving_model(self):
        raise NotImplementedError


@pytest.fixture
def task():
    inputs = keras.Input((*SIZE, 3))
    return Detector(keras.Model(inputs, inputs), CLASSES)


def take(*indices):
    return {name: values[list(indices)] for name, values in OUTPUTS.items()}


def test_results_are_in_pixels_of_each_picture_and_end_where_the_number_says(task):
    first, second, third = task.decode(OUTPUTS, [(80, 120), SIZE, (10, 10)])
    np.testing.assert_allclose(first.boxes, [[12, 16, 60, 48], [60, 40, 120, 80], [12, 16, 60, 48]], rtol=1e-6)
    np.testing.assert_allclose(second.boxes, [[0, 0, 30, 20]] * 2, rtol=1e-6)
    np.testing.assert_allclose(third.boxes, [[1, 1, 2, 2]], rtol=1e-6)
    assert (second.class_names, first.class_ids.dtype, len(third)) == (["ants", "bees"], np.int32, 1)
    assert task.decode(take()) == task.answers(take()) == []


def test_what_leaves_the_picture_is_cut_off(task):
    (found,) = task.decode(take(1) | {"location": np.float32([[[-0.5, 0.2, 1.5, 2], [0, 0, 1, 1]]])})
    np.testing.assert_allclose(found.boxes[0], [12, 0, 60, 40], rtol=1e-6)


def test_truths_are_results_that_are_sure(task):
    first, _, third = task.truths(TARGETS, [(80, 120), SIZE, SIZE])
    np.testing.assert_allclose(first.boxes, [[12, 16, 60, 48], [60, 40, 120, 80]], rtol=1e-6)
    assert (first.class_names, first.scores.tolist(), len(third)) == (["ants", "bees"], [1, 1], 0)


def test_an_answer_holds_what_is_surer_than_a_half_or_than_what_was_chosen(task):
    assert [len(each) for each in task.answers(OUTPUTS)] == [3, 1, 0]
    tuned = task.tuned(OUTPUTS, TARGETS)
    # Of the three objects two are found at 0.8, the third at 0.3, with two mistakes before: F1 is 4 / 5, later 6 / 8.
    assert tuned.chosen == {"score_threshold": pytest.approx(0.75)}
    assert [len(each) for each in tuned.answers(OUTPUTS)] == [2, 0, 0]
    assert [len(each) for each in tuned.decode(OUTPUTS)] == [3, 2, 1]
    assert task.chosen == {}


def test_a_tuned_task_measures_at_its_own_threshold(task):
    tuned = task.tuned(OUTPUTS, TARGETS)
    other = TARGETS[[1, 0, 2]]
    rows = [found.rows for found in task.decode(OUTPUTS)]
    assert tuned.evaluate(OUTPUTS, other) == summarise_detections(
        other, rows, CLASSES, score_threshold=tuned.score_threshold
    )
    assert task.evaluate(OUTPUTS, TARGETS)["score_threshold"] == tuned.score_threshold
    assert task.evaluate(OUTPUTS, other)["score_threshold"] != tuned.score_threshold
    assert (tuned.score(OUTPUTS, TARGETS), tuned.score(OUTPUTS, other)) == (1, 0)  # of all that was found


def test_mistakes_are_wrong_and_missed_boxes_the_pictures_with_most_first(task):
    assert task.mistakes(OUTPUTS, TARGETS).tolist() == [1, 0]  # a wrong class is both; the duplicate is wrong
    assert task.tuned(OUTPUTS, TARGETS).mistakes(OUTPUTS, TARGETS).tolist() == [1]
    assert task.mistakes(take(2), TARGETS[2:]).tolist() == []


def test_agreement_is_the_share_of_answers_that_the_other_found(task):
    assert task.agreement(OUTPUTS, OUTPUTS) == 1
    less_sure = OUTPUTS | {"score": OUTPUTS["score"] / 2}  # no answers, but all of ours were found
    assert task.agreement(OUTPUTS, less_sure) == 1
    unsure = OUTPUTS | {"score": OUTPUTS["score"] / 9}  # what was found is worth nothing
    assert task.agreement(OUTPUTS, unsure) == 0
    fewer = OUTPUTS | {"number": np.float32([2, 1, 0])}
    assert task.agreement(OUTPUTS, fewer) == 1  # the duplicate has a twin
    fewer = OUTPUTS | {"number": np.float32([1, 1, 0])}
    assert task.agreement(OUTPUTS, fewer) == pytest.approx(1 - 1 / 6)
    nothing = OUTPUTS | {"number": np.zeros(3, np.float32)}
    assert (task.agreement(OUTPUTS, nothing), task.agreement(nothing, nothing)) == (0, 1)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_score_is_refused(task, threshold):
    with pytest.raises(ValueError, match=rf"score_threshold={threshold}"):
        Detector(task.model, CLASSES, score_threshold=threshold)
