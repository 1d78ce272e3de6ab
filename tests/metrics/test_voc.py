"""VOC's average precision, by hand, against plain loops, and against COCO's where they agree."""

import numpy as np
import pytest

from kerascnn.metrics.coco import coco_metrics
from kerascnn.metrics.voc import voc_average_precision
from tests.metrics.naive_detection import highest_precision, make_pictures, rank_naively

TARGETS = [np.float32([[0, 0, 10, 10, 0], [0, 0, 10, 10, -1]]), np.float32([[0, 0, 10, 10, 0]])]
DETECTIONS = [np.float32([[20, 20, 30, 30, 0.8, 0], [0, 0, 10, 10, 0.9, 0]]), np.float32([[0, 0, 10, 10, 0.7, 0]])]


def test_area_by_hand():
    # Hit, mistake, hit: half of the recall with a precision of 1, half with 2/3.
    np.testing.assert_allclose(voc_average_precision(TARGETS, DETECTIONS, 2), [5 / 6, np.nan])


def test_eleven_points_by_hand():
    # Six recalls, 0 to 0.5, with a precision of 1, five with 2/3.
    found = voc_average_precision(TARGETS, DETECTIONS, 2, eleven_points=True)
    np.testing.assert_allclose(found, [(6 + 5 * 2 / 3) / 11, np.nan])


def test_a_recall_of_three_tenths_reaches_the_point_at_three_tenths():
    targets = [np.float32([[20 * place, 0, 20 * place + 10, 10, 0] for place in range(10)])]
    detections = [np.insert(targets[0][:3], 4, 0.5, axis=1)]
    assert voc_average_precision(targets, detections, 1, eleven_points=True) == pytest.approx([4 / 11])


def test_a_detection_nearest_to_a_found_object_finds_no_other():
    targets = [np.float32([[0, 0, 10, 10, 0], [0, 3, 10, 13, 0]])]
    detections = [np.float32([[0, 0, 10, 10, 0.9, 0], [0, 1, 10, 11, 0.8, 0]])]  # the second: IoU 9/11 and 8/12
    assert voc_average_precision(targets, detections, 1) == [0.5]
    assert coco_metrics(targets, detections, "a")["ap50"] == 1  # there it does


def test_iou_threshold_is_reached_by_an_equal_iou():
    targets, detections = [np.float32([[0, 0, 10, 10, 0]])], [np.float32([[0, 0, 10, 5, 0.9, 0]])]
    thresholds = (0.4, 0.5, 0.51)
    found = [voc_average_precision(targets, detections, 1, iou_threshold=each) for each in thresholds]
    assert found == [[1], [1], [0]]


def test_no_detection_is_zero_and_no_object_is_not_defined():
    targets, nothing = [np.float32([[0, 0, 10, 10, 0]])], [np.zeros((0, 6), "float32")]
    for eleven_points in (True, False):
        found = voc_average_precision(targets, nothing, 2, eleven_points=eleven_points)
        np.testing.assert_array_equal(found, [0, np.nan])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("iou_threshold", [0.5, 0.8])
def test_average_precision_is_that_of_plain_loops(seed, iou_threshold):
    targets, detections = make_pictures(seed)
    areas, averages = [], []
    for class_id in range(3):
        hits, support = rank_naively(targets, detections, class_id, iou_threshold, may_take_another=False)
        areas.append(np.mean([highest_precision(hits, support, (point, support)) for point in range(1, support + 1)]))
        averages.append(np.mean([highest_precision(hits, support, (point, 10)) for point in range(11)]))
    options = {"num_classes": 3, "iou_threshold": iou_threshold}
    np.testing.assert_allclose(voc_average_precision(targets, detections, **options), areas)
    np.testing.assert_allclose(voc_average_precision(targets, detections, **options, eleven_points=True), averages)


@pytest.mark.parametrize("seed", range(4))
def test_area_is_near_the_hundred_and_one_points_of_coco(seed):
    # Objects that do not overlap, so that the rules agree on which detections are right.
    rng = np.random.default_rng(seed)
    objects = np.float32([[40 * place, 0, 40 * place + 20, 20, 0] for place in range(8)])
    targets = [objects] * 5
    detections = []
    for _ in targets:
        near = objects[:, :4] + rng.normal(0, 3, (8, 4)).astype("float32")
        detections.append(np.hstack([near, rng.random((8, 1)), np.zeros((8, 1))]))
    found = voc_average_precision(targets, detections, 1)[0]
    assert found == pytest.approx(coco_metrics(targets, detections, "a")["ap50"], abs=0.02)
    assert 0.2 < found < 0.99


@pytest.mark.parametrize("iou_threshold", [0, -0.1, 1.1, float("nan")])
def test_a_threshold_out_of_range_is_refused(iou_threshold):
    with pytest.raises(ValueError, match="iou_threshold"):
        voc_average_precision(TARGETS, DETECTIONS, 2, iou_threshold=iou_threshold)
