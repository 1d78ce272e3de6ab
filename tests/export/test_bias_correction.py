"""Bias correction, with a kernel whose rounding error is known by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.export.bias_correction import correct_bias, rounding_error

# With the scale 1.27 / 127 = 0.01, 0.004 is rounded to 0 and 0.006 to 0.01.
KERNEL = np.array([[[[1.27], [0.004]]]], np.float32)  # (1, 1, 2 inputs, 1 channel)


@pytest.fixture
def pictures():
    """Pictures of two channels, 3 and 5 everywhere."""
    return np.broadcast_to(np.float32([3, 5]), (3, 4, 4, 2)).copy()


def build(*following, **options):
    inputs = layers.Input((4, 4, 2))
    x = layers.Conv2D(1, 1, name="conv", **options)(inputs)
    for layer in following:
        x = layer(x)
    model = keras.Model(inputs, x)
    weights = model.get_layer("conv").get_weights()
    model.get_layer("conv").set_weights([KERNEL, *weights[1:]])
    return model


def test_rounding_error_has_a_scale_for_each_channel():
    kernel = np.array([[1.27, 0.004], [12.7, 0.06]], np.float32)
    np.testing.assert_allclose(rounding_error(kernel, channel_axis=0), [[0, -0.004], [0, 0.04]], atol=1e-6)


def test_an_empty_channel_has_no_rounding_error():
    np.testing.assert_array_equal(rounding_error(np.zeros((3, 3, 2, 1), np.float32), channel_axis=2), 0)


def test_the_bias_compensates_the_shift(pictures):
    corrected = correct_bias(build(), pictures, (layers.Conv2D,))
    # The response to the error is 5 * -0.004, everywhere.
    np.testing.assert_allclose(corrected.get_layer("conv").get_weights()[1], [0.02], atol=1e-6)


def test_the_moving_mean_after_a_convolution_without_bias_compensates_the_shift(pictures):
    model = build(layers.BatchNormalization(name="bn"), use_bias=False)
    corrected = correct_bias(model, pictures, (layers.Conv2D,))
    np.testing.assert_allclose(corrected.get_layer("bn").moving_mean, [-0.02], atol=1e-6)


def test_quantised_weights_then_answer_as_the_float_ones(pictures):
    model = build(layers.ReLU())
    corrected = correct_bias(model, pictures, (layers.Conv2D,))
    conv = corrected.get_layer("conv")
    kernel, bias = conv.get_weights()
    conv.set_weights([kernel + rounding_error(kernel, channel_axis=3), bias])
    np.testing.assert_allclose(corrected(pictures), model(pictures), rtol=1e-6)


def test_a_depthwise_kernel_is_corrected_channel_by_channel(pictures):
    inputs = layers.Input((4, 4, 2))
    model = keras.Model(inputs, layers.DepthwiseConv2D(2, padding="valid", name="depthwise")(inputs))
    kernel = np.zeros((2, 2, 2, 1), np.float32)
    kernel[:, :, 0, 0] = [[1.27, 0.004], [0, 0]]
    kernel[:, :, 1, 0] = [[0, 0.06], [12.7, 0]]
    model.get_layer("depthwise").set_weights([kernel, np.zeros(2)])
    corrected = correct_bias(model, pictures, (layers.DepthwiseConv2D,))
    expected = [-(3 * -0.004), -(5 * 0.04)]
    np.testing.assert_allclose(corrected.get_layer("depthwise").get_weights()[1], expected, atol=1e-6)


def test_the_model_itself_and_other_kinds_of_layers_are_left_alone(pictures):
    model = build()
    before = [weight.copy() for weight in model.get_weights()]
    untouched = correct_bias(model, pictures, (layers.DepthwiseConv2D,))
    correct_bias(model, pictures, (layers.Conv2D,))
    for expected, now, copy in zip(before, model.get_weights(), untouched.get_weights(), strict=True):
        np.testing.assert_array_equal(now, expected)
        np.testing.assert_array_equal(copy, expected)
