"""The kinds of a detector's mistakes, each made by hand."""

import numpy as np
import pytest

from kerascnn.metrics.detection_errors import KINDS, count_errors, find_errors, total_errors
from kerascnn.metrics.precision_recall import rank_detections
from tests.metrics.naive_detection import make_pictures

OBJECT = [0, 0, 10, 10]  # its IoU with [0, 0, 10, h] is h / 10
ABSENT = np.zeros((0, 5), "float32")


def judge(targets, detections, **thresholds):
    (errors,) = find_errors(
        [np.float32(targets).reshape(-1, 5)], [np.float32(detections).reshape(-1, 6)], 2, **thresholds
    )
    return errors.kinds.tolist(), errors.missed.tolist()


@pytest.mark.parametrize(
    ("height", "class_id", "kind", "missed"),
    [
        (10, 0, "correct", False),
        (5, 0, "correct", False),
        (4, 0, "localization", False),
        (1, 0, "localization", False),
        (0.9, 0, "background", True),
        (10, 1, "classification", False),
        (5, 1, "classification", False),
        (4, 1, "both", True),
        (0.9, 1, "background", True),
    ],
)
def test_one_detection_of_one_object(height, class_id, kind, missed):
    assert judge([[*OBJECT, 0]], [[0, 0, 10, height, 0.9, class_id]]) == ([kind], [missed])


def test_a_second_detection_is_a_duplicate_whatever_the_order():
    first, second = [*OBJECT, 0.7, 0], [0, 0, 10, 8, 0.9, 0]
    assert judge([[*OBJECT, 0]], [first, second]) == (["duplicate", "correct"], [False])


def test_a_detection_on_an_object_of_each_class_is_a_duplicate_only_if_of_none_else():
    # TIDE's order: what would be right with another class is no duplicate.
    targets = [[*OBJECT, 0], [*OBJECT, 1]]
    assert judge(targets, [[*OBJECT, 0.9, 0], [*OBJECT, 0.8, 0]]) == (["correct", "classification"], [False, False])


def test_an_object_without_a_detection_is_missed():
    assert judge([[*OBJECT, 0], [50, 50, 60, 60, 1]], [[*OBJECT, 0.9, 0]]) == (["correct"], [False, True])


def test_a_detection_where_there_is_no_object_is_background():
    assert judge([], [[*OBJECT, 0.9, 0]]) == (["background"], [])
    assert judge([], []) == ([], [])


def test_padding_and_low_scores_are_not_judged():
    detections = [[*OBJECT, 0.9, -1], [*OBJECT, 0.5, 0], [*OBJECT, 0.75, 0]]
    targets = [[0, 0, 0, 0, -1], [*OBJECT, 0]]
    assert judge(targets, detections) == (["", "", "correct"], [False, False])
    assert judge(targets, detections, score_threshold=0.75) == (["", "", ""], [False, True])


def test_thresholds_may_be_others():
    near = [[0, 0, 10, 6, 0.9, 0]]
    assert judge([[*OBJECT, 0]], near, iou_threshold=0.7)[0] == ["localization"]
    assert judge([[*OBJECT, 0]], near, iou_threshold=0.9, background_threshold=0.8)[0] == ["background"]


def test_counts_are_by_the_class_of_the_detection_and_of_the_missed_object():
    targets = [np.float32([[*OBJECT, 0], [50, 50, 60, 60, 1]]), ABSENT]
    detections = [np.float32([[*OBJECT, 0.9, 1]]), np.float32([[*OBJECT, 0.9, 0], [*OBJECT, 0.1, 0]])]
    errors = find_errors(targets, detections, 2)
    counts = count_errors(targets, detections, errors, 2)
    nothing = dict.fromkeys((*KINDS, "missed"), 0)
    assert counts == [nothing | {"background": 1}, nothing | {"classification": 1, "missed": 1}]
    assert total_errors(counts) == nothing | {"background": 1, "classification": 1, "missed": 1}


@pytest.mark.parametrize("seed", range(4))
def test_every_detection_has_a_kind_and_those_that_are_right_are_the_hits_of_the_ranking(seed):
    targets, detections = make_pictures(seed)
    errors = find_errors(targets, detections, 3, score_threshold=0.3)
    counts = count_errors(targets, detections, errors, 3)
    for picture, rows in zip(errors, detections, strict=True):
        assert ((picture.kinds != "") == (rows[:, 4] > 0.3)).all()
    for class_id, ranking in enumerate(rank_detections(targets, detections, 3)):
        assert counts[class_id]["correct"] == ranking.hits[ranking.scores > 0.3].sum()
        judged = sum(counts[class_id][kind] for kind in KINDS)
        assert judged == (ranking.scores > 0.3).sum()
        assert counts[class_id]["correct"] + counts[class_id]["missed"] <= ranking.support


@pytest.mark.parametrize(
    "thresholds", [{"iou_threshold": 0}, {"background_threshold": 0.5}, {"background_threshold": 0}]
)
def test_thresholds_out_of_range_are_refused(thresholds):
    with pytest.raises(ValueError, match=next(iter(thresholds))):
        find_errors([ABSENT], [np.zeros((0, 6), "float32")], 2, **thresholds)
