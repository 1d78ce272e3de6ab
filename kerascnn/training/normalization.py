"""Batch normalisation that trains faster: the layers stay Keras', and compute with TensorFlow's fused operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

from kerascnn import fused
from kerascnn.training.stages import all_layers


@contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """Let the batch normalisations of a model train in one operation of TensorFlow, for the length of a block.

    Outputs, gradients and moving statistics are the same within rounding. The model, its variables and what is saved
    of it stay as they are. What Keras compiles within the block keeps the operation after it:

        with fused_batch_norm(model):
            model.fit(train)

    Layers that the operation cannot stand in for go on as they are: those of maps that are not (B, H, W, C), with
    `renorm` or `synchronized`, frozen ones and all of them outside of training, and every layer on other backends.

    Args:
        model: a functional model. If it was trained before, it must be compiled again after the block began.
    """
    found = all_layers(model) if keras.backend.backend() == "tensorflow" else ()
    layers = [layer for layer in found if _is_replaceable(layer)]
    for layer in layers:
        layer.call = partial(_call, layer)  # of this layer only; it hides the method of the class
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _is_replaceable(layer: keras.layers.Layer) -> bool:
    return (
        getattr(type(layer), "call", None) is keras.layers.BatchNormalization.call
        and "call" not in vars(layer)  # in a block within a block
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and not (layer.renorm or layer.synchronized)
    )


def _call(layer: keras.layers.BatchNormalization, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    """Do what `BatchNormalization.call` does."""
    kind = keras.backend.standardize_dtype(inputs.dtype)
    if not (training and layer.trainable) or mask is not None or kind not in fused.DTYPES:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, *moments = fused.batch_norm(inputs, layer.gamma, layer.beta, layer.epsilon)
    for moving, value in zip((layer.moving_mean, layer.moving_variance), moments, strict=True):
        moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return outputs
