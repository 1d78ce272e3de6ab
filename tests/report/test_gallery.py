"""Mistakes in words, from results by hand."""

import numpy as np
import pytest

from kerascnn.report import Mistake, describe_answer, draw_answer, make_mistake
from kerascnn.report.gallery import MISSED, RIGHT, WRONG
from kerascnn.report.palette import class_color
from kerascnn.results import Classification, Detections, Landmarks

CLASSES = ("ants", "bees")
PICTURE = np.full((4, 6, 3), 7, np.uint8)


def test_a_classifier_said_one_thing_and_another_was_true():
    answer, truth = Classification(CLASSES, np.array([0.25, 0.75])), Classification(CLASSES, np.array([1.0, 0.0]))
    mistake = make_mistake(answer, truth, PICTURE, "1.jpg")
    assert (mistake.true, mistake.said, mistake.note, mistake.name) == ("ants", "bees", "75.0%", "1.jpg")
    np.testing.assert_array_equal(mistake.picture, PICTURE)


def test_boxes_are_drawn_and_named():
    boxes = np.float32([[80, 80, 400, 400]])
    truth = Detections(CLASSES, boxes, np.ones(1), np.array([1]))
    nothing = Detections(CLASSES, boxes[:0], np.ones(0), np.array([], int))
    picture = np.full((480, 640, 3), 7, np.uint8)
    missed = make_mistake(nothing, truth, picture, "1.jpg")
    assert (missed.true, missed.said, missed.note) == ("bees", "nothing", "")
    wrong = make_mistake(Detections(CLASSES, boxes + 40, np.array([0.5]), np.array([0])), truth, picture, "1.jpg")
    assert (wrong.said, wrong.note) == ("ants", "50.0%")
    changed = [np.any(each.picture != picture, axis=-1) for each in (missed, wrong)]
    assert changed[0][80:400, 80].all() and not changed[0][440, 440]  # the edges of the true box, and no other
    assert changed[1][439, 439] and (picture == 7).all()


def test_of_many_boxes_those_that_are_right_missed_and_wrong_differ():
    corners = np.float32([[40 * column, 40 * row] for row in range(4) for column in range(5)])  # 20 boxes
    boxes = np.concatenate([corners + 4, corners + 36], axis=1)
    class_ids = np.arange(20) % 2
    truth = Detections(CLASSES, boxes, np.ones(20), class_ids)
    # The last one is missed; the first has the wrong class; the second is found twice.
    found = Detections(
        CLASSES, np.concatenate([boxes[:19], boxes[1:2]]), np.linspace(0.9, 0.5, 20), np.array([1, *class_ids[1:19], 1])
    )
    picture = np.full((200, 200, 3), 7, np.uint8)
    mistake = make_mistake(found, truth, picture, "1.jpg")
    assert (mistake.true, mistake.said, mistake.note) == ("10 ants, 10 bees", "11 bees, 9 ants", "2 missed, 2 wrong")
    assert mistake.picture.shape == (400, 400, 3)  # so that names hide little
    left = {index: tuple(mistake.picture[int(y1 + y2), int(2 * x1)]) for index, (x1, y1, x2, y2) in enumerate(boxes)}
    right, missed, wrong = (class_color(number) for number in (RIGHT, MISSED, WRONG))
    assert (left[0], left[1], left[19]) == (wrong, wrong, missed)
    assert {left[index] for index in range(2, 19)} == {right}
    again = make_mistake(truth, truth, picture, "1.jpg")
    assert (again.note, again.said) == ("", again.true)
    assert len(np.unique(again.picture.reshape(-1, 3), axis=0)) == 2  # no names, and nothing but the boxes


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
