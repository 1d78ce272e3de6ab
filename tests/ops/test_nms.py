"""Suppression as the course's notes write it, by a naive loop, and as TensorFlow, torchvision and keras-cv do it."""

import functools

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.ops import KeptBoxes, non_max_suppression
from tests.ops.naive import suppress
from tests.ops.torchvision_reference import THRESHOLDS, draw_scene, read_reference

PAIR = np.float32([[0, 0, 10, 10], [0, 0, 10, 5]])  # with an IoU of 1/2


@functools.cache
def compile_suppression(**options):
    """Compile the suppression of any number of boxes, which is much faster than step by step."""
    signature = [tf.TensorSpec([None, 4]), tf.TensorSpec([None])]
    return tf.function(lambda boxes, scores: non_max_suppression(boxes, scores, **options), input_signature=signature)


def kept(result: KeptBoxes) -> list[int]:
    """List the indices without the padding, after a look at everything else."""
    count = int(result.count)
    assert (np.asarray(result.indices[count:]) == -1).all() and (np.asarray(result.class_ids[count:]) == -1).all()
    assert not np.any(result.boxes[count:]) and not np.any(result.scores[count:])
    assert (np.diff(result.scores) <= 0).all()
    return np.asarray(result.indices[:count]).tolist()


def draw_crowd(count=400, seed=0):
    """Draw boxes around a few places, more than a block of them, and different scores."""
    generator = np.random.default_rng(seed)
    place = generator.integers(12, size=count)
    centers = generator.uniform(20, 300, (12, 2))[place] + generator.normal(0, 4, (count, 2))
    sizes = generator.uniform(20, 60, (12, 2))[place] * np.exp(generator.normal(0, 0.2, (count, 2)))
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1).astype("float32")
    return boxes, generator.permutation(count).astype("float32") / count


def test_the_notes_by_hand():
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [21, 0, 31, 10], [50, 0, 60, 10]]
    result = non_max_suppression(boxes, [0.7, 0.9, 0.8, 0.65, 0.6], max_detections=3)
    assert kept(result) == [1, 2]  # 0 and 3 overlap better ones, and 0.6 is not more than 0.6
    np.testing.assert_array_equal(result.boxes, [[1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 0, 0]])
    np.testing.assert_allclose(result.scores, [0.9, 0.8, 0])
    assert result.class_ids.numpy().tolist() == [0, 0, -1]


def test_both_thresholds_are_exceeded_not_reached():
    assert kept(non_max_suppression(PAIR, [0.9, 0.8])) == [0, 1]
    assert kept(non_max_suppression(PAIR, [0.9, 0.8], iou_threshold=0.49)) == [0]
    assert kept(non_max_suppression(PAIR, [0.75, 0.5], score_threshold=0.5)) == [0]


def test_a_dropped_box_drops_nothing():
    chain = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]  # neighbours have an IoU of 3/7
    assert kept(non_max_suppression(chain, [0.9, 0.8, 0.7], iou_threshold=0.4)) == [0, 2]


rows = st.tuples(*[st.integers(0, 6)] * 4, st.integers(0, 5))


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(rows, max_size=30), iou_threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_small_scenes_are_those_of_a_naive_loop(rows, iou_threshold):
    # Whole numbers make equal boxes, equal scores, boxes without area, and IoUs that are equal to the threshold.
    x, y, width, height, level = np.float32(rows).reshape(-1, 5).T
    boxes, scores = np.stack([x, y, x + width, y + height], axis=-1), level / 8
    found = SMALL[iou_threshold](boxes, scores)
    assert kept(found) == suppress(boxes, scores, iou_threshold, 0.2)


SMALL = {
    threshold: compile_suppression(iou_threshold=threshold, score_threshold=0.2, max_detections=30)
    for threshold in (0.0, 0.25, 0.5, 1.0)
}


@pytest.mark.parametrize("draw", [draw_crowd, lambda: draw_scene()[:2]], ids=["crowd", "ties"])
@pytest.mark.parametrize("iou_threshold", [0.3, 0.7])
def test_large_scenes_are_those_of_a_naive_loop(draw, iou_threshold):
    boxes, scores = draw()
    expected = suppress(boxes, scores, iou_threshold, 0.25)
    for max_detections in (1, 64, 300):
        options = {"iou_threshold": iou_threshold, "score_threshold": 0.25, "max_detections": max_detections}
        result = compile_suppression(**options)(boxes, scores)
        assert result.indices.shape == (max_detections,)
        assert kept(result) == expected[:max_detections]


@pytest.mark.parametrize("iou_threshold", THRESHOLDS)
def test_answers_are_those_of_torchvision_with_ties_and_classes(iou_threshold):
    boxes, scores, class_ids = draw_scene()
    options = {"iou_threshold": iou_threshold, "score_threshold": 0.0, "max_detections": 400}
    reference = read_reference()
    assert kept(non_max_suppression(boxes, scores, **options)) == reference["nms"][str(iou_threshold)]
    result = non_max_suppression(boxes, scores, class_ids=class_ids, **options)
    assert kept(result) == reference["batched_nms"][str(iou_threshold)]
    assert result.class_ids[: result.count].numpy().tolist() == class_ids[kept(result)].tolist()


@pytest.mark.parametrize("iou_threshold", [0.3, 0.7])
@pytest.mark.parametrize("max_detections", [1, 64, 300])
def test_answers_are_those_of_tensorflow(iou_threshold, max_detections):
    options = {"iou_threshold": iou_threshold, "score_threshold": 0.25, "max_detections": max_detections}
    for boxes, scores in (draw_crowd(3000), draw_scene()[:2]):
        expected = tf.image.non_max_suppression(boxes, scores, max_detections, iou_threshold, 0.25)
        assert kept(compile_suppression(**options)(boxes, scores)) == expected.numpy().tolist()


def test_answers_are_those_of_keras_cv():
    boxes, scores = (np.stack(pair) for pair in zip(draw_crowd(), draw_crowd(seed=1), strict=True))
    layer = keras_cv.layers.NonMaxSuppression("xyxy", from_logits=False, confidence_threshold=0.6, max_detections=50)
    expected, result = layer(boxes, scores[..., np.newaxis]), non_max_suppression(boxes, scores, max_detections=50)
    np.testing.assert_array_equal(result.count, expected["num_detections"])
    for found, boxes_of_one, count in zip(result.boxes, expected["boxes"], result.count, strict=True):
        np.testing.assert_allclose(found[:count], boxes_of_one[:count], atol=1e-5)


def test_each_class_is_suppressed_by_itself():
    boxes, scores = draw_crowd(300)
    class_ids = np.random.default_rng(2).integers(3, size=300)
    result = non_max_suppression(boxes, scores, class_ids=class_ids, score_threshold=0.1)
    expected = []
    for class_id in range(3):
        members = np.flatnonzero(class_ids == class_id)
        expected += members[suppress(boxes[members], scores[members], 0.5, 0.1)].tolist()
    assert kept(result) == sorted(expected, key=lambda index: -scores[index])


def test_a_box_may_be_kept_for_several_classes():
    scores = [[0.9, 0.7, 0.1], [0.8, 0.75, 0.7]]
    result = non_max_suppression(PAIR, scores, iou_threshold=0.4, max_detections=5)
    assert kept(result) == [0, 1, 1]
    assert result.class_ids.numpy().tolist() == [0, 1, 2, -1, -1]
    np.testing.assert_allclose(result.scores, [0.9, 0.75, 0.7, 0, 0])


def test_scores_of_classes_are_candidates_of_their_own():
    boxes, scores = draw_crowd(100)
    scores = np.stack([scores, scores[::-1], np.roll(scores, 7)], axis=-1)
    result = non_max_suppression(boxes, scores, max_detections=60)
    single = non_max_suppression(
        np.repeat(boxes, 3, axis=0), scores.reshape(-1), class_ids=np.tile([0, 1, 2], 100), max_detections=60
    )
    assert kept(result) == [index // 3 for index in kept(single)]
    np.testing.assert_array_equal(result.class_ids, single.class_ids)
    np.testing.assert_array_equal(result.scores, single.scores)


def test_a_batch_gives_what_its_pictures_give():
    scenes = [draw_crowd(400, seed) for seed in range(3)]
    boxes, scores = (np.stack(each) for each in zip(*scenes, strict=True))
    scores = scores * np.float32([[1], [0.62], [0.1]])  # many, few, none
    batch = non_max_suppression(boxes, scores, max_detections=30)
    assert batch.count.numpy().tolist() == sorted(batch.count.numpy(), reverse=True) and batch.count[2] == 0
    for picture in range(3):
        single = non_max_suppression(boxes[picture], scores[picture], max_detections=30)
        for of_batch, alone in zip(batch, single, strict=True):
            np.testing.assert_array_equal(of_batch[picture], alone)
    nested = non_max_suppression(boxes[np.newaxis], scores[np.newaxis], max_detections=30)
    assert nested.boxes.shape == (1, 3, 30, 4) and nested.count.shape == (1, 3)
    np.testing.assert_array_equal(nested.indices[0], batch.indices)


def test_only_the_best_candidates_are_considered():
    boxes, scores = draw_crowd(300)
    best = np.argsort(-scores)[:40]
    expected = best[suppress(boxes[best], scores[best], 0.5, 0.0)].tolist()
    assert kept(non_max_suppression(boxes, scores, score_threshold=0.0, max_candidates=40)) == expected
    every = non_max_suppression(boxes, scores, score_threshold=0.0)
    assert kept(non_max_suppression(boxes, scores, score_threshold=0.0, max_candidates=999)) == kept(every)


def test_of_equal_scores_the_first_wins():
    boxes = np.tile(np.float32([[0, 0, 10, 10]]), (700, 1))
    assert kept(non_max_suppression(boxes, np.full(700, 0.9))) == [0]
    apart = boxes + 20 * np.arange(700, dtype="float32")[:, np.newaxis]
    assert kept(non_max_suppression(apart, np.full(700, 0.9), max_detections=600)) == list(range(600))


def test_boxes_without_area_suppress_nothing():
    boxes = [[5, 5, 5, 5], [5, 5, 5, 5], [0, 5, 10, 5], [0, 0, 10, 10], [9, 9, 1, 1]]
    for iou_threshold in (0.0, 0.5):
        result = non_max_suppression(boxes, [0.9, 0.8, 0.95, 0.7, 0.65], iou_threshold=iou_threshold)
        assert kept(result) == [2, 0, 1, 3, 4]


def test_what_is_not_a_number_is_never_chosen():
    boxes = np.tile(np.float32([[0, 0, 10, 10]]), (6, 1)) + 20 * np.arange(6, dtype="float32")[:, np.newaxis]
    boxes[2, 1], boxes[3, 2] = np.nan, np.inf
    scores = np.float32([np.nan, 0.7, 0.9, 0.9, np.inf, -np.inf])
    for score_threshold in (0.6, -np.inf):
        result = non_max_suppression(boxes, scores, score_threshold=score_threshold)
        assert kept(result) == [4, 1]
        assert np.isfinite(result.boxes).all()
    assert kept(non_max_suppression(boxes, np.full(6, np.nan))) == []


def test_padding_is_never_chosen():
    assert kept(non_max_suppression(PAIR, [0.9, 0.8], class_ids=[-1, 0])) == [1]


@pytest.mark.parametrize("leading", [(), (0,), (1,), (3,)], ids=str)
@pytest.mark.parametrize("classes", [(), (2,)], ids=["no classes", "classes"])
def test_no_boxes_give_padding(leading, classes):
    result = non_max_suppression(np.zeros((*leading, 0, 4)), np.zeros((*leading, 0, *classes)), max_detections=7)
    assert result.boxes.shape == (*leading, 7, 4) and result.scores.shape == (*leading, 7)
    assert (result.indices.numpy() == -1).all() and not result.count.numpy().any()
    single = non_max_suppression(PAIR[:1], np.full((1, *classes), 0.9), max_detections=7)
    assert single.count == (2 if classes else 1)


def test_gradients_flow_into_what_is_kept():
    boxes, scores = tf.constant([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]), tf.constant([0.7, 0.9, 0.8])
    with tf.GradientTape() as tape:
        tape.watch([boxes, scores])
        result = non_max_suppression(boxes, scores)
        value = tf.reduce_sum(result.boxes) + 2 * tf.reduce_sum(result.scores)
    of_boxes, of_scores = tape.gradient(value, [boxes, scores])
    np.testing.assert_array_equal(tf.convert_to_tensor(of_boxes), [[0] * 4, [1] * 4, [1] * 4])
    np.testing.assert_array_equal(tf.convert_to_tensor(of_scores), [0, 2, 2])


def test_suppression_may_pass_through_a_dataset():
    boxes, scores = draw_crowd(300)
    data = tf.data.Dataset.from_tensor_slices((boxes, scores)).batch(100)  # the last batch could be smaller
    for first, result in zip((0, 100, 200), data.map(non_max_suppression), strict=True):
        some = slice(first, first + 100)
        assert kept(KeptBoxes(*result)) == suppress(boxes[some], scores[some], 0.5, 0.6)


def test_builtin_operations_of_tflite_are_enough():
    def run(boxes, scores):
        return non_max_suppression(boxes, scores, max_detections=20)._asdict()

    boxes, scores = draw_crowd(300)
    scores = np.stack([scores, scores[::-1]], axis=-1)[np.newaxis]
    signature = [tf.TensorSpec((1, 300, 4), name="boxes"), tf.TensorSpec((1, 300, 2), name="scores")]
    function = tf.function(run, input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], boxes[np.newaxis] if "boxes" in detail["name"] else scores)
    interpreter.invoke()
    # The outputs stand in the alphabetical order of their names.
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    for expected in run(boxes[np.newaxis], scores).values():
        assert any(np.array_equal(expected, output) for output in outputs)


@pytest.mark.parametrize(
    ("boxes", "scores", "class_ids"),
    [
        ((4,), (), None),
        ((3, 4), (2,), None),
        ((3, 4), (), None),
        ((2, 3, 4), (3,), None),
        ((2, 3, 4), (3, 2), None),
        ((3, 4), (3, 5, 2), None),
        ((3, 4), (3,), (2,)),
        ((3, 4), (3, 5), (3,)),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(boxes, scores, class_ids):
    class_ids = None if class_ids is None else np.zeros(class_ids, "int32")
    with pytest.raises(ValueError, match=r"boxes must be \(\.\.\., N, 4\) and scores .* Received: boxes \("):
        non_max_suppression(np.zeros(boxes), np.zeros(scores), class_ids=class_ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou_threshold": 1.5}, r"iou_threshold must lie in 0\.\.1\. Received: iou_threshold=1\.5\."),
        ({"iou_threshold": -0.1}, "iou_threshold must lie in"),
        ({"max_detections": 0}, "max_detections must be a whole number of at least 1. Received: max_detections=0"),
        ({"max_detections": 2.5}, "max_detections must be a whole number"),
        ({"max_candidates": 0}, "max_candidates must be a whole number"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        non_max_suppression(PAIR, [0.9, 0.8], **options)
