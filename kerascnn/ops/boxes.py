"""Boxes: their forms, their area, their place in the picture, and the deltas from one to another.

A box is x1, y1, x2, y2 in pixels, edges not centres, where nothing else is said. Every function takes any leading
dimensions and computes in the floating type of the boxes; integers become float32. Overlaps are in `iou.py`.
"""

import math
from collections.abc import Sequence

import keras
from keras import ops

EPSILON = 1e-7  # smallest side that deltas are computed with: padding has none, and its logarithm must be finite
SCALE_CLAMP = math.log(1000 / 16)  # largest sane growth of a side: 16 pixels, the stride of the map, to 1000


def xyxy_to_cxcywh(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Convert boxes (..., 4) of x1, y1, x2, y2 to the x and y of the centre, the width and the height."""
    x1, y1, x2, y2 = sides_of(boxes)
    return ops.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=-1)


def cxcywh_to_xyxy(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Convert boxes (..., 4) of the x and y of the centre, the width and the height to x1, y1, x2, y2."""
    x, y, width, height = sides_of(boxes)
    return ops.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def xyxy_to_xywh(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Convert boxes (..., 4) of x1, y1, x2, y2 to x1, y1, the width and the height, which is COCO's form."""
    x1, y1, x2, y2 = sides_of(boxes)
    return ops.stack([x1, y1, x2 - x1, y2 - y1], axis=-1)


def xywh_to_xyxy(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Convert boxes (..., 4) of x1, y1, the width and the height, which is COCO's form, to x1, y1, x2, y2."""
    x1, y1, width, height = sides_of(boxes)
    return ops.stack([x1, y1, x1 + width, y1 + height], axis=-1)


def to_relative(boxes: keras.KerasTensor, image_size: tuple[int, int] | keras.KerasTensor) -> keras.KerasTensor:
    """Divide boxes by the size of their picture.

    Args:
        boxes: (..., 4) in pixels, of any of the three forms.
        image_size: (height, width), or (..., 2) of them where the boxes are (..., N, 4): one for each picture.

    Returns:
        (..., 4), in 0..1 inside the picture.
    """
    boxes = as_boxes(boxes)
    return boxes / _extent(image_size, boxes.dtype)


def to_absolute(boxes: keras.KerasTensor, image_size: tuple[int, int] | keras.KerasTensor) -> keras.KerasTensor:
    """Multiply boxes by the size of their picture.

    Args:
        boxes: (..., 4) in shares of the picture's width and height, of any of the three forms.
        image_size: see `to_relative`.

    Returns:
        (..., 4) in pixels.
    """
    boxes = as_boxes(boxes)
    return boxes * _extent(image_size, boxes.dtype)


def clip_boxes(boxes: keras.KerasTensor, image_size: tuple[int, int] | keras.KerasTensor) -> keras.KerasTensor:
    """Cut boxes at the borders of their picture; one that lies outside of it keeps no area.

    Args:
        boxes: (..., 4), x1, y1, x2, y2 in pixels.
        image_size: see `to_relative`.

    Returns:
        (..., 4), each x in 0..width and each y in 0..height.
    """
    boxes = as_boxes(boxes)
    return ops.minimum(ops.maximum(boxes, 0), _extent(image_size, boxes.dtype))


def box_area(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the areas (...) of boxes (..., 4), in square pixels; 0 where a corner lies on the wrong side."""
    x1, y1, x2, y2 = sides_of(boxes)
    return ops.maximum(x2 - x1, 0) * ops.maximum(y2 - y1, 0)


def encode_deltas(
    boxes: keras.KerasTensor, anchors: keras.KerasTensor, *, variances: Sequence[float] = (1, 1, 1, 1)
) -> keras.KerasTensor:
    """Compute the deltas that turn anchors, or proposals, into boxes: what a network learns to predict.

    They are (x - x_a) / w_a, (y - y_a) / h_a, log(w / w_a) and log(h / h_a), of centres, widths and heights, each
    divided by its variance. A box or an anchor without area, as padding is, gets finite deltas.

    Args:
        boxes: (..., 4), x1, y1, x2, y2.
        anchors: (..., 4), x1, y1, x2, y2, of the same leading dimensions or such that broadcast.
        variances: of x, y, w and h; in Faster R-CNN's second stage and in SSD 0.1, 0.1, 0.2, 0.2.

    Returns:
        (..., 4).

    Raises:
        ValueError: for anything but four positive variances.

    Reference:
        Girshick et al. 2014, "Rich feature hierarchies", arXiv:1311.2524, appendix C, equations 6 to 9.
    """
    boxes, anchors = map(xyxy_to_cxcywh, as_alike(boxes, anchors))
    sizes, anchor_sizes = ops.maximum(boxes[..., 2:], EPSILON), ops.maximum(anchors[..., 2:], EPSILON)
    shifts = (boxes[..., :2] - anchors[..., :2]) / anchor_sizes
    deltas = ops.concatenate([shifts, ops.log(sizes / anchor_sizes)], axis=-1)
    return deltas / _checked(variances, deltas.dtype)


def decode_deltas(
    deltas: keras.KerasTensor, anchors: keras.KerasTensor, *, variances: Sequence[float] = (1, 1, 1, 1)
) -> keras.KerasTensor:
    """Turn anchors, or proposals, into boxes by deltas: what `encode_deltas` does, backwards.

    A side grows to 1000 / 16 times that of its anchor at most, so that an untrained network gives no infinite boxes.

    Args:
        deltas: (..., 4), as a network predicts them.
        anchors: see `encode_deltas`.
        variances: those that the deltas were encoded with.

    Returns:
        (..., 4), x1, y1, x2, y2, neither clipped to the picture nor rounded.

    Raises:
        ValueError: for anything but four positive variances.

    Reference:
        Girshick et al. 2014, arXiv:1311.2524, appendix C, equations 1 to 4; the largest growth is Detectron's.
    """
    deltas, anchors = as_alike(deltas, anchors)
    anchors, deltas = xyxy_to_cxcywh(anchors), deltas * _checked(variances, deltas.dtype)
    centers = anchors[..., :2] + deltas[..., :2] * anchors[..., 2:]
    sizes = anchors[..., 2:] * ops.exp(ops.minimum(deltas[..., 2:], SCALE_CLAMP))
    return cxcywh_to_xyxy(ops.concatenate([centers, sizes], axis=-1))


def as_boxes(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Make boxes a tensor of a floating type.

    Raises:
        ValueError: where the last dimension is not 4.
    """
    boxes = ops.convert_to_tensor(boxes)
    if len(boxes.shape) == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"Boxes must have the shape (..., 4). Received: {tuple(boxes.shape)}.")
    return boxes if keras.backend.is_float_dtype(boxes.dtype) else ops.cast(boxes, "float32")


def as_alike(a: keras.KerasTensor, b: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make two of `as_boxes`, both of the wider type: a network may predict in half precision."""
    a, b = as_boxes(a), as_boxes(b)
    dtype = keras.backend.result_type(a.dtype, b.dtype)
    return ops.cast(a, dtype), ops.cast(b, dtype)


def sides_of(boxes: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Give the four columns of boxes, (...) each."""
    return ops.unstack(as_boxes(boxes), 4, axis=-1)


def _extent(image_size: tuple[int, int] | keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    """Give width, height, width, height: (4,) or (..., 1, 4)."""
    image_size = ops.cast(ops.convert_to_tensor(image_size), dtype)
    if len(image_size.shape) == 0 or image_size.shape[-1] != 2:
        raise ValueError(f"image_size must be (height, width), or (..., 2). Received: {tuple(image_size.shape)}.")
    extent = ops.take(image_size, [1, 0, 1, 0], axis=-1)
    return extent if len(extent.shape) == 1 else ops.expand_dims(extent, -2)


def _checked(variances: Sequence[float], dtype: str) -> keras.KerasTensor:
    if len(variances) != 4 or not all(variance > 0 for variance in variances):
        raise ValueError(f"variances must be four positive numbers. Received: variances={variances!r}.")
    return ops.convert_to_tensor(variances, dtype)
