"""Pixels of a changed picture: one sampling of the picture before, then one affine map of its colours.

OpenCV does both, since TensorFlow has no sampling by an arbitrary map, and is ten times slower by an affine one. It is
called from the graph by `tf.numpy_function`, whose call takes longer than TensorFlow needs for a small picture: these
are done in the graph.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf

from kerascnn.data.augment.transform import (
    Affine,
    Transform,
    Warp,
    b_spline,
    merge,
    opaque,
    sample,
    spline_inverse,
    spline_nodes,
)
from kerascnn.data.checks import MAX_SIDE
from kerascnn.data.sample import IGNORED

Fill = Literal["reflect", "edge"] | tuple[int, int, int]

GREY = (124, 116, 104)  # the mean of ImageNet, so that it normalises to about 0
BORDERS = {"reflect": cv2.BORDER_REFLECT, "edge": cv2.BORDER_REPLICATE}
FILL_MODES = {"reflect": "REFLECT", "edge": "NEAREST"}  # what TensorFlow calls them
# Cells of the sampling map's spline for each cell of a warp: right to 1/25 pixel where a rotation by 30 degrees
# follows, and less right where the picture is shrunk after the warp.
MAP_CELLS = 3
SMALL = 64 * 64  # pixels of a result up to which TensorFlow is faster


def check_fill(fill: Fill | None) -> None:
    """Refuse what is neither a way to go on outside the picture nor a colour; None stands for the default.

    Raises:
        ValueError: if it is.
    """
    is_color = isinstance(fill, Sequence) and not isinstance(fill, str) and len(fill) == 3
    if not (fill in (None, *BORDERS) or (is_color and all(0 <= each <= 255 for each in fill))):
        raise ValueError(f"fill must be 'reflect', 'edge' or (r, g, b) of 0..255. Received: fill={fill!r}.")


def sample_picture(
    image: tf.Tensor,
    transforms: Sequence[Transform],
    size: Sequence[int | tf.Tensor],
    fill: Fill,
    color: tf.Tensor | None = None,
) -> tf.Tensor:
    """Sample a picture bilinearly, once, however long the chain is, and map its colours.

    Args:
        image: (H, W, 3) uint8 or float32.
        transforms: what was done to the picture, at least one map.
        size: height and width of the result, to which the picture after the last map is stretched as
            `kerascnn.data.resize.resize` does it.
        fill: see `compose`.
        color: see `recolor`.

    Returns:
        (height, width, 3) of the image's type.
    """
    color = tf.eye(4) if color is None else color
    border = {"borderMode": BORDERS[fill]} if isinstance(fill, str) else {"borderValue": tuple(map(float, fill))}

    def sample_small() -> tf.Tensor:
        sampled = _transform_small(image, transforms, size, "BILINEAR", fill)
        return _recolor_small(to_pixels(sampled, image.dtype), color)

    def sample_large() -> tf.Tensor:
        return _sample(image, transforms, size, cv2.INTER_LINEAR, border, color)

    sampled = sample_large() if _warps(transforms) else _by_size(size, sample_small, sample_large)
    return tf.ensure_shape(sampled, (*static_size(size), 3))


def sample_mask(mask: tf.Tensor, transforms: Sequence[Transform], size: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Sample a mask by the nearest pixel; outside of it lies `IGNORED`.

    Args:
        mask: (H, W) int32.
        transforms: see `sample_picture`.
        size: see `sample_picture`.

    Returns:
        (height, width) int32.
    """
    classes = tf.cast(mask, tf.float32)  # OpenCV samples no int32; classes are exact in float32
    return tf.cast(_sample_nearest(classes, transforms, size, IGNORED), tf.int32)


def sample_weights(weights: tf.Tensor, transforms: Sequence[Transform], size: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Sample weights of pixels as their mask; outside they are 0.

    Args:
        weights: (H, W) float32.
        transforms: see `sample_picture`.
        size: see `sample_picture`.

    Returns:
        (height, width) float32.
    """
    return _sample_nearest(weights, transforms, size, 0)


def _sample_nearest(
    values: tf.Tensor, transforms: Sequence[Transform], size: Sequence[int | tf.Tensor], outside: int
) -> tf.Tensor:
    def sample_small() -> tf.Tensor:
        return _transform_small(values[..., tf.newaxis], transforms, size, "NEAREST", (outside,))[..., 0]

    def sample_large() -> tf.Tensor:
        return _sample(values, transforms, size, cv2.INTER_NEAREST, {"borderValue": float(outside)})

    sampled = sample_large() if _warps(transforms) else _by_size(size, sample_small, sample_large)
    return tf.ensure_shape(sampled, static_size(size))


def recolor(image: tf.Tensor, color: tf.Tensor) -> tf.Tensor:
    """Map the colours of a picture.

    Args:
        image: (H, W, 3) uint8 or float32, RGB in 0..255.
        color: (4, 4) float32, for (r, g, b, 1).

    Returns:
        The same shape and type, rounded for uint8, within 0..255.
    """
    recolored = _by_size(size_of(image), lambda: _recolor_small(image, color), lambda: _call(_transform, image, color))
    return tf.ensure_shape(recolored, image.shape)


def size_of(image: tf.Tensor) -> list[int | tf.Tensor]:
    """Give height and width of a picture, as numbers where the graph knows them."""
    return [side or tf.shape(image)[axis] for axis, side in enumerate(image.shape[:2])]


def static_size(size: Sequence[int | tf.Tensor]) -> tuple[int | None, ...]:
    """Give height and width as far as the graph knows them."""
    return tuple(tf.get_static_value(side) for side in size)


def _recolor_small(image: tf.Tensor, color: tf.Tensor) -> tf.Tensor:
    """Map the colours of a small picture in the graph."""
    colors = tf.tensordot(tf.cast(image, tf.float32), color[:3, :3], [[2], [1]]) + color[:3, 3]
    return to_pixels(colors, image.dtype)


def to_pixels(image: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Clip a float32 picture to 0..255, and round it for integers."""
    clipped = tf.clip_by_value(image, 0, 255)
    return tf.cast(tf.round(clipped) if dtype.is_integer else clipped, dtype)


def _sample(
    image: tf.Tensor,
    transforms: Sequence[Transform],
    size: Sequence[int | tf.Tensor],
    interpolation: int,
    border: dict[str, float | tuple[float, ...]],
    color: tf.Tensor | None = None,
) -> tf.Tensor:
    how = {"interpolation": interpolation, "border": border}
    colors = () if color is None else (color,)
    warps = _warps(transforms)
    if not warps:
        return _call(partial(_warp_affine, **how), image, _matrix(transforms, size), tf.stack(size), *colors)
    cells = MAP_CELLS * max(warp.field.shape[0] - 3 for warp in warps)
    return _call(partial(_remap, **how), image, *_sampling_map(transforms, size, cells), *colors)


def _transform_small(
    image: tf.Tensor,
    transforms: Sequence[Affine],
    size: Sequence[int],
    interpolation: str,
    fill: Fill | tuple[int],
) -> tf.Tensor:
    """Sample a small picture in the graph: (height, width, channels) float32."""
    # Bilinear sampling of uint8 would round down, and the operation fills with one number, not with a colour.
    base = 0.0 if isinstance(fill, str) else tf.constant(fill, tf.float32)
    sampled = tf.raw_ops.ImageProjectiveTransformV3(
        images=(tf.cast(image, tf.float32) - base)[tf.newaxis],
        transforms=tf.concat([tf.reshape(_matrix(transforms, size)[:2], (1, 6)), [[0.0, 0.0]]], axis=1),
        output_shape=tf.stack(size),
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode=FILL_MODES[fill] if isinstance(fill, str) else "CONSTANT",
    )
    return sampled[0] + base


def _matrix(transforms: Sequence[Affine], size: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Multiply a chain without a warp into one map of indices of pixels, the first of which is 0: (3, 3) float32."""
    shape = opaque(tf.cast(tf.stack(size), tf.float32))
    half = tf.constant([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    (merged,) = merge([*transforms, stretch(transforms[-1].size, shape, pixels=True)])
    return tf.linalg.inv(half) @ merged.matrix @ half


def _warps(transforms: Sequence[Transform]) -> list[Warp]:
    return [each for each in transforms if isinstance(each, Warp)]


def _by_size(
    size: Sequence[int | tf.Tensor], small: Callable[[], tf.Tensor], large: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """Take one of two ways, which may differ by a grey level: by the size alone, whether the graph knows it or not."""
    static = static_size(size)
    if None in static:
        return tf.cond(tf.reduce_prod(tf.stack(size)) <= SMALL, small, large)
    return small() if math.prod(static) <= SMALL else large()


def _call(function: Callable[..., np.ndarray], image: tf.Tensor, *arguments: tf.Tensor) -> tf.Tensor:
    """Call a function of arrays that gives a picture of the same type."""
    return tf.numpy_function(function, [image, *arguments], image.dtype, stateful=False)


def stretch(before: tf.Tensor, after: tf.Tensor, *, pixels: bool = False) -> Affine:
    """Map a picture to another size.

    Args:
        before: (2,) float32, height and width.
        after: (2,) float32, height and width.
        pixels: hold the first pixel in place, as `kerascnn.data.resize.resize` does, not the picture's corner.
    """
    scale_y, scale_x = tf.unstack(before / after)
    zero = tf.zeros(())
    shift_x, shift_y = (0.5 - 0.5 * scale_x, 0.5 - 0.5 * scale_y) if pixels else (zero, zero)
    return Affine(tf.stack([[scale_x, zero, shift_x], [zero, scale_y, shift_y], [zero, zero, zero + 1]]), after)


def _sampling_map(
    transforms: Sequence[Transform], size: Sequence[int | tf.Tensor], cells: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Say for each pixel where it is sampled: x and y, (height, width) float32 each, in indices of pixels.

    The whole chain is computed at few points only, and a spline through them gives the rest: two small products of
    matrices instead of a computation in every pixel.
    """
    after_height, after_width = tf.unstack(transforms[-1].size)
    nodes = tf.constant(spline_nodes(cells) / cells)
    y, x = tf.meshgrid(nodes * after_height, nodes * after_width, indexing="ij")
    points = sample(transforms, tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1])], axis=-1)) - 0.5
    values = tf.reshape(points, (cells + 3, cells + 3, 2))
    inverse = tf.constant(spline_inverse(cells))
    rows, columns = (
        tf.matmul(b_spline(_positions(side, extent) / extent * cells, cells), inverse)
        for side, extent in zip(size, (after_height, after_width), strict=True)
    )
    return tuple(tf.matmul(rows, tf.matmul(values[..., axis], columns, transpose_b=True)) for axis in (0, 1))


def _positions(side: int | tf.Tensor, extent: tf.Tensor) -> tf.Tensor:
    """Say where each pixel of a side is sampled in a picture of another extent: as the phone does it."""
    positions = tf.range(tf.cast(side, tf.float32)) * (extent / opaque(tf.cast(side, tf.float32))) + 0.5
    return tf.minimum(positions, extent)  # the last of an enlarged picture would lie beyond the spline, which fades


def _warp_affine(
    image: np.ndarray,
    matrix: np.ndarray,
    size: np.ndarray,
    color: np.ndarray | None = None,
    *,
    interpolation: int,
    border: dict[str, float | tuple[float, ...]],
) -> np.ndarray:
    _check_side(image)
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return _transform(cv2.warpAffine(image, matrix[:2], size[::-1].tolist(), flags=flags, **border), color)


def _remap(
    image: np.ndarray,
    map_x: np.ndarray,
    map_y: np.ndarray,
    color: np.ndarray | None = None,
    *,
    interpolation: int,
    border: dict[str, float | tuple[float, ...]],
) -> np.ndarray:
    _check_side(image)
    # In fixed point first: together that takes two thirds of the time.
    fixed = cv2.convertMaps(map_x, map_y, cv2.CV_16SC2, nninterpolation=interpolation == cv2.INTER_NEAREST)
    return _transform(cv2.remap(image, *fixed, interpolation, **border), color)


def _transform(image: np.ndarray, color: np.ndarray | None) -> np.ndarray:
    if color is None or (color == np.eye(4)).all():
        return image
    recolored = cv2.transform(image, color[:3])
    return recolored if image.dtype == np.uint8 else np.clip(recolored, 0, 255)


def _check_side(image: np.ndarray) -> None:
    if max(image.shape[:2]) > MAX_SIDE:
        raise ValueError(f"A picture to augment may have {MAX_SIDE} pixels a side. Received {image.shape[:2]}.")
