"""Folding: one operation less on the phone, for the same numbers."""

import keras
import numpy as np
from keras import layers

from kerascnn.ops.graph import calls_of


def fold_scale(model: keras.Model) -> keras.Model:
    """Fold the scale of the normalisation into the kernel of the convolution after it; its offset stays.

    The offset cannot go into the bias too, because the convolution pads with zeros, which stand for the mean.

    Args:
        model: a functional model; it is left as it is.

    Returns:
        A copy with the same answers, in which every `Rescaling` that only feeds a `Conv2D`, directly or through
        `ZeroPadding2D`, has the scale 1; the model itself, if it has none.
    """
    convolutions = {layer.name: found for layer in model.layers if (found := _find_convolution(model, layer))}
    if not convolutions:
        return model

    def clone(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if layer.name in convolutions:
            offset = np.asarray(config["offset"]) / np.asarray(config["scale"])
            config |= {"scale": 1.0, "offset": offset.tolist()}
        return type(layer).from_config(config)

    folded = keras.models.clone_model(model, clone_function=clone)
    folded.set_weights(model.get_weights())
    for name, convolution in convolutions.items():
        kernel = folded.get_layer(convolution.name).kernel
        scale = np.broadcast_to(np.asarray(model.get_layer(name).scale, np.float32), (kernel.shape[2],))
        kernel.assign(kernel * scale[:, np.newaxis])
    return folded


def _find_convolution(model: keras.Model, layer: layers.Layer) -> layers.Conv2D | None:
    """Find the convolution that a `Rescaling` feeds, if it feeds nothing else."""
    if not isinstance(layer, layers.Rescaling):
        return None
    followers = _find_followers(model, layer)
    if len(followers) == 1 and isinstance(followers[0], layers.ZeroPadding2D):
        followers = _find_followers(model, followers[0])
    if len(followers) != 1 or not isinstance(followers[0], layers.Conv2D) or followers[0].groups != 1:
        return None
    return followers[0]


def _find_followers(model: keras.Model, layer: layers.Layer) -> list[keras.Operation]:
    calls = [call for call in calls_of(model) if not call.is_input]
    return [call.operation for call in calls if any(tensor is layer.output for tensor in call.input_tensors)]
