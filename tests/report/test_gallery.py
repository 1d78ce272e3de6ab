"""Mistakes in words, from results by hand."""

import numpy as np
import pytest

from kerascnn.report import Mistake, describe_answer, draw_answer, make_mistake
from kerascnn.results import Classification, Detections, Landmarks

CLASSES = ("ants", "bees")
PICTURE = np.full((4, 6, 3), 7, np.uint8)


def test_a_classifier_said_one_thing_and_another_was_true():
    answer, truth = Classification(CLASSES, np.array([0.25, 0.75])), Classification(CLASSES, np.array([1.0, 0.0]))
    mistake = make_mistake(answer, truth, PICTURE, "1.jpg")
    assert (mistake.true, mistake.said, mistake.note, mistake.name) == ("ants", "bees", "75.0%", "1.jpg")
    np.testing.assert_array_equal(mistake.picture, PICTURE)


def test_boxes_are_drawn_and_named():
    boxes = np.float32([[8, 8, 40, 40]])
    truth = Detections(CLASSES, boxes, np.ones(1), np.array([1]))
    nothing = Detections(CLASSES, boxes[:0], np.ones(0), np.array([], int))
    picture = np.full((48, 64, 3), 7, np.uint8)
    missed = make_mistake(nothing, truth, picture, "1.jpg")
    assert (missed.true, missed.said, missed.note) == ("bees", "nothing", "")
    wrong = make_mistake(Detections(CLASSES, boxes + 4, np.array([0.5]), np.array([0])), truth, picture, "1.jpg")
    assert (wrong.said, wrong.note) == ("ants", "50.0%")
    changed = [np.any(each.picture != picture, axis=-1) for each in (missed, wrong)]
    assert changed[0][8:40, 8].all() and not changed[0][44, 44]  # the edges of the true box, and no other
    assert changed[1][43, 43] and (picture == 7).all()


def test_the_landmark_that_is_farthest_off_is_named():
    names, points = ("nose", "chin", "ear"), np.float32([[10, 10], [20, 30], [40, 40]])
    truth = Landmarks(names, points, np.float32([1, 1, 0]))
    said = Landmarks(names, points + np.float32([[1, 0], [3, 4], [30, 0]]), np.ones(3, np.float32))
    mistake = make_mistake(said, truth, np.zeros((48, 64, 3), np.uint8), "1.jpg")
    assert (mistake.true, mistake.said, mistake.note) == ("2 landmarks", "chin elsewhere", "5 px off")
    elsewhere = make_mistake(said, Landmarks(names, points + 5, truth.visibility), np.zeros((48, 64, 3), np.uint8), "")
    assert not np.array_equal(mistake.picture, elsewhere.picture)  # the truth is to be seen too


def test_answers_in_words():
    assert describe_answer(Classification(CLASSES, np.array([0.25, 0.75])), 1) == ["bees 75.0%"]
    boxes = Detections(CLASSES, np.float32([[1.6, 2, 3, 4], [0, 0, 1, 1]]), np.array([0.5, 0.25]), np.array([1, 0]))
    assert describe_answer(boxes, 9) == ["bees 50.0% at 2, 2 to 3, 4", "ants 25.0% at 0, 0 to 1, 1"]
    assert describe_answer(boxes, 1) == ["bees 50.0% at 2, 2 to 3, 4"]
    assert describe_answer(boxes.above(0.9), 3) == []
    points = Landmarks(("nose", "chin"), np.float32([[1, 2], [3, 4]]), np.float32([0.2, 0.9]))
    assert describe_answer(points, 3) == ["chin at 3, 4"]
    both = Landmarks(("nose", "chin"), np.float32([[1, 2], [3, 4]]), np.float32([0.6, 0.9]))
    assert describe_answer(both, 1) == ["chin at 3, 4"]


@pytest.mark.parametrize(
    "answer",
    [
        Classification(CLASSES, np.array([0.25, 0.75])),
        Detections(CLASSES, np.float32([[8, 8, 40, 40]]), np.array([0.5]), np.array([1])),
        Landmarks(("nose",), np.float32([[20, 20]]), np.float32([1])),
    ],
)
def test_every_answer_can_be_drawn(answer):
    picture = np.full((48, 160, 3), 7, np.uint8)
    drawn = draw_answer(answer, picture)
    assert drawn.shape[1:] == (160, 3) and not np.array_equal(drawn, picture) and (picture == 7).all()


def test_what_is_no_result_is_refused():
    for call in (
        lambda: make_mistake("bees", "ants", PICTURE, "1.jpg"),
        lambda: draw_answer("bees", PICTURE),
        lambda: describe_answer("bees", 3),
    ):
        with pytest.raises(TypeError, match="Received: a str"):
            call()


def test_grey_pictures_are_refused():
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        Mistake(np.zeros((8, 8), np.uint8), "ants", "bees", "50.0%", "1.jpg")
