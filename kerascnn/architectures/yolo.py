"""YOLO: a grid over the picture, anchors in each cell, and one network that looks once.

Redmon and Farhadi 2016, "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2, for one grid with its
passthrough; Redmon and Farhadi 2018, "YOLOv3: An Incremental Improvement", arXiv:1804.02767, section 2.3, for several
with a path from the coarse one to the fine ones. What the head gives is laid out in `kerascnn.ops.grids`.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from kerascnn.architectures.bodies import MOMENTUM, build_body
from kerascnn.architectures.darknet import NEGATIVE_SLOPE
from kerascnn.architectures.strides import stride_layers
from kerascnn.layers import AnchorGrid

Tensor = keras.KerasTensor

PASSTHROUGH_FILTERS = 64  # of YOLOv2, before the finer map is folded into the coarser one
OBJECT_SHARE = 0.01  # what an untrained network says of every prediction, so that the many empty ones do not drown it


def yolo(
    architecture: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    anchors: Sequence[Sequence[tuple[float, float]]],
    *,
    weights: str | Path | None = None,
    strides: tuple[int, ...] = (8, 16, 32),
    filters: int = 128,
    separable: bool = True,
    passthrough: bool = False,
    offsets: str = "sigmoid",
    **options: Any,
) -> keras.Model:
    """Build a detector on a classifier's body.

    From the body's last map a path leads to the finest grid: convolutions, then twice the size, then the body's map of
    that size beside it. Each grid predicts from its step of the path.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3), each side a multiple of the body's last stride; or (None, None, 3) for pictures
            of any such size.
        num_classes: C, at least 1.
        anchors: for each grid, pairs of width and height in pixels, see `kerascnn.ops.find_anchors`.
        weights: of the body, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        strides: of the grids, rising: some of those at which stages of the body end.
        filters: of the convolutions of the path.
        separable: depthwise separable convolutions on the path, as suits MobileNets, in the place of plain ones.
        passthrough: folds the body's map of half the coarsest grid's stride into that grid, as YOLOv2 does.
        offsets: see `kerascnn.ops.decode_offsets`.
        **options: what the body's builder takes, such as `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to (B, N, 5 + C + 5): see `kerascnn.ops.grids`. N is
        the number of all anchors of all cells. The layers `offsets_strideS`, `objectness_strideS` and `classes_strideS`
        give a grid's raw head.

    Raises:
        ValueError: for fewer than one class, strides that the body does not have, a passthrough from one that it does
            not have, anchors that are not one list for each of them, a size that is no multiple of the last stride, a
            body whose maps are not the picture's size by their strides, or what the body's builder refuses.
    """
    body = build_body(architecture, input_shape, weights=weights, **options)
    features = {int(name.removeprefix("stride")): body.get_layer(name).output for name in stride_layers(body)}
    _check(architecture, list(features), num_classes, strides, anchors, passthrough)
    steps = [stride for stride in sorted(features, reverse=True) if stride >= strides[0]]
    x, grids = features[steps[0]], {}
    for stride in steps:
        if stride != steps[0]:
            x = _normalized_convolution(x, filters // 2, 1, f"up_stride{stride}")
            x = layers.UpSampling2D(2, name=f"upsampled_stride{stride}")(x)
            x = layers.Concatenate(name=f"joined_stride{stride}")([x, features[stride]])
        if passthrough and stride == strides[-1]:
            folded = _fold(features[stride // 2], f"passthrough_stride{stride // 2}")
            x = layers.Concatenate(name="passthrough")([x, folded])
        x = _normalized_convolution(x, filters, 1, f"reduced_stride{stride}")
        x = _convolution(x, filters, separable, f"path_stride{stride}")
        if stride in strides:
            grids[stride] = x
    heads = [
        _head(grids[stride], stride, sizes, num_classes, separable, offsets)
        for stride, sizes in zip(strides, anchors, strict=True)
    ]
    # In half precision, the places of a large picture would be rounded.
    outputs = layers.Concatenate(axis=1, dtype="float32", name="predictions")(heads) if len(heads) > 1 else heads[0]
    return keras.Model(body.input, outputs, name=architecture)


def _check(
    architecture: str,
    known: Sequence[int],
    num_classes: int,
    strides: Sequence[int],
    anchors: Sequence[Any],
    passthrough: bool,
) -> None:
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1. Received: num_classes={num_classes}.")
    if not strides or not set(strides) <= set(known) or list(strides) != sorted(set(strides)):
        raise ValueError(f"strides must be rising, and some of {known} of {architecture}. Received: strides={strides}.")
    if len(anchors) != len(strides):
        raise ValueError(f"anchors must be one list for each of the strides {strides}. Received: {anchors!r}.")
    if passthrough and strides[-1] == known[0]:
        raise ValueError(
            f"passthrough needs a map of half the last of the strides; {architecture} has {known}. "
            f"Received: strides={strides}."
        )


def _head(x: Tensor, stride: int, anchors: Sequence[Any], num_classes: int, separable: bool, form: str) -> Tensor:
    """Predict (B, N, 5 + C + 5) of a grid; with three convolutions, since one would round all three alike in int8."""
    x = _convolution(x, x.shape[-1], separable, f"head_stride{stride}")
    bias = keras.initializers.Constant(math.log(OBJECT_SHARE / (1 - OBJECT_SHARE)))
    offsets = layers.Conv2D(4 * len(anchors), 1, name=f"offsets_stride{stride}")(x)
    objectness = layers.Conv2D(len(anchors), 1, bias_initializer=bias, name=f"objectness_stride{stride}")(x)
    classes = layers.Conv2D(num_classes * len(anchors), 1, name=f"classes_stride{stride}")(x)
    grid = AnchorGrid(stride, anchors, form, dtype="float32", name=f"grid_stride{stride}")(offsets)
    objectness = layers.Reshape((-1, 1), dtype="float32", name=f"flat_objectness_stride{stride}")(objectness)
    classes = layers.Reshape((-1, num_classes), dtype="float32", name=f"flat_classes_stride{stride}")(classes)
    parts = [grid[..., :4], objectness, classes, grid[..., 4:]]
    return layers.Concatenate(dtype="float32", name=f"predictions_stride{stride}")(parts)


def _fold(x: Tensor, name: str) -> Tensor:
    """Stack each 2 x 2 places of a map into one of four times the channels."""
    x = _normalized_convolution(x, PASSTHROUGH_FILTERS, 1, name)
    return ops.space_to_depth(x, 2)


def _convolution(x: Tensor, filters: int, separable: bool, name: str) -> Tensor:
    """Convolve 3 x 3, plainly or channel by channel and then across them."""
    if not separable:
        return _normalized_convolution(x, filters, 3, name)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _activation(
        layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_depthwise_bn")(x), f"{name}_depthwise_relu"
    )
    return _normalized_convolution(x, filters, 1, name)


def _normalized_convolution(x: Tensor, filters: int, kernel_size: int, name: str) -> Tensor:
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=name)(x)
    return _activation(layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x), f"{name}_relu")


def _activation(x: Tensor, name: str) -> Tensor:
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=name)(x)
