"""Overlaps by hand, by a naive loop, and as torchvision and keras-cv compute them."""

import math

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascnn.ops import complete_iou, distance_iou, exact_pairwise_iou, generalized_iou, iou, pairwise_iou
from tests.ops.naive import compute_iou
from tests.ops.torchvision_reference import draw_pairs, read_reference

RELATIVES = {"generalized_iou": generalized_iou, "distance_iou": distance_iou, "complete_iou": complete_iou}
ALL = {"iou": iou, **RELATIVES}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (0, 0, 10, 5), 1 / 2),
        ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175),
        ((0, 0, 10, 10), (2, 3, 4, 5), 4 / 100),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0),  # they touch
        ((0, 0, 10, 10), (30, 0, 40, 10), 0),
        ((0, 0, 10, 10), (5, 5, 5, 5), 0),
        ((5, 5, 5, 5), (5, 5, 5, 5), 0),
        ((9, 9, 0, 0), (0, 0, 9, 9), 0),  # corners on the wrong side
    ],
)
def test_iou_by_hand(a, b, expected):
    assert float(iou(a, b)) == pytest.approx(expected, rel=1e-6)
    assert float(iou(b, a)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "generalized", "distance"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1, 1),
        ((0, 0, 10, 10), (30, 0, 40, 10), -200 / 400, -900 / 1700),
        ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175 - 50 / 225, 25 / 175 - 50 / 450),
        ((0, 0, 10, 10), (2, 2, 8, 8), 0.36, 0.36),  # same centre
        ((0, 0, 0, 0), (6, 8, 6, 8), -1, -1),  # two points
        ((3, 4, 3, 4), (3, 4, 3, 4), 0, 0),
    ],
)
def test_generalized_and_distance_iou_by_hand(a, b, generalized, distance):
    assert float(generalized_iou(a, b)) == pytest.approx(generalized, rel=1e-6)
    assert float(distance_iou(a, b)) == pytest.approx(distance, rel=1e-6)


def test_complete_iou_by_hand():
    # Same centre, 4 x 4 and 4 x 2: IoU 1/2, and the angles are 45 and atan(2) = 63.4 degrees.
    v = 4 / math.pi**2 * (math.atan(2) - math.pi / 4) ** 2
    assert float(complete_iou((0, 0, 4, 4), (0, 1, 4, 3))) == pytest.approx(0.5 - v**2 / (0.5 + v), rel=1e-6)
    # Of one shape, nothing is left of it but the distance.
    assert float(complete_iou((0, 0, 8, 4), (3, 3, 7, 5))) == float(distance_iou((0, 0, 8, 4), (3, 3, 7, 5)))


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (1, 1), (7, 5)])
def test_pairwise_iou_is_that_of_a_naive_loop(n, m):
    generator = np.random.default_rng(0)
    a, b = (np.sort(generator.uniform(0, 9, (2, k, 2, 2)), axis=2).reshape(2, k, 4).astype("float32") for k in (n, m))
    expected = [[[compute_iou(one, other) for other in b[i]] for one in a[i]] for i in range(2)]
    found = pairwise_iou(a, b)
    assert found.shape == (2, n, m)
    np.testing.assert_array_equal(found, np.reshape(expected, (2, n, m)))
    np.testing.assert_array_equal(pairwise_iou(a[1], b[1]), found[1])


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0), (1, 1), (7, 5)])
def test_exact_iou_is_that_of_a_naive_loop_in_float64(n, m):
    generator = np.random.default_rng(0)
    a, b = (np.sort(generator.uniform(0, 9, (k, 2, 2)), axis=1).reshape(k, 4) for k in (n, m))
    expected = np.reshape([compute_iou(one, other, np.float64) for one in a for other in b], (n, m))
    np.testing.assert_allclose(exact_pairwise_iou(a, b), expected, rtol=1e-14)


def test_exact_iou_by_hand():
    boxes, others = np.float32([[0, 0, 2, 2], [5, 5, 5, 5]]), np.float32([[1, 1, 3, 3], [0, 0, 2, 1], [2, 0, 4, 2]])
    np.testing.assert_array_equal(exact_pairwise_iou(boxes, others), [[1 / 7, 1 / 2, 0], [0, 0, 0]])
    assert exact_pairwise_iou(boxes[1:], boxes[1:]) == [[0]]  # of two points in the same place


def test_iou_is_that_of_keras_cv():
    a, b = draw_pairs()
    np.testing.assert_allclose(pairwise_iou(a, b), keras_cv.bounding_box.compute_iou(a, b, "xyxy"), atol=1e-6)


def test_pairwise_iou_is_that_of_torchvision():
    np.testing.assert_allclose(pairwise_iou(*draw_pairs()), read_reference()["pairwise_iou"], atol=1e-6)


@pytest.mark.parametrize("name", RELATIVES)
def test_relatives_and_their_gradients_are_those_of_torchvision(name):
    a, b = map(tf.constant, draw_pairs())
    with tf.GradientTape() as tape:
        tape.watch(a)
        values = RELATIVES[name](a, b)
    np.testing.assert_allclose(values, read_reference()[name]["values"], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(values, a), read_reference()[name]["gradients"], atol=1e-6)


DEGENERATE = [
    (0, 0, 0, 0),
    (3, 3, 3, 3),
    (3, 3, 3, 9),
    (3, 3, 9, 3),
    (9, 9, 3, 3),
    (0, 0, 9, 9),
    (1e-30, 0, 2e-30, 1e-30),
]


@pytest.mark.parametrize("name", ALL)
def test_values_and_gradients_of_boxes_without_area_are_finite(name):
    boxes = tf.constant(DEGENERATE, tf.float32)
    a, b = tf.repeat(boxes, len(boxes), axis=0), tf.tile(boxes, (len(boxes), 1))
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        values = ALL[name](a, b)
    assert np.isfinite(values).all()
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(values, [a, b]))


@pytest.mark.parametrize("name", RELATIVES)
def test_boxes_apart_are_drawn_together(name):
    a, b = tf.constant([[0.0, 0, 10, 10]]), tf.constant([[30.0, 40, 44, 50]])
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = RELATIVES[name](a, b)
    x1, y1, x2, y2 = tape.gradient(value, a)[0]
    assert x1 + x2 > 0  # to the right
    assert y1 + y2 > 0  # and down


corners = st.tuples(*[st.integers(0, 20)] * 4)


@settings(deadline=None, max_examples=25)
@given(pairs=st.lists(st.tuples(corners, corners), min_size=1, max_size=8))
def test_bounds_and_symmetry(pairs):
    first, second = np.float32(pairs).transpose(1, 0, 2)
    a, b = (np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4) for boxes in (first, second))
    values = {name: np.asarray(function(a, b)) for name, function in ALL.items()}
    for name, function in ALL.items():
        np.testing.assert_allclose(function(b, a), values[name], atol=1e-6)
        np.testing.assert_allclose(function(3 * a + 7, 3 * b + 7), values[name], atol=1e-5)
    assert ((values["iou"] >= 0) & (values["iou"] <= 1)).all()
    assert (values["generalized_iou"] <= values["iou"] + 1e-6).all() and (values["generalized_iou"] >= -1 - 1e-6).all()
    assert (values["distance_iou"] <= values["iou"] + 1e-6).all() and (values["distance_iou"] >= -1 - 1e-6).all()
    assert (values["complete_iou"] <= values["distance_iou"] + 1e-6).all()


@pytest.mark.parametrize("name", [*ALL, "pairwise_iou"])
def test_leading_dimensions_broadcast_and_other_shapes_are_refused(name):
    function = ALL.get(name, pairwise_iou)
    boxes = np.float32([(0, 0, i + 1, 5) for i in range(6)]).reshape(2, 3, 4)
    each = [function(boxes[0], boxes[1]), function(boxes[1], boxes[1])]
    np.testing.assert_array_equal(function(boxes, boxes[1]), each)
    assert function(boxes[:, :0], boxes[1, :0]).shape[:2] == (2, 0)
    with pytest.raises(ValueError, match=r"Boxes must have the shape \(\.\.\., 4\)"):
        function(boxes, boxes[..., :3])
