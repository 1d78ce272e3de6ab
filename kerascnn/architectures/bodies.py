"""Classifiers as bodies of other networks, for pictures of any size."""

from typing import Any

import keras
from keras import layers

from kerascnn.architectures.catalogue import build
from kerascnn.architectures.strides import check_maps
from kerascnn.layers import CropLike, PadToMultiple

MOMENTUM = 0.97  # of new batch normalisations: their statistics start from nothing, and an epoch may be a few steps
LARGEST_STRIDE = 32  # of all classifiers
SOME_SIZE = (64, 64)  # of a body that is copied for any size: a multiple of every stride, and not too small for any


def build_body(architecture: str, input_shape: tuple[int | None, int | None, int], **options: Any) -> keras.Model:
    """Build a headless classifier whose maps are the picture's size by their strides.

    Args:
        architecture: a name of `CLASSIFIERS`.
        input_shape: (height, width, 3), each side a multiple of the last stride; or (None, None, 3) for pictures of any
            such size.
        **options: what the builder of that name takes, such as `weights` or `alpha`.

    Raises:
        ValueError: for a side that is no multiple of the last stride, a body with layers without padding, or what the
            builder refuses.
    """
    any_size = tuple(input_shape[:2]) == (None, None)
    body = build(architecture, (*SOME_SIZE, *input_shape[2:]) if any_size else input_shape, None, **options)
    check_maps(body)
    return _copy(body, input_shape) if any_size else body


def build_padded_body(
    architecture: str, input_shape: tuple[int | None, int | None, int], **options: Any
) -> keras.Model:
    """Build a headless classifier that pads pictures at the bottom and at the right to what its strides need.

    Args:
        architecture: a name of `CLASSIFIERS`.
        input_shape: (height, width, 3) of any size; None for sides that are not known.
        **options: what the builder of that name takes.

    Raises:
        ValueError: for a body with layers without padding, or what the builder refuses.
    """
    sides = [side and side + -side % LARGEST_STRIDE for side in input_shape[:2]]
    if tuple(sides) == tuple(input_shape[:2]) and None not in sides:
        return build_body(architecture, input_shape, **options)
    size = SOME_SIZE if None in sides else sides  # builders make networks of one size only
    return _copy(build_body(architecture, (*size, *input_shape[2:]), **options), input_shape, pad=True)


def crop_to_picture(maps: keras.KerasTensor, picture: keras.KerasTensor) -> keras.KerasTensor:
    """Cut what was padded off maps (B, H, W, C) of a picture (B, height, width, 3): (B, height, width, C)."""
    if None not in picture.shape[1:3] and maps.shape[1:3] == picture.shape[1:3]:
        return maps
    return CropLike(dtype="float32", name="cropped")([maps, picture])


def _copy(body: keras.Model, input_shape: tuple[int | None, int | None, int], pad: bool = False) -> keras.Model:
    """Copy a network, with its weights, for pictures of another size."""
    picture = layers.Input(input_shape, dtype=body.input.dtype, name=body.input.name)
    first = [PadToMultiple(LARGEST_STRIDE, name="padded")] if pad else []

    def call(layer: keras.layers.Layer, *arguments: Any, **options: Any) -> Any:
        if first and arguments[0] is picture:
            arguments = (first.pop()(picture), *arguments[1:])
        return layer(*arguments, **options)

    copied = keras.models.clone_model(body, input_tensors=picture, call_function=call)
    copied.set_weights(body.get_weights())
    return copied
