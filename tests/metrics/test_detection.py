"""What the card says of a detector, by hand."""

import json

import numpy as np
import pytest

from kerascnn.metrics.coco import coco_metrics
from kerascnn.metrics.detection import best_score_threshold, summarise_detections
from kerascnn.metrics.precision_recall import rank_detections
from tests.metrics.naive_detection import make_pictures

BOX, FAR = [0, 0, 10, 10], [50, 50, 90, 90]
# Of class a one object is found; of class b one is found, one is missed, and there is a mistake; of c there is nothing.
TARGETS = [np.float32([[*BOX, 0], [*FAR, 1]]), np.float32([[*BOX, 1], [*BOX, -1]])]
DETECTIONS = [np.float32([[*BOX, 0.9, 0], [*FAR, 0.8, 1]]), np.float32([[*FAR, 0.4, 1]])]


def test_a_summary_by_hand():
    found = summarise_detections(TARGETS, DETECTIONS, "abc")
    assert (found["examples"], found["support"]) == (2, 3)
    # Of b, up to a recall of a half the precision is 1: 51 of 101 recalls for COCO.
    assert found["ap"] == found["ap50"] == pytest.approx((1 + 51 / 101) / 2)
    assert found["voc_ap50"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["score_threshold"] == best_score_threshold(TARGETS, DETECTIONS, 3) == pytest.approx(0.6)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((1, 2 / 3, 4 / 5))
    a, b, c = found["per_class"]
    assert a == {"class": "a", "ap": 1, "ap50": 1, "precision": 1, "recall": 1, "f1": 1, "support": 1}
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == pytest.approx((1, 1 / 2, 2 / 3, 2))
    assert (c["ap"], c["precision"], c["recall"], c["f1"], c["support"]) == (None, None, None, None, 0)
    assert found["curves"] == [
        {"class": "a", "score": [0.9], "precision": [1], "recall": [1]},
        {"class": "b", "score": [0.8, 0.4], "precision": [1, 0.5], "recall": [0.5, 0.5]},
        {"class": "c", "score": [], "precision": [], "recall": []},
    ]
    assert found["curve"]["recall"] == [0.3333, 0.6667, 0.6667]
    assert (found["errors"]["total"]["correct"], found["errors"]["total"]["missed"]) == (2, 1)
    assert [row["class"] for row in found["errors"]["per_class"]] == ["a", "b", "c"]


def test_a_score_may_be_chosen():
    found = summarise_detections(TARGETS, DETECTIONS, "abc", score_threshold=0.3)
    assert found["score_threshold"] == 0.3
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["errors"]["total"]["background"] == 1


def test_numbers_are_those_of_their_own_functions():
    targets, detections = make_pictures(1)
    found, coco = summarise_detections(targets, detections, "abc"), coco_metrics(targets, detections, "abc")
    assert {name: found[name] for name in coco if name != "per_class"} == {
        name: value for name, value in coco.items() if name != "per_class"
    }
    assert [row["ap"] for row in found["per_class"]] == [row["ap"] for row in coco["per_class"]]


@pytest.mark.parametrize("num_pictures", [3, 40])
def test_curves_are_thinned_with_both_ends_and_keep_to_the_curve(num_pictures):
    targets, detections = make_pictures(0, num_pictures)
    found = summarise_detections(targets, detections, "abc")["curves"]
    for curve, ranking in zip(found, rank_detections(targets, detections, 3), strict=True):
        whole = np.round(np.stack(ranking.curve()), 4)
        points = np.stack([curve["score"], curve["precision"], curve["recall"]])
        assert points.shape[1] <= 101
        np.testing.assert_array_equal(points[:, [0, -1]], whole[:, [0, -1]])
        assert {tuple(point) for point in points.T} <= {tuple(point) for point in whole.T}
        away = np.abs(whole[1:, :, np.newaxis] - points[1:, np.newaxis]).sum(axis=0)  # (all points, those kept)
        assert away.min(axis=1).max() < 0.04  # a hundredth of the way along the curve


@pytest.mark.parametrize(
    ("targets", "detections"),
    [
        (np.zeros((0, 5)), np.zeros((0, 6))),
        (np.zeros((0, 5)), np.float32([[*BOX, 0.9, 0]])),
        (np.float32([[*BOX, 0]]), np.zeros((0, 6))),
        (np.float32([[*BOX, 0]]), np.float32([[*FAR, 0.9, 0]])),
    ],
)
def test_where_nothing_is_found_the_summary_can_still_be_stored(targets, detections):
    found = summarise_detections([targets], [detections], "ab")
    json.dumps(found, allow_nan=False)
    assert found["score_threshold"] == best_score_threshold([targets], [detections], 2) == 0.5
    assert found["ap"] == (0 if len(targets) else None)
    assert found["errors"]["total"]["background"] == len(detections)
    assert found["errors"]["total"]["missed"] == len(targets)


def test_no_picture_is_refused():
    with pytest.raises(ValueError, match="not be empty"):
        summarise_detections([], [], "ab")
