"""Mistakes in words, from results by hand."""

import numpy as np
import pytest

from kerascnn.report import Mistake, make_mistake
from kerascnn.results import Classification, Detections

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


def test_what_is_no_result_is_refused():
    with pytest.raises(TypeError, match="Received: a str"):
        make_mistake("bees", "ants", PICTURE, "1.jpg")


def test_grey_pictures_are_refused():
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        Mistake(np.zeros((8, 8), np.uint8), "ants", "bees", "50.0%", "1.jpg")
