"""Soft suppression by hand, by a naive loop, and as TensorFlow does it."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.ops import soft_non_max_suppression
from tests.ops.naive import suppress_softly
from tests.ops.test_nms import PAIR, draw_crowd, kept

LOWER = {
    "linear": lambda iou: 1 - iou if iou >= 0.3 else 1,
    "gaussian": lambda iou: np.exp(-(iou**2) / 0.5),
}


def test_scores_are_lowered_by_hand():
    boxes = [*PAIR.tolist(), [20, 0, 30, 10], [29, 0, 39, 10]]  # IoU 1/2, and 10/190
    scores = [0.8, 0.6, 0.5, 0.4]
    linear = soft_non_max_suppression(boxes, scores, method="linear", max_detections=5)
    assert kept(linear) == [0, 2, 3, 1]
    np.testing.assert_allclose(linear.scores, [0.8, 0.5, 0.4, 0.3, 0], rtol=1e-6)
    gaussian = soft_non_max_suppression(boxes, scores, max_detections=5)
    assert kept(gaussian) == [0, 2, 3, 1]
    expected = [0.8, 0.5, 0.4 * np.exp(-((10 / 190) ** 2) / 0.5), 0.6 * np.exp(-0.5), 0]
    np.testing.assert_allclose(gaussian.scores, expected, rtol=1e-6)


@pytest.mark.parametrize("method", LOWER)
@pytest.mark.parametrize("count", [0, 1, 2, 70])
def test_scenes_are_those_of_a_naive_loop(method, count):
    boxes, scores = draw_crowd(count, seed=3)
    expected, lowered = suppress_softly(boxes, scores, LOWER[method], 0.05)
    result = soft_non_max_suppression(boxes, scores, method=method, score_threshold=0.05)
    assert kept(result) == expected
    np.testing.assert_allclose(result.scores[: len(lowered)], lowered, rtol=1e-5)


def test_the_gaussian_is_that_of_tensorflow():
    boxes, scores = draw_crowd()
    # TensorFlow's exponent is -IoU^2 / (2 sigma).
    expected = tf.image.non_max_suppression_with_scores(boxes, scores, 50, 1.0, 0.01, soft_nms_sigma=0.15)
    result = soft_non_max_suppression(boxes, scores, sigma=0.3, score_threshold=0.01, max_detections=50)
    assert kept(result) == expected[0].numpy().tolist()
    np.testing.assert_allclose(result.scores, expected[1], rtol=1e-5)


def test_a_batch_and_classes_give_what_their_parts_give():
    (boxes, scores), (others, other_scores) = draw_crowd(60), draw_crowd(60, seed=1)
    class_ids = np.random.default_rng(2).integers(2, size=(2, 60))
    batch = soft_non_max_suppression(
        np.stack([boxes, others]), np.stack([scores, other_scores * 0.1]), class_ids=class_ids, score_threshold=0.04
    )
    assert batch.count[0] > batch.count[1] > 0
    found = np.asarray(batch.indices[0][: batch.count[0]])
    for class_id in range(2):
        members = np.flatnonzero(class_ids[0] == class_id)
        expected, lowered = suppress_softly(boxes[members], scores[members], LOWER["gaussian"], 0.04)
        of_class = np.asarray(batch.class_ids[0][: batch.count[0]]) == class_id
        assert found[of_class].tolist() == members[expected].tolist()
        np.testing.assert_allclose(np.asarray(batch.scores[0])[: batch.count[0]][of_class], lowered, rtol=1e-5)


def test_a_score_lowered_to_nothing_is_gone():
    same = np.tile(PAIR[:1], (3, 1))
    result = soft_non_max_suppression(same, [0.9, np.nan, 0.8], method="linear", score_threshold=0.0)
    assert kept(result) == [0]
    assert np.isfinite(result.scores).all()


def test_gradients_flow_into_the_boxes_that_are_kept():
    boxes = tf.constant([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        result = soft_non_max_suppression(boxes, [0.9, 0.8, 0.7], max_detections=2)
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(result.boxes, boxes)), [[1] * 4, [0] * 4, [1] * 4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hard"}, r"method must be one of linear, gaussian\. Received: method='hard'\."),
        ({"sigma": 0}, "sigma must be positive, .* Received: sigma=0"),
        ({"score_threshold": -0.1}, "score_threshold not negative, .* score_threshold=-0.1"),
        ({"iou_threshold": 2}, "iou_threshold must lie in"),
        ({"max_detections": 0}, "max_detections must be a whole number"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        soft_non_max_suppression(PAIR, [0.9, 0.8], **options)
