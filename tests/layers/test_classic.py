"""The layers of the classic networks, against naive loops, TensorFlow and numbers by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.layers import LocalResponseNormalization, scaled_tanh

CONSTANTS = {"alpha": 0.5, "beta": 0.75, "bias": 1.5}  # an alpha at which the neighbours matter
SHAPES = [(2, 5, 3, 7), (1, 1, 1, 1), (2, 3, 5, 1), (1, 4, 3, 3), (1, 1, 7, 12)]  # fewer channels than the window too


def make_activations(shape):
    return np.random.default_rng(0).normal(0, 3, shape).astype("float32")


def normalise_naively(inputs, size, alpha, beta, bias):
    outputs = np.empty(inputs.shape)
    for b, row, column, channel in np.ndindex(inputs.shape):
        total = 0.0
        for neighbour in range(channel - size // 2, channel + size // 2 + 1):
            if 0 <= neighbour < inputs.shape[-1]:
                total += float(inputs[b, row, column, neighbour]) ** 2
        outputs[b, row, column, channel] = inputs[b, row, column, channel] / (bias + alpha * total) ** beta
    return outputs


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("shape", SHAPES)
def test_normalisation_is_that_of_a_naive_loop(shape, size):
    inputs = make_activations(shape)
    found = keras.ops.convert_to_numpy(LocalResponseNormalization(size, **CONSTANTS)(inputs))
    expected = normalise_naively(inputs, size, **CONSTANTS)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected - inputs).max() > 0.1  # it does something


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("shape", SHAPES)
def test_normalisation_is_that_of_tensorflow(shape, size):
    inputs = make_activations(shape)
    found = keras.ops.convert_to_numpy(LocalResponseNormalization(size, **CONSTANTS)(inputs))
    np.testing.assert_allclose(found, tf.nn.local_response_normalization(inputs, size // 2, **CONSTANTS), rtol=1e-5)


def test_constants_are_those_of_alexnet():
    # All five channels are 100: (2 + 1e-4 * 5 * 100^2)^0.75 = 7^0.75 in the middle, 5^0.75 at the edge, where 3 are.
    found = keras.ops.convert_to_numpy(LocalResponseNormalization()(np.full((1, 1, 1, 5), 100, "float32")))[0, 0, 0]
    np.testing.assert_allclose(found[[0, 2, 4]], [100 / 5**0.75, 100 / 7**0.75, 100 / 5**0.75], rtol=1e-6)


def test_gradient_at_zero_is_that_of_the_constant():
    # The sum of the squares has no slope at zero, so that only the factor 2^-0.75 is left.
    inputs = tf.zeros((1, 2, 3, 4))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = LocalResponseNormalization()(inputs)
    np.testing.assert_allclose(tape.gradient(outputs, inputs), np.full((1, 2, 3, 4), 2**-0.75), rtol=1e-6)


@pytest.mark.parametrize("size", [0, -1, -3, 2, 4])
def test_window_without_a_middle_is_refused(size):
    with pytest.raises(ValueError, match=f"size must be odd and positive. Received: size={size}"):
        LocalResponseNormalization(size)


def test_model_with_both_is_stored_and_loaded_in_safe_mode(tmp_path):
    inputs = keras.layers.Input((4, 3, 7))
    x = keras.layers.Conv2D(6, 1, activation=scaled_tanh)(inputs)
    outputs = LocalResponseNormalization(3, **CONSTANTS, name="norm")(x)
    assert outputs.shape == (None, 4, 3, 6)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.get_layer("norm").get_config() == model.get_layer("norm").get_config()
    images = make_activations((2, 4, 3, 7))
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(which(images)) for which in (model, again)))


def test_scaled_tanh_by_hand():
    # tanh is (e^2x - 1) / (e^2x + 1), here of 0, 2/3, -2/3 and 2; far away it is 1.
    x = np.array([0, 1, -1, 3, 50], "float32")
    two_thirds, two = (np.e ** (4 / 3) - 1) / (np.e ** (4 / 3) + 1), (np.e**4 - 1) / (np.e**4 + 1)
    expected = 1.7159 * np.array([0, two_thirds, -two_thirds, two, 1])
    found = keras.ops.convert_to_numpy(scaled_tanh(x))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found[1:3], [1, -1], atol=1e-4)  # the purpose of its constants
