"""COCO's metrics: what goes in and comes out by hand, the average precision against plain loops."""

import numpy as np
import pytest

from kerascnn.metrics.coco import coco_metrics
from tests.metrics.naive_detection import highest_precision, make_pictures, rank_naively

CLASSES = ("a", "b")
NOTHING = np.zeros((0, 5), "float32"), np.zeros((0, 6), "float32")


def rows(*values):
    return np.array(values, "float32")


def test_one_object_found_is_all_of_it(capsys):
    found = coco_metrics([rows([1, 2, 41, 42, 0])], [rows([1, 2, 41, 42, 0.5, 0])], CLASSES)
    assert found == {
        **{"ap": 1, "ap50": 1, "ap75": 1, "ap_small": None, "ap_medium": 1, "ap_large": None},
        **{"ar1": 1, "ar10": 1, "ar100": 1},
        "per_class": [
            {"class": "a", "ap": 1, "ap50": 1, "support": 1},
            {"class": "b", "ap": None, "ap50": None, "support": 0},
        ],
    }
    assert capsys.readouterr().out == ""


def test_two_objects_with_a_mistake_between_them():
    targets = [rows([0, 0, 10, 10, 0]), rows([0, 0, 10, 10, 0])]
    detections = [rows([0, 0, 10, 10, 0.9, 0], [20, 20, 30, 30, 0.8, 0]), rows([0, 0, 10, 10, 0.7, 0])]
    # The precision is 1 up to a recall of 0.5, at 51 of the 101 recalls, and 2/3 from there on.
    found = coco_metrics(targets, detections, CLASSES)
    assert found["ap"] == found["ap50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found["ar1"] == 1


def test_recall_counts_so_many_detections_a_picture():
    targets = [rows([0, 0, 10, 10, 0], [20, 20, 30, 30, 0])]
    detections = [rows([0, 0, 10, 10, 0.9, 0], [20, 20, 30, 30, 0.8, 0])]
    found = coco_metrics(targets, detections, CLASSES)
    assert (found["ar1"], found["ar10"], found["ar100"]) == (0.5, 1, 1)


def test_fractions_of_a_pixel_decide():
    # An IoU of 0.74: right at the thresholds 0.50, 0.55, ... 0.70, five of ten.
    found = coco_metrics([rows([0.5, 0.5, 10.5, 10.5, 0])], [rows([0.5, 0.5, 10.5, 7.9, 0.5, 0])], CLASSES)
    assert (found["ap"], found["ap50"], found["ap75"]) == (0.5, 1, 0)


@pytest.mark.parametrize(("side", "size"), [(31, "small"), (33, "medium"), (95, "medium"), (97, "large")])
def test_objects_are_small_or_large_by_the_area_of_their_box(side, size):
    found = coco_metrics([rows([0, 0, side, side, 1])], [rows([0, 0, side, side, 0.5, 1])], CLASSES)
    expected = {f"ap_{name}": 1 if name == size else None for name in ("small", "medium", "large")}
    assert {name: found[name] for name in expected} == expected


def test_a_class_without_objects_is_not_part_of_the_mean():
    found = coco_metrics([rows([0, 0, 10, 10, 1])], [rows([0, 0, 10, 10, 0.2, 1], [0, 0, 10, 10, 0.9, 0])], CLASSES)
    assert found["ap"] == 1
    assert [row["ap"] for row in found["per_class"]] == [None, 1]


def test_objects_without_detections_are_zero():
    found = coco_metrics([rows([0, 0, 10, 10, 0]), NOTHING[0]], [NOTHING[1], NOTHING[1]], CLASSES)
    assert (found["ap"], found["ar100"], found["per_class"][0]["ap"]) == (0, 0, 0)


@pytest.mark.parametrize("detections", [NOTHING[1], rows([0, 0, 10, 10, 0.9, 0])])
def test_without_objects_nothing_is_known(detections):
    found = coco_metrics([NOTHING[0]], [detections], CLASSES)
    assert {value for name, value in found.items() if name != "per_class"} == {None}


def test_padding_changes_nothing():
    targets, detections = make_pictures(0)
    padded = [np.pad(each, [[0, 3], [0, 0]], constant_values=-1) for each in targets]
    padded_detections = [np.pad(each, [[2, 0], [0, 0]], constant_values=-1) for each in detections]
    assert coco_metrics(padded, padded_detections, "abc") == coco_metrics(targets, detections, "abc")


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_plain_loops(seed):
    targets, detections = make_pictures(seed)
    per_class = []
    for class_id in range(3):
        averages = []
        for iou_threshold in np.linspace(0.5, 0.95, 10):
            hits, support = rank_naively(targets, detections, class_id, iou_threshold, may_take_another=True)
            averages.append(np.mean([highest_precision(hits, support, (point, 100)) for point in range(101)]))
        per_class.append(averages)
    found = coco_metrics(targets, detections, "abc")
    tolerance = 1 / 101  # COCO takes a recall such as 7/100 that rounding has put just above 7/100 for the next one
    for averages, row in zip(per_class, found["per_class"], strict=True):
        assert 0.1 < row["ap50"] < 1
        assert row["ap"] == pytest.approx(np.mean(averages), abs=tolerance)
        assert row["ap50"] == pytest.approx(averages[0], abs=tolerance)
    assert found["ap"] == pytest.approx(np.mean(per_class), abs=tolerance)
    assert found["ap75"] == pytest.approx(np.mean(per_class, axis=0)[5], abs=tolerance)
