"""Boxes by hand, there and back, and as Keras' own functions have them."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from keras.utils import bounding_boxes

from kerascnn.ops import (
    box_area,
    clip_boxes,
    complete_iou,
    cxcywh_to_xyxy,
    decode_deltas,
    encode_deltas,
    pairwise_iou,
    to_absolute,
    to_relative,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)

CONVERSIONS = {
    ("xyxy", "center_xywh"): xyxy_to_cxcywh,
    ("center_xywh", "xyxy"): cxcywh_to_xyxy,
    ("xyxy", "xywh"): xyxy_to_xywh,
    ("xywh", "xyxy"): xywh_to_xyxy,
}
SHAPES = [(4,), (0, 4), (1, 4), (7, 4), (2, 3, 4), (2, 0, 4), (2, 3, 5, 4)]


def draw_boxes(*leading, seed=0):
    """Draw boxes (..., 4) with sides of 1 to 50 pixels."""
    generator = np.random.default_rng(seed)
    corners, sides = generator.uniform(0, 50, (*leading, 2)), generator.uniform(1, 50, (*leading, 2))
    return np.concatenate([corners, corners + sides], axis=-1).astype("float32")


def test_forms_by_hand():
    boxes = [[10, 20, 40, 30], [0, 0, 0, 0], [-2, 1, 3, 2]]
    np.testing.assert_array_equal(xyxy_to_cxcywh(boxes), [[25, 25, 30, 10], [0, 0, 0, 0], [0.5, 1.5, 5, 1]])
    np.testing.assert_array_equal(xyxy_to_xywh(boxes), [[10, 20, 30, 10], [0, 0, 0, 0], [-2, 1, 5, 1]])


@pytest.mark.parametrize(("source", "target"), CONVERSIONS)
def test_forms_are_those_of_keras(source, target):
    boxes = draw_boxes(2, 7)
    expected = bounding_boxes.convert_format(boxes, source, target)
    np.testing.assert_allclose(CONVERSIONS[source, target](boxes), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("there", "back"), [(xyxy_to_cxcywh, cxcywh_to_xyxy), (xyxy_to_xywh, xywh_to_xyxy)], ids=["cxcywh", "xywh"]
)
def test_forms_there_and_back(there, back, shape):
    boxes = draw_boxes(*shape[:-1])
    assert back(there(boxes)).shape == shape
    np.testing.assert_allclose(back(there(boxes)), boxes, atol=1e-5)


def test_relative_boxes_by_hand():
    np.testing.assert_allclose(to_relative([[10, 20, 40, 30]], (100, 200)), [[0.05, 0.2, 0.2, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(to_absolute([[0.05, 0.2, 0.2, 0.3]], (100, 200)), [[10, 20, 40, 30]], rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_relative_boxes_there_and_back(shape):
    boxes = draw_boxes(*shape[:-1])
    relative = to_relative(boxes, (37, 111))
    assert relative.shape == shape
    np.testing.assert_allclose(to_absolute(relative, (37, 111)), boxes, rtol=1e-6)


def test_each_picture_of_a_batch_has_its_own_size():
    boxes, sizes = draw_boxes(2, 7), np.array([[30, 40], [21, 33]])
    for function in (to_relative, to_absolute, clip_boxes):
        expected = [function(boxes[picture], sizes[picture]) for picture in range(2)]
        np.testing.assert_array_equal(function(boxes, sizes), expected)
        assert not np.array_equal(function(boxes, sizes), function(boxes, sizes[::-1]))


def test_clipped_boxes_by_hand():
    boxes = [[-5, -6, 7, 8], [1, 2, 3, 4], [90, 10, 120, 60], [-9, 2, -3, 4], [130, 60, 140, 70]]
    expected = [[0, 0, 7, 8], [1, 2, 3, 4], [90, 10, 100, 50], [0, 2, 0, 4], [100, 50, 100, 50]]
    np.testing.assert_array_equal(clip_boxes(boxes, (50, 100)), expected)
    np.testing.assert_array_equal(box_area(expected)[-2:], [0, 0])


def test_areas_by_hand():
    boxes = [[10, 20, 40, 30], [0, 0, 1, 1], [5, 5, 5, 9], [9, 9, 1, 1], [1, 9, 9, 1]]
    np.testing.assert_array_equal(box_area(boxes), [300, 1, 0, 0, 0])
    assert box_area(np.zeros((2, 0, 4))).shape == (2, 0)


def test_types_are_kept_and_integers_become_floats():
    for dtype, expected in {"float16": "float16", "float64": "float64", "int32": "float32", "uint8": "float32"}.items():
        boxes = np.array([[1, 2, 4, 8]], dtype)
        for function in (xyxy_to_cxcywh, xyxy_to_xywh, box_area, lambda x: clip_boxes(x, (5, 5))):
            assert function(boxes).dtype == expected


def test_the_wider_type_of_two_is_computed_in():
    boxes = draw_boxes(3)
    for function in (encode_deltas, decode_deltas, pairwise_iou, complete_iou):
        assert function(boxes.astype("float16"), boxes).dtype == "float32"
        assert function(boxes, boxes.astype("float64")).dtype == "float64"
        assert function([[0, 0, 1, 1]], boxes.astype("float16")).dtype == "float32"


def test_deltas_by_hand():
    # An anchor of 20 x 10 at (10, 20); the box is 40 x 5 at (15, 18).
    deltas = encode_deltas([[-5, 15.5, 35, 20.5]], [[0, 15, 20, 25]])
    np.testing.assert_allclose(deltas, [[0.25, -0.2, np.log(2), -np.log(2)]], rtol=1e-6)
    scaled = encode_deltas([[-5, 15.5, 35, 20.5]], [[0, 15, 20, 25]], variances=(0.1, 0.2, 0.5, 1))
    np.testing.assert_allclose(scaled, [[2.5, -1, 2 * np.log(2), -np.log(2)]], rtol=1e-6)
    np.testing.assert_array_equal(decode_deltas(np.zeros((1, 4)), [[0, 15, 20, 25]]), [[0, 15, 20, 25]])


def test_deltas_are_those_of_keras():
    boxes, anchors, variances = draw_boxes(2, 7), draw_boxes(7, seed=1), (0.1, 0.1, 0.2, 0.2)
    options = {"anchor_format": "xyxy", "box_format": "xyxy", "variance": variances}
    expected = bounding_boxes.encode_box_to_deltas(anchors, boxes, encoding_format="center_xywh", **options)
    deltas = encode_deltas(boxes, anchors, variances=variances)
    np.testing.assert_allclose(deltas, expected, rtol=1e-4, atol=1e-5)
    expected = bounding_boxes.decode_deltas_to_boxes(anchors, deltas, encoded_format="center_xywh", **options)
    np.testing.assert_allclose(decode_deltas(deltas, anchors, variances=variances), expected, rtol=1e-4, atol=1e-4)


coordinates = st.floats(0, 500, width=32)
sides = st.floats(1, 300, width=32)
boxes_of_any_size = st.tuples(coordinates, coordinates, sides, sides).map(
    lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]]
)


@settings(deadline=None, max_examples=25)
@given(box=boxes_of_any_size, anchor=boxes_of_any_size)
def test_deltas_there_and_back(box, anchor):
    # A side that grows more than the clamp allows does not come back.
    size, anchor_size = np.subtract(box[2:], box[:2]), np.subtract(anchor[2:], anchor[:2])
    deltas = encode_deltas([box], [anchor], variances=(0.1, 0.1, 0.2, 0.2))
    decoded = decode_deltas(deltas, [anchor], variances=(0.1, 0.1, 0.2, 0.2))[0]
    expected = np.minimum(size, anchor_size * 1000 / 16)
    np.testing.assert_allclose(decoded[2:] - decoded[:2], expected, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(decoded[2:] + decoded[:2], np.add(box[2:], box[:2]), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (2, 0, 4)], ids=str)
def test_few_boxes_have_few_deltas(shape):
    boxes = draw_boxes(*shape[:-1])
    assert encode_deltas(boxes, boxes).shape == decode_deltas(boxes, boxes).shape == shape


def test_growth_is_clamped():
    boxes = decode_deltas([[0, 0, 1e9, 4.2], [0, 0, -1e9, 0]], [[-8, -8, 8, 8]])
    np.testing.assert_allclose(boxes, [[-500, -500, 500, 500], [0, -8, 0, 8]], rtol=1e-6)


def test_deltas_and_gradients_of_boxes_without_area_are_finite():
    boxes = tf.constant([[0, 0, 0, 0], [3, 3, 3, 9], [0, 0, 5, 5], [9, 9, 1, 1]], tf.float32)
    for moved, fixed in ((boxes, boxes[::-1]), (boxes[::-1], boxes), (boxes, boxes)):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            deltas = encode_deltas(moved, fixed)
        assert np.isfinite(deltas).all()
        assert np.isfinite(tape.gradient(deltas, moved)).all()


def test_boxes_may_pass_through_a_dataset():
    boxes, anchors = draw_boxes(3, 5), draw_boxes(5, seed=1)

    def change(boxes):
        deltas = encode_deltas(clip_boxes(boxes, (60, 70)), anchors)
        return to_relative(decode_deltas(deltas, anchors), (60, 70)), box_area(xyxy_to_cxcywh(boxes))

    mapped = list(tf.data.Dataset.from_tensor_slices(boxes).map(change))
    for one, (relative, areas) in zip(boxes, mapped, strict=True):
        np.testing.assert_allclose(relative, change(one)[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(areas, change(one)[1], rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (3,), (5,), (4, 2), (4, 5)], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        *CONVERSIONS.values(),
        box_area,
        lambda boxes: clip_boxes(boxes, (5, 5)),
        lambda boxes: encode_deltas(boxes, boxes),
    ],
)
def test_other_shapes_are_refused(function, shape):
    with pytest.raises(ValueError, match=r"Boxes must have the shape \(\.\.\., 4\)\. Received: \("):
        function(np.zeros(shape, "float32"))


@pytest.mark.parametrize("size", [5, (5,), (5, 5, 3)], ids=str)
@pytest.mark.parametrize("function", [to_relative, to_absolute, clip_boxes])
def test_other_sizes_are_refused(function, size):
    with pytest.raises(ValueError, match=r"image_size must be \(height, width\)"):
        function(np.zeros((1, 4), "float32"), size)


@pytest.mark.parametrize("variances", [(), (1, 1, 1), (1, 1, 1, 0), (1, 1, -1, 1)], ids=str)
@pytest.mark.parametrize("function", [encode_deltas, decode_deltas])
def test_other_variances_are_refused(function, variances):
    with pytest.raises(ValueError, match=r"variances must be four positive numbers\. Received: variances=\("):
        function(ops.zeros((1, 4)), ops.zeros((1, 4)), variances=variances)
