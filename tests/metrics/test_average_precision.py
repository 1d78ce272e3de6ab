"""The average precision of a training, by hand, against plain loops, and against COCO's own implementation."""

import keras
import numpy as np
import pytest

from kerascnn.losses import YoloLoss
from kerascnn.losses.terms import DetectorTerms
from kerascnn.metrics.average_precision import BINS, AveragePrecision, LossTerm, RegionAveragePrecision, find_hits
from kerascnn.metrics.coco import coco_metrics
from kerascnn.ops import encode_deltas, non_max_suppression
from kerascnn.ops.regions import VARIANCES
from tests.losses.test_yolo import OUTPUTS, ROWS, answer
from tests.metrics.naive_detection import make_pictures, rank_naively

CLASSES = ("a", "b", "c")
SURE = 30.0  # a logit whose sigmoid is 1
PADDING = (-1, -1, -1, -1, -1)


def as_predictions(detections, num_classes=3):
    """Make predictions (B, N, 5 + classes + 5) of rows x1, y1, x2, y2, score, class; those added say nothing."""
    outputs = np.full((len(detections), max(map(len, detections), default=0) or 1, 10 + num_classes), -SURE, "float32")
    for picture, rows in zip(outputs, detections, strict=True):
        for prediction, (*box, score, class_id) in zip(picture, rows, strict=False):
            prediction[:4] = box
            prediction[4] = SURE
            prediction[5 + int(class_id)] = np.log(score) - np.log1p(-score)
    return outputs


def as_targets(truths):
    """Pad rows to (B, M, 5)."""
    rows = np.full((len(truths), max(map(len, truths), default=0), 5), -1, "float32")
    for picture, truth in zip(rows, truths, strict=True):
        picture[: len(truth)] = np.reshape(truth, (-1, 5))
    return rows


def measure(truths, detections, num_classes=3, **options):
    metric = AveragePrecision(num_classes, **options)
    metric.update_state(as_targets(truths), as_predictions(detections, num_classes))
    return float(metric.result())


A, B = (0, 0, 20, 20), (40, 40, 80, 60)
NEAR_A = (0, 0, 20, 16)  # an IoU of 0.8


@pytest.mark.parametrize(
    ("truth", "detections", "expected"),
    [
        ([(*A, 0)], [(*A, 0.9, 0)], 1),
        ([(*A, 0)], [(*NEAR_A, 0.9, 0)], 0.7),  # right at 0.5 to 0.8
        ([(*A, 0)], [(*A, 0.9, 1)], 0),
        ([(*A, 0)], [], 0),
        ([], [(*A, 0.9, 0)], 0),
        ([], [], 0),
        ([(*A, 0), (*B, 0)], [(*A, 0.9, 0)], 1 / 2),
        ([(*A, 0), (*B, 0)], [(*A, 0.9, 0), (90, 0, 99, 9, 0.8, 0), (*B, 0.7, 0)], (1 + 2 / 3) / 2),
        ([(*A, 0)], [(90, 0, 99, 9, 0.9, 0), (*A, 0.3, 0)], 1 / 2),
        ([(*A, 0)], [(90, 0, 99, 9, 0.3, 0), (*A, 0.9, 0)], 1),
        ([(*A, 0), (*B, 1)], [(*A, 0.9, 0)], 1 / 2),  # the mean of the classes with objects
        ([(*A, 0), (*B, 1)], [(*A, 0.9, 0), (*B, 0.2, 1)], 1),
    ],
)
def test_average_precision_by_hand(truth, detections, expected):
    assert measure([truth], [detections]) == pytest.approx(expected, rel=1e-6)


def test_detections_of_the_same_bin_are_equally_sure():
    found = [(*A, 0.9012, 0), (90, 0, 99, 9, 0.9023, 0)]
    assert measure([[(*A, 0)]], [found]) == measure([[(*A, 0)]], [found[::-1]]) == pytest.approx(1 / 2)
    later = [(*A, 0.9012, 0), (90, 0, 99, 9, 0.8990, 0)]
    assert measure([[(*A, 0)]], [later]) == 1


def test_a_second_detection_of_an_object_is_wrong():
    # They overlap each other by 0.47, so that neither is suppressed, and the object by 0.73 and 0.74.
    first, second = (0, 0, 20, 14.6), (0, 5.2, 20, 20)
    found = [(*first, 0.9, 0), (*second, 0.8, 0), (*B, 0.7, 0)]
    assert measure([[(*A, 0), (*B, 0)]], [found], iou_thresholds=(0.5,)) == pytest.approx((1 + 2 / 3) / 2)


def test_overlapping_predictions_are_suppressed_first():
    found = [(*A, 0.9, 0), (*NEAR_A, 0.8, 0), (*B, 0.7, 0)]
    assert measure([[(*A, 0), (*B, 0)]], [found]) == 1


def draw_pictures(seed, num_pictures=6, *, own_bins=True):
    """Draw objects, and detections that no suppression would drop, perhaps of scores in bins of their own."""
    truths, detections = make_pictures(seed, num_pictures)
    rng = np.random.default_rng(seed)
    scores = (3 + rng.permutation(BINS - 3) + 0.5) / BINS if own_bins else rng.uniform(0.02, 0.98, 999)
    kept, start = [], 0
    for found in detections:
        found[:, 4] = scores[start : start + len(found)]
        start += len(found)
        chosen = non_max_suppression(found[:, :4], found[:, 4], class_ids=found[:, 5].astype(int), score_threshold=0)
        kept.append(found[np.asarray(chosen.indices[: chosen.count])])
    return truths, kept


def area_naively(hits, support):
    """Sum, of every object that is found, the highest precision from there on."""
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return sum(precisions[place:].max() for place in np.flatnonzero(hits)) / support


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.5, 0.75])
def test_average_precision_is_that_of_plain_loops(seed, threshold):
    truths, detections = draw_pictures(seed)
    areas = []
    for class_id in range(len(CLASSES)):
        hits, support = rank_naively(truths, detections, class_id, threshold, may_take_another=False)
        areas += [area_naively(hits, support)] if support else []
    assert 0.05 < np.mean(areas) < 0.95
    assert measure(truths, detections, iou_thresholds=(threshold,)) == pytest.approx(np.mean(areas), rel=1e-5)


@pytest.mark.parametrize("own_bins", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_nearly_cocos(seed, own_bins):
    # COCO looks at 101 recalls, and gives a detection another object where the nearest is taken.
    truths, detections = draw_pictures(seed, 8 if own_bins else 30, own_bins=own_bins)
    expected = coco_metrics(truths, detections, CLASSES)
    assert expected["ap"] > 0.1
    assert measure(truths, detections) == pytest.approx(expected["ap"], abs=0.01)
    assert measure(truths, detections, iou_thresholds=(0.5,)) == pytest.approx(expected["ap50"], abs=0.01)


def test_batches_are_counted_together():
    truths, detections = draw_pictures(0)
    whole, parts = AveragePrecision(len(CLASSES)), AveragePrecision(len(CLASSES))
    whole.update_state(as_targets(truths), as_predictions(detections))
    for first in range(0, len(truths), 4):  # of different sizes, and the last one is smaller
        batch = slice(first, first + 4)
        parts.update_state(as_targets(truths[batch]), as_predictions(detections[batch]))
    assert float(parts.result()) == pytest.approx(float(whole.result()), rel=1e-6)
    assert float(whole.result()) > 0.1
    parts.reset_state()
    assert float(parts.result()) == 0


def test_a_perfect_network_has_all_and_one_that_says_nothing_has_none():
    metric = AveragePrecision(len(CLASSES))
    metric.update_state(ROWS[:2], answer(ROWS[:2]))  # in the crowd, objects would be suppressed too
    assert float(metric.result()) == 1
    silent = np.where(np.arange(OUTPUTS.shape[-1]) == 4, -SURE, OUTPUTS).astype("float32")
    metric.reset_state()
    metric.update_state(ROWS, silent)
    assert float(metric.result()) == 0


def test_no_rows_and_one_class():
    metric = AveragePrecision(1)
    metric.update_state(np.zeros((2, 0, 5)), as_predictions([[(*A, 0.9, 0)], []], num_classes=1))
    assert float(metric.result()) == 0
    metric.update_state(np.float32([[(*A, 0), PADDING]]), as_predictions([[(*A, 0.95, 0)]], num_classes=1))
    assert float(metric.result()) == 1


def test_hits_are_the_surest_on_each_object():
    rows = np.float32([[PADDING, (*A, 0), (*B, 0), (*B, 1)]])
    boxes = np.float32([[A, NEAR_A, B, B, B, (0, 0, 0, 0)]])
    class_ids = np.int32([[0, 0, 1, 0, 2, -1]])
    found = np.asarray(find_hits(rows, boxes, class_ids, (0.5, 0.9)))[0]
    assert found.tolist() == [[True, True], [False, False], [True, True], [True, True], [False, False], [False, False]]
    # At a threshold that the surest misses, the next one is right.
    found = np.asarray(find_hits(rows, boxes[:, 1::-1], class_ids[:, :2], (0.5, 0.9)))[0]
    assert found.tolist() == [[True, False], [False, True]]


def test_it_can_be_stored():
    metric = AveragePrecision(3, (0.5, 0.75), name="ap_of_two")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (again.name, again.num_classes, again.iou_thresholds) == ("ap_of_two", 3, (0.5, 0.75))


@pytest.mark.parametrize(("num_classes", "thresholds"), [(0, (0.5,)), (3, ()), (3, (0.0, 0.5)), (3, (0.5, 1.1))])
def test_what_cannot_be_measured_is_refused(num_classes, thresholds):
    with pytest.raises(ValueError, match="num_classes must be at least 1, iou_thresholds at least one number"):
        AveragePrecision(num_classes, thresholds)


def test_predictions_of_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"must be of 3 classes\. Received: 2, from outputs of the shape \(1, 1, 12\)"):
        AveragePrecision(3).update_state(as_targets([[(*A, 0)]]), as_predictions([[(*A, 0.9, 0)]], num_classes=2))


@pytest.mark.parametrize("term", DetectorTerms._fields)
def test_a_term_is_shown_by_itself(term):
    loss = YoloLoss(box_weight=2.0)
    metric = LossTerm(loss, term)
    batches = (ROWS[:2], OUTPUTS[:2]), (ROWS[2:], OUTPUTS[2:])
    each = [np.asarray(getattr(loss.terms(*batch), term)) for batch in batches]
    for batch in batches:
        metric.update_state(*batch)
    assert metric.name == f"{term}_loss"
    assert float(metric.result()) == pytest.approx(np.concatenate(each).mean(), rel=1e-6)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    again.update_state(*batches[0])
    assert (again.name, float(again.result())) == (metric.name, pytest.approx(each[0].mean(), rel=1e-6))


def test_terms_add_up_to_the_loss():
    loss = YoloLoss("aligned")
    metrics = [LossTerm(loss, term) for term in DetectorTerms._fields]
    for metric in metrics:
        metric.update_state(ROWS, OUTPUTS)
    assert sum(float(metric.result()) for metric in metrics) == pytest.approx(float(loss(ROWS, OUTPUTS)), rel=1e-5)


def test_second_stage_that_is_right_has_an_average_precision_of_1():
    rows = np.float32([[(5, 5, 30, 40, 1), (40, 10, 60, 30, 0)], [(8, 9, 20, 50, 1), (-1, -1, -1, -1, -1)]])
    outputs = np.zeros((2, 3, 15), np.float32)
    outputs[..., 2] = 20  # of the background
    for picture, row in np.argwhere(rows[..., 4] >= 0):
        *box, class_id = rows[picture, row]
        region = outputs[picture, row]
        region[-4:] = box + np.float32([-3, 2, 4, 1])
        region[[2, int(class_id)]] = 0, 20
        region[3 + 4 * int(class_id) :][:4] = encode_deltas(np.float32(box), region[-4:], variances=VARIANCES)
    metric = RegionAveragePrecision(2)
    metric.update_state(rows, outputs)
    assert float(metric.result()) == pytest.approx(1)
    wrong = outputs[..., [1, 0, *range(2, 15)]]  # the classes change places
    metric.reset_state()
    metric.update_state(rows, wrong)
    assert float(metric.result()) == 0
    assert RegionAveragePrecision.from_config(metric.get_config()).num_classes == 2


def test_a_perfect_second_stage_has_all_in_a_crowd_of_proposals():
    """Twenty objects with fifty proposals on each: more than come to a network's suppression that looks once."""
    corners = np.float32([[x, y, x + 15, y + 15] for x in range(0, 100, 20) for y in range(0, 80, 20)])
    outputs = np.zeros((1, 1000, 15), np.float32)
    outputs[0, :, 0] = np.linspace(10, 9, 1000)  # of the first class, the surest of all on the first objects
    outputs[0, :, -4:] = corners.repeat(50, axis=0)
    metric = RegionAveragePrecision(2)
    metric.update_state(np.pad(corners, [(0, 0), (0, 1)])[np.newaxis], outputs)
    assert float(metric.result()) == pytest.approx(1)
