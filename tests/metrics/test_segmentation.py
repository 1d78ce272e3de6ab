"""Metrics of masks, against numbers by hand, naive loops and scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from kerascnn.metrics.segmentation import (
    MeanIntersectionOverUnion,
    count_pixels,
    mean_ious,
    measure_boundaries,
    summarise_segmentation,
)

CLASSES = ("sky", "road", "car", "pole")


@pytest.fixture(scope="module")
def masks():
    """Three pictures of different sizes, with ignored pixels, in which nobody sees a pole; and answers."""
    rng = np.random.default_rng(0)
    sizes = [(5, 7), (6, 6), (1, 1)]
    targets = [rng.integers(0, 3, size) for size in sizes]
    targets[0][0] = 255
    return targets, [rng.integers(0, 3, size) for size in sizes]


def test_pixels_are_counted_as_scikit_learn_does(masks):
    truth, answers = (np.concatenate([each.ravel() for each in some]) for some in masks)
    counted = truth != 255
    expected = confusion_matrix(truth[counted], answers[counted], labels=range(4))
    np.testing.assert_array_equal(sum(count_pixels(*pair, 4) for pair in zip(*masks, strict=True)), expected)


def test_summary_has_the_ious_of_scikit_learn(masks):
    summary = summarise_segmentation(*masks, CLASSES)
    truth, answers = (np.concatenate([each.ravel() for each in some]) for some in masks)
    counted = truth != 255
    ious = jaccard_score(truth[counted], answers[counted], average=None, labels=range(3))
    found = [row["iou"] for row in summary["per_class"]]
    assert found[:3] == pytest.approx(ious.tolist()) and found[3] is None
    assert summary["mean_iou"] == pytest.approx(ious.mean())
    assert summary["pixel_accuracy"] == pytest.approx(np.mean(truth[counted] == answers[counted]))
    dice = [row["dice"] for row in summary["per_class"]][:3]
    assert dice == pytest.approx([2 * iou / (1 + iou) for iou in ious])
    assert [row["support"] for row in summary["per_class"]] == [int((truth == c).sum()) for c in range(4)]
    assert summary["examples"] == 3


def test_by_hand():
    target, answer = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    summary = summarise_segmentation([target], [answer], ("a", "b"))
    assert summary["mean_iou"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert summary["per_class"][1]["precision"] == pytest.approx(2 / 3) and summary["per_class"][1]["recall"] == 1
    assert summary["confusion"] == [[1, 1], [0, 2]]


def test_the_keras_metric_is_the_summary_s_mean_over_batches(masks):
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, (5, 4, 6))
    targets[2:4, 1] = 255
    logits = rng.normal(size=(5, 4, 6, 4)).astype("float32")
    logits[..., 3] = -9  # nobody answers with a pole
    metric = MeanIntersectionOverUnion(4)
    for part in (slice(0, 2), slice(2, 5)):
        weights = np.ones_like(targets[part])
        metric.update_state(np.stack([targets[part], weights], axis=-1), logits[part])
    expected = summarise_segmentation(list(targets), list(logits.argmax(axis=-1)), CLASSES)["mean_iou"]
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()


def boundary_f_by_loop(target, answer, class_id, reach):
    def outline(mask):
        places = []
        for y, x in np.argwhere(mask):
            around = mask[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            if not around.all():
                places.append((y, x))
        return np.array(places)

    def near(one, other):
        distances = np.abs(one[:, np.newaxis] - other)
        disk = (np.linalg.norm(distances, axis=-1) <= reach + 0.5) & (distances.max(axis=-1) <= reach)
        return disk.any(axis=1).mean()

    ours, truth = outline(answer == class_id), outline(target == class_id)
    precision, recall = near(ours, truth), near(truth, ours)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("shift", [0, 1, 3, 6])
def test_boundaries_count_that_lie_near_the_true_ones(shift):
    target, answer = np.zeros((2, 40, 50), int)
    target[10:25, 8:30] = 1
    answer[10 + shift : 25, 8:30] = 1
    found = measure_boundaries(target, answer, 3, share=2 / np.hypot(40, 50))
    assert found[1] == pytest.approx(boundary_f_by_loop(target, answer, 1, 2))
    assert np.isnan(found[2]) and (found[1] == 1) == (shift <= 2)


def test_a_mask_without_boundaries_has_none():
    same = np.zeros((4, 4), int)
    assert np.isnan(measure_boundaries(same, same, 2)).all()
    assert measure_boundaries(same, np.eye(4, dtype=int), 2)[1] == 0


def test_ignored_pixels_have_no_boundary_of_their_own():
    target = np.zeros((20, 20), int)
    target[5:15, 5:15] = 1
    answer = target.copy()
    target[:, 12:] = 255
    answer[:, 12:] = 0
    np.testing.assert_array_equal(measure_boundaries(target, answer, 2), [1, 1])
    half = np.zeros((20, 20), int)
    half[:, 10:] = 255
    assert np.isnan(
        measure_boundaries(half, np.zeros_like(half), 2)
    ).all()  # nothing but what is ignored lies beside it


def test_of_a_class_within_an_ignored_rim_no_boundary_is_known():
    target = np.zeros((40, 40), int)
    target[10:30, 10:30], target[12:28, 12:28] = 255, 1  # as Pascal VOC has things
    for answer in (target, np.where(target == 255, 1, target)):
        assert np.isnan(measure_boundaries(target, answer, 2)).all()
    spotted = np.where(target == 255, 1, target)
    spotted[20, 20] = 0
    assert np.isnan(measure_boundaries(target, spotted, 2)[1])


def test_each_picture_has_its_own_mean(masks):
    found = mean_ious(*masks, 4)
    assert found.shape == (3,)
    for index, pair in enumerate(zip(*masks, strict=True)):
        assert found[index] == pytest.approx(summarise_segmentation(*([each] for each in pair), CLASSES)["mean_iou"])
    assert np.isnan(mean_ious([np.full((2, 2), 255)], [np.zeros((2, 2), int)], 4)).all()


def test_pictures_of_ignored_pixels_alone_measure_nothing():
    summary = summarise_segmentation([np.full((3, 3), 255)], [np.zeros((3, 3), int)], ("a", "b"))
    assert summary["mean_iou"] is summary["pixel_accuracy"] is summary["boundary_f"] is None


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="no picture"):
        summarise_segmentation([], [], CLASSES)
    with pytest.raises(ValueError, match="one shape"):
        count_pixels(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="Masks must hold 0 to 2"):
            count_pixels(np.zeros((2, 2), int), np.full((2, 2), wrong), 3)
        with pytest.raises(ValueError, match="Masks must hold 0 to 2"):
            count_pixels(np.full((2, 2), wrong), np.zeros((2, 2), int), 3)
