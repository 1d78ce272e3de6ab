"""Maps of points: by hand, there and back, and splines against SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from kerascnn.data.augment.geometric import MAX_STRENGTH, warp
from kerascnn.data.augment.transform import (
    Affine,
    Warp,
    b_spline,
    merge,
    move,
    sample,
    spline_inverse,
    spline_nodes,
)

SIZE = tf.constant([40.0, 90.0])


def affine(*rows, size=SIZE):
    return Affine(tf.constant([*rows, [0, 0, 1]], tf.float32), tf.constant(size, tf.float32))


def strongest_warp(cells, seed=0, size=SIZE):
    """A warp whose control points are pulled as far as may be, each its own way: the hardest to invert."""
    extremes = np.random.default_rng(seed).integers(0, 2, 2 * (cells + 3) ** 2)
    return warp(MAX_STRENGTH, cells).make(tf.constant(extremes, tf.float32), tf.constant(size, tf.float32))


def grid(height, width, steps=21):
    y, x = np.meshgrid(np.linspace(0, height, steps), np.linspace(0, width, steps), indexing="ij")
    return tf.constant(np.stack([x, y], axis=-1).reshape(-1, 2), tf.float32)


def test_affine_by_hand():
    # x before = 2 * x after + 1 * y after + 3, y before = y after - 4.
    each = affine([2, 1, 3], [0, 1, -4])
    np.testing.assert_allclose(each.sample(tf.constant([[0.0, 0], [1, 0], [5, 2]])), [[3, -4], [5, -4], [15, -2]])
    np.testing.assert_allclose(each.move(tf.constant([[3.0, -4], [5, -4], [15, -2]])), [[0, 0], [1, 0], [5, 2]])
    assert each.sample(tf.zeros((0, 2))).shape == each.move(tf.zeros((0, 2))).shape == (0, 2)


@settings(max_examples=50, deadline=None)
@given(
    linear=st.tuples(*[st.floats(-2, 2, width=32)] * 4).filter(lambda m: abs(m[0] * m[3] - m[1] * m[2]) > 0.1),
    shift=st.tuples(*[st.floats(-100, 100, width=32)] * 2),
)
def test_affine_there_and_back(linear, shift):
    each = affine([*linear[:2], shift[0]], [*linear[2:], shift[1]])
    points = grid(40, 90, 3)
    np.testing.assert_allclose(each.sample(each.move(points)), points, atol=1e-2)
    np.testing.assert_allclose(each.move(each.sample(points)), points, atol=1e-2)


def test_merge_multiplies_neighbours_and_keeps_their_order():
    double, shift, bend = affine([2, 0, 0], [0, 2, 0]), affine([1, 0, 5], [0, 1, 6], size=[7, 8]), strongest_warp(2)
    (both,) = merge([double, shift])
    # Done first, so sampled last: before = 2 * (after + shift).
    np.testing.assert_array_equal(both.matrix, [[2, 0, 10], [0, 2, 12], [0, 0, 1]])
    np.testing.assert_array_equal(both.size, [7, 8])
    (other,) = merge([shift, double])
    np.testing.assert_array_equal(other.matrix, [[2, 0, 5], [0, 2, 6], [0, 0, 1]])
    assert [type(each) for each in merge([shift, shift, bend, bend, shift])] == [Affine, Warp, Warp, Affine]
    assert merge([]) == []


def test_a_merged_chain_is_the_same_map():
    chain = [affine([0.9, 0.1, 3], [-0.2, 1, 4]), affine([1, 0.3, 0], [0, 1.1, 1]), strongest_warp(3)]
    chain += [affine([1, 0, -2], [0.1, 1, 2]), affine([-1, 0, 90], [0, 1, 0])]
    points = grid(40, 90, 9)
    np.testing.assert_allclose(sample(merge(chain), points), sample(chain, points), atol=1e-3)
    np.testing.assert_allclose(move(merge(chain), points), move(chain, points), atol=1e-3)
    np.testing.assert_allclose(move(chain, sample(chain, points)), points, atol=0.05)
    np.testing.assert_array_equal(sample([], points), points)


@pytest.mark.parametrize("cells", [1, 4])
def test_b_spline_equals_that_of_scipy(cells):
    positions = np.linspace(0, cells, 37)
    knots = np.arange(-3, cells + 4, dtype=float)  # control point c is centred on knot c of -1..cells + 1
    expected = np.stack([BSpline(knots, row, 3)(positions) for row in np.eye(cells + 3)], axis=-1)
    weights = b_spline(tf.constant(positions), cells)
    np.testing.assert_allclose(weights, expected, atol=1e-12)
    np.testing.assert_allclose(tf.reduce_sum(weights, axis=1), 1, atol=1e-12)


def test_b_spline_fades_beyond_the_ends():
    weights = b_spline(tf.constant([-3.0, 7.0]), 4)
    np.testing.assert_array_equal(weights, np.zeros((2, 7)))


@pytest.mark.parametrize("cells", [2, 3, 12])
def test_spline_inverse_finds_every_cubic(cells):
    # A cubic B-spline can be any polynomial of degree 3, and its values at the nodes leave no other.
    def cubic(position):
        return 1 - 2 * position / cells + 5 * (position / cells) ** 3

    control = spline_inverse(cells) @ cubic(spline_nodes(cells))
    positions = np.linspace(0, cells, 31, dtype=np.float32)
    np.testing.assert_allclose(
        b_spline(tf.constant(positions), cells) @ control[:, None], cubic(positions)[:, None], atol=1e-4
    )


@pytest.mark.parametrize("cells", [1, 2, 4, 9])
@pytest.mark.parametrize("size", [(40, 90), (37, 37)])
def test_the_strongest_warp_there_and_back(cells, size):
    each, points = strongest_warp(cells, size=size), grid(*size)
    assert abs(each.sample(points) - points).numpy().max() > 0.02 * min(size) / cells  # it does something
    np.testing.assert_allclose(each.sample(each.move(points)), points, atol=0.02)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cells=st.integers(1, 6))
def test_the_strongest_warp_does_not_fold(seed, cells):
    each, step = strongest_warp(cells, seed), 0.01
    points = grid(40, 90)
    along_x, along_y = (
        (each.sample(points + shift) - each.sample(points - shift)).numpy() / (2 * step)
        for shift in ([step, 0.0], [0.0, step])
    )
    assert (along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]).min() > 0.1


def test_a_constant_field_shifts():
    # The weights of all control points add up to 1 everywhere in the picture.
    each = Warp(tf.ones((7, 7, 1)) * tf.constant([1.5, -2.0]), SIZE)
    points = grid(40, 90)
    np.testing.assert_allclose(each.sample(points), points + tf.constant([1.5, -2.0]), atol=1e-4)
