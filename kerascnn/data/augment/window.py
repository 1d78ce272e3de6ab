"""Decoding only what is sampled: the part that a chain of maps looks at, at a scale that is enough for the result."""

from collections.abc import Sequence

import tensorflow as tf

from kerascnn.data.augment.transform import Affine, Transform, Warp, merge, sample
from kerascnn.data.decode import RATIOS, Encoded

PROBES = 9  # points along each side of the result that tell where it looks
MARGIN = 2.0  # pixels around them, for interpolation
WARP_MARGIN = 1 / 16  # of the part: what a warp may do between the points
FINENESS = 2  # pixels of the decoded part, at least, for one of the result: the phone's bilinear reading skips some too


def decode_seen(
    picture: Encoded, transforms: Sequence[Transform], size: Sequence[int | tf.Tensor]
) -> tuple[tf.Tensor, list[Transform]]:
    """Decode what a chain of maps looks at.

    Args:
        picture: in its file.
        transforms: what will be done to the whole picture.
        size: height and width of the result.

    Returns:
        The decoded part, (H, W, 3) uint8, and the chain that does to it what would have been done to the whole.
    """

    def decode_part() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        probes = _probe(transforms)
        low, high = _seen(picture, transforms, probes)
        step = _finest_step(probes, size)
        return picture.part(low, high, sum(tf.cast(step >= FINENESS * ratio, tf.int32) for ratio in RATIOS[1:]))

    part, start, shrunk = tf.cond(
        picture.is_large, decode_part, lambda: (picture.whole(), tf.zeros(2, tf.int32), tf.constant(1))
    )
    scale, (top, left) = 1 / tf.cast(shrunk, tf.float32), tf.unstack(tf.cast(start, tf.float32))
    zero, one = tf.zeros(()), tf.ones(())
    matrix = tf.stack([[scale, zero, -left * scale], [zero, scale, -top * scale], [zero, zero, one]])
    part = tf.ensure_shape(part, (None, None, 3))
    return part, merge([Affine(matrix, tf.cast(picture.size, tf.float32)), *transforms])


def _probe(transforms: Sequence[Transform]) -> tf.Tensor:
    """Say where a grid of points of the result lies in the picture: (PROBES, PROBES, 2) float32, row and column."""
    steps = tf.linspace(0.0, 1.0, PROBES)
    y, x = tf.meshgrid(steps, steps, indexing="ij")
    points = tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1])], axis=-1) * transforms[-1].size[::-1]
    return tf.reshape(sample(transforms, points)[:, ::-1], (PROBES, PROBES, 2))


def _finest_step(probes: tf.Tensor, size: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Give the least distance, in pixels of the picture, of two neighbouring pixels of the result: (), float32."""
    height, width = tf.unstack(tf.cast(tf.stack(size), tf.float32))
    down = tf.reduce_min(tf.norm(probes[1:] - probes[:-1], axis=-1)) / height
    right = tf.reduce_min(tf.norm(probes[:, 1:] - probes[:, :-1], axis=-1)) / width
    return (PROBES - 1) * tf.minimum(down, right)


def _seen(picture: Encoded, transforms: Sequence[Transform], probes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Give the first row and column that is sampled, and the ones after the last: (2,) int32 each."""
    extent = tf.cast(picture.size, tf.float32)
    points = tf.reshape(probes, (-1, 2))
    low, high = tf.reduce_min(points, axis=0), tf.reduce_max(points, axis=0)
    margin = MARGIN + (WARP_MARGIN * (high - low) if any(isinstance(each, Warp) for each in transforms) else 0)
    low, high = low - margin, high + margin
    # What lies outside is reflected: then as much is needed inside, from the border on.
    low, high = tf.minimum(low, 2 * extent - high), tf.maximum(high, -low)
    bounds = tf.clip_by_value(tf.stack([tf.floor(low), tf.math.ceil(high)]), 0, extent)
    return tuple(tf.unstack(tf.cast(bounds, tf.int32)))
