"""Bias correction: what rounding the weights to 8 bits does to the mean of every channel is compensated in its bias.

The rounding error of a filter is small, but it is the same for every picture: where the filter's inputs are not centred
it shifts the channel's mean, and a batch normalisation with a small deviation blows the shift up. In a MobileNetV2, one
depthwise layer of 32 channels makes nine tenths of the error of the int8 file that way.

Reference: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
arXiv:1906.04721, section 4.2; here the means are measured on calibration pictures (their appendix D).
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from kerascnn.ops.graph import calls_of

LEVELS = 127  # of symmetric 8-bit weights, to either side of zero
PICTURES = 32  # means need few: on hymenoptera, 64 pictures give the same answers
BATCH_SIZE = 8  # the inputs of all convolutions of a batch are in memory at once


def correct_bias(model: keras.Model, pictures: np.ndarray, kinds: tuple[type[layers.Layer], ...]) -> keras.Model:
    """Prepare a model for the quantisation of its weights to 8 bits, one scale an output channel.

    Args:
        model: a functional model; it is left as it is.
        pictures: (N, H, W, 3) float32, 0..255, of the training data; the first 32 are used.
        kinds: the layers whose weights will be quantised: `Conv2D`, `DepthwiseConv2D` or both.

    Returns:
        A copy of the model, in which the bias of each such layer, or the moving mean of the batch normalisation after
        it, compensates the shift of its channels' means.
    """
    corrected = keras.models.clone_model(model)
    corrected.set_weights(model.get_weights())
    calls = calls_of(corrected)
    chosen = [layer for layer in corrected.layers if isinstance(layer, kinds) and _find_mean(calls, layer)]
    if chosen:
        for layer, shift in zip(chosen, _measure_shifts(corrected, chosen, pictures[:PICTURES]), strict=True):
            variable, sign = _find_mean(calls, layer)
            variable.assign_add(sign * shift)
    return corrected


def rounding_error(kernel: np.ndarray, channel_axis: int) -> np.ndarray:
    """Compute what 8-bit rounding with a scale for each channel adds to a kernel; the same shape."""
    others = tuple(axis for axis in range(kernel.ndim) if axis != channel_axis)
    scale = np.maximum(np.abs(kernel).max(axis=others, keepdims=True) / LEVELS, np.finfo(np.float32).tiny)
    return np.round(kernel / scale) * scale - kernel


def _measure_shifts(model: keras.Model, chosen: list[layers.Layer], pictures: np.ndarray) -> list[np.ndarray]:
    """Average the response to the rounding error over pictures and places: (channels,) for each layer.

    A layer that is called for several maps, as those of a feature pyramid are, has the places of all of them.
    """
    inputs = {layer.name: [] for layer in chosen}
    for call in calls_of(model):
        if call.operation.name in inputs:
            inputs[call.operation.name] += call.input_tensors
    network = keras.Model(model.input, inputs)
    errors = {layer.name: rounding_error(layer.get_weights()[0], _channel_axis(layer)) for layer in chosen}
    totals, places = dict.fromkeys(inputs, 0.0), dict.fromkeys(inputs, 0)
    for start in range(0, len(pictures), BATCH_SIZE):
        activations = network(pictures[start : start + BATCH_SIZE], training=False)
        for layer in chosen:
            for activation in activations[layer.name]:
                response = keras.ops.convert_to_numpy(_convolve(layer, activation, errors[layer.name]))
                totals[layer.name] += response.sum(axis=(0, 1, 2))
                places[layer.name] += response[..., 0].size
    return [totals[layer.name] / places[layer.name] for layer in chosen]


def _convolve(layer: layers.Layer, inputs: keras.KerasTensor, kernel: np.ndarray) -> keras.KerasTensor:
    options = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    operation = keras.ops.depthwise_conv if isinstance(layer, layers.DepthwiseConv2D) else keras.ops.conv
    return operation(inputs, kernel, data_format="channels_last", **options)


def _channel_axis(layer: layers.Layer) -> int:
    """A depthwise kernel is (height, width, channels, 1), any other (height, width, inputs, channels)."""
    return 2 if isinstance(layer, layers.DepthwiseConv2D) else 3


def _find_mean(calls: Sequence[Any], layer: layers.Layer) -> tuple[keras.Variable, int] | None:
    """Find what sets the mean of a layer's channels, and the sign with which it compensates a shift."""
    outputs = {id(tensor) for call in calls if call.operation is layer for tensor in call.outputs}
    for call in calls:
        if isinstance(call.operation, layers.BatchNormalization) and id(call.input_tensors[0]) in outputs:
            return call.operation.moving_mean, 1
    return (layer.bias, -1) if layer.use_bias else None
