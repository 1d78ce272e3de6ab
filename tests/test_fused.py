"""Batch normalisation in one operation, against its formulas in float64."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn import fused

EPSILON = 1e-3
SHAPES = [(8, 5, 7, 3), (2, 1, 1, 4), (1, 6, 1, 2), (3, 40, 40, 16)]


def draw(seed, shape, mean, deviation):
    return np.random.default_rng(seed).normal(mean, deviation, shape).astype("float32")


def normalise(x, gamma, beta, slope):
    """Compute outputs, mean, variance, and the gradients of sum(outputs * slope) by x, gamma and beta, in float64."""
    x, gamma, beta, slope = (array.astype("float64") for array in (x, gamma, beta, slope))
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    deviation = np.sqrt(variance + EPSILON)
    normal = (x - mean) / deviation
    along = (slope * normal).mean((0, 1, 2))
    by_x = gamma / deviation * (slope - slope.mean((0, 1, 2)) - normal * along)
    return normal * gamma + beta, mean, variance, by_x, (slope * normal).sum((0, 1, 2)), slope.sum((0, 1, 2))


def run_fused(x, gamma, beta, slope, dtype="float32"):
    """Compute the same with the operation."""
    variables = [tf.constant(array) for array in (x, gamma, beta)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        outputs, mean, variance = fused.batch_norm(tf.cast(variables[0], dtype), *variables[1:], EPSILON)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * slope)
    assert outputs.dtype == dtype
    return [np.asarray(each, "float32") for each in (outputs, mean, variance, *tape.gradient(total, variables))]


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_moments_and_gradients_are_those_of_the_formulas(shape):
    arrays = draw(0, shape, 3, 2), draw(1, shape[-1:], 1, 0.5), draw(2, shape[-1:], 0, 1), draw(3, shape, 0.5, 1)
    for found, expected in zip(run_fused(*arrays), normalise(*arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max() + 1e-5)


def test_bfloat16_is_off_by_its_own_rounding_only():
    shape = (4, 9, 9, 8)
    x = np.asarray(tf.cast(tf.cast(draw(0, shape, 3, 2), "bfloat16"), "float32"))  # the same numbers on both sides
    arrays = x, draw(1, shape[-1:], 1, 0.5), draw(2, shape[-1:], 0, 1), draw(3, shape, 0.5, 1)
    found, expected = run_fused(*arrays, dtype="bfloat16"), normalise(*arrays)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        # Means and variances are summed in float32; what is as large as the batch has 8 bits of mantissa.
        share = 1e-5 if number in (1, 2) else 2**-7
        np.testing.assert_allclose(one, other, rtol=0, atol=share * np.abs(other).max())


def test_without_gamma_and_beta_they_are_1_and_0():
    x = draw(0, (4, 3, 3, 5), 3, 2)
    found, *_ = fused.batch_norm(x, None, None, EPSILON)
    expected, *_ = fused.batch_norm(x, np.ones(5, "float32"), np.zeros(5, "float32"), EPSILON)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(np.mean(found, (0, 1, 2))).max() < 1e-6


def test_a_single_value_has_no_variance():
    outputs, mean, variance = fused.batch_norm(np.full((1, 1, 1, 2), 7, "float32"), None, None, EPSILON)
    assert [np.asarray(each).ravel().tolist() for each in (outputs, mean, variance)] == [[0, 0], [7, 7], [0, 0]]
