"""A classifier as a measure of pictures: the maps of some of its layers, for pictures of any size.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks", CVPR, section 2.
"""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

from kerascnn.architectures.bodies import SOME_SIZE
from kerascnn.architectures.catalogue import build


def feature_maps(
    architecture: str, names: Sequence[str], *, pooling: Literal["max", "average"] = "max", **options: Any
) -> keras.Model:
    """Build the part of a classifier that some of its layers need, and freeze it.

    Args:
        architecture: a name of `CLASSIFIERS`.
        names: of the layers whose outputs are wanted. Nothing behind the last of them is computed.
        pooling: "average" puts average poolings in the place of max poolings, with which the paper finds pictures
            slightly more appealing (section 2).
        **options: what the builder of that name takes, such as `weights`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, of any size, to `{name: (B, h, w, C)}`.

    Raises:
        ValueError: for no name, one that is no layer with a map, another pooling, or what the builder refuses.
    """
    if pooling not in ("max", "average"):
        raise ValueError(f"pooling must be 'max' or 'average'. Received: pooling={pooling!r}.")
    body = build(architecture, (*SOME_SIZE, 3), None, **options)
    maps = {layer.name: layer.output for layer in body.layers[1:] if len(layer.output.shape) == 4}
    unknown = [name for name in names if name not in maps]
    if unknown or not names:
        raise ValueError(
            f"The layers of {architecture} are {', '.join(maps)}. Received: {', '.join(unknown) or 'none'}."
        )
    part = keras.Model(body.input, {name: maps[name] for name in names})
    picture = layers.Input((None, None, 3), name=body.input.name)
    copied = keras.models.clone_model(
        part, input_tensors=picture, clone_function=_average if pooling == "average" else None
    )
    copied.set_weights(part.get_weights())
    copied.trainable = False
    return copied


def _average(layer: layers.Layer) -> layers.Layer:
    """Copy a layer; of a max pooling, make an average pooling."""
    if isinstance(layer, layers.MaxPooling2D):
        return layers.AveragePooling2D(layer.pool_size, layer.strides, layer.padding, name=layer.name)
    return layer.__class__.from_config(layer.get_config())
