"""TFLite's own suppression chooses what `kerascnn.ops.non_max_suppression` chooses, and needs one graph only."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerascnn.export.flatbuffer import operator_counts, unpack
from kerascnn.export.suppression import with_builtin_suppression
from kerascnn.layers import NonMaxSuppression
from tests.ops.test_nms import draw_crowd

COUNT = 150


def build(scores_shape, **options):
    boxes, scores = keras.Input((COUNT, 4)), keras.Input(scores_shape)
    return keras.Model([boxes, scores], NonMaxSuppression(**options)(boxes, scores))


def to_tflite(model):
    specs = [
        tf.TensorSpec((1, *each.shape[1:]), name=name)
        for each, name in zip(model.inputs, ("boxes", "scores"), strict=False)
    ]
    function = tf.function(lambda *inputs: model(inputs), input_signature=specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def compare(model, content, boxes, scores):
    """Assert that a file answers as the model does, and give the number of boxes."""
    found = Interpreter(model_content=content).get_signature_runner()(
        boxes=boxes[np.newaxis], scores=scores[np.newaxis]
    )
    expected = model.predict_on_batch([boxes[np.newaxis], scores[np.newaxis]])
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    return int(expected["count"][0])


def draw_classes(seed):
    """Draw crowded boxes, and scores of five classes, which overlap in every place."""
    boxes, _ = draw_crowd(COUNT, seed)
    return boxes, np.random.default_rng(seed).permutation(5 * COUNT).reshape(COUNT, 5).astype("float32") / (5 * COUNT)


def spoil(boxes, scores):
    """Add what a network may give while it is not trained: equal scores, boxes without area, numbers that are none."""
    boxes, scores = boxes.copy(), np.round(scores * 8) / 8
    boxes[::5, 2:] = boxes[::5, :2]
    boxes[1::10] = boxes[1::10][:, [2, 3, 0, 1]]
    boxes[3::11, 2], boxes[4::13, 0], scores[::7] = np.inf, np.nan, np.nan
    return boxes, scores


@pytest.mark.parametrize("iou_threshold", [0.0, 0.5, 1.0])
def test_the_same_boxes_are_kept_class_by_class(iou_threshold):
    options = {"iou_threshold": iou_threshold, "score_threshold": 0.1, "max_detections": 60, "max_candidates": 200}
    model = build((COUNT, 5), **options)
    content = to_tflite(with_builtin_suppression(model))
    counts = []
    for boxes, scores in (draw_classes(0), draw_classes(1), spoil(*draw_classes(2))):
        counts.append(compare(model, content, boxes, scores))
        compare(model, content, boxes * 1e-3, scores)  # shares of a picture
        compare(model, content, boxes - 1000, scores)
    assert min(counts) > 20
    for nothing in (np.zeros((COUNT, 5), "float32"), np.full((COUNT, 5), np.nan, "float32")):
        assert compare(model, content, boxes, nothing) == 0


def test_scores_may_be_without_classes_and_detections_fewer_than_there_is_room_for():
    model = build((COUNT,), score_threshold=0.2, max_detections=2 * COUNT)
    content = to_tflite(with_builtin_suppression(model))
    assert 10 < compare(model, content, *draw_crowd(COUNT)) < COUNT
    assert compare(model, content, *spoil(*draw_crowd(COUNT))) > 10


def test_an_iou_that_is_equal_to_the_threshold_is_not_more():
    model = build((COUNT,), score_threshold=0.2, iou_threshold=0.5)
    boxes, scores = np.zeros((COUNT, 4), "float32"), np.zeros(COUNT, "float32")
    boxes[:2], scores[:2] = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    content = to_tflite(with_builtin_suppression(model))
    assert compare(model, content, boxes, scores) == 2
    boxes[1, 3] = 5.1
    assert compare(model, content, boxes, scores) == 1


def test_the_file_has_one_graph_and_no_loop():
    loops = to_tflite(build((COUNT,)))
    one = to_tflite(with_builtin_suppression(build((COUNT,))))
    assert len(unpack(loops).subgraphs) > 1 and len(unpack(one).subgraphs) == 1
    assert operator_counts(one)["NON_MAX_SUPPRESSION_V4"] == 1 and "WHILE" not in operator_counts(one)


def test_the_model_itself_stays_as_it_is_and_its_weights_are_taken_over():
    inputs = keras.Input((COUNT, 4))
    boxes = keras.layers.Dense(4, name="dense")(inputs)
    model = keras.Model(inputs, NonMaxSuppression(name="suppression")(boxes, boxes[..., 0]))
    copy = with_builtin_suppression(model)
    assert type(model.get_layer("suppression")) is NonMaxSuppression
    assert type(copy.get_layer("suppression")) is not NonMaxSuppression
    np.testing.assert_array_equal(copy.get_layer("dense").kernel, model.get_layer("dense").kernel)


def test_a_model_that_suppresses_nothing_is_given_back():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    assert with_builtin_suppression(model) is model
