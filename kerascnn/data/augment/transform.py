"""Where a point of the changed picture lies in the picture before, and back.

Points are x, y in absolute pixels from the picture's corner, so that the centre of the first pixel is (0.5, 0.5).
`sample` goes from after to before, the way a picture is sampled; `move` goes the way of things: from before to after.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

INVERSION_STEPS = 12  # the error shrinks at least by 4 * MAX_STRENGTH in each


@dataclass(frozen=True)
class Affine:
    """A linear map and a shift.

    Attributes:
        matrix: (3, 3) float32, from after to before, in homogeneous coordinates.
        size: (2,) float32, height and width of the picture after.
    """

    matrix: tf.Tensor
    size: tf.Tensor

    def sample(self, points: tf.Tensor) -> tf.Tensor:
        """From after to before: (P, 2) to (P, 2)."""
        return _multiply(self.matrix, points)

    def move(self, points: tf.Tensor) -> tf.Tensor:
        """From before to after: (P, 2) to (P, 2)."""
        return _multiply(tf.linalg.inv(self.matrix), points)


@dataclass(frozen=True)
class Warp:
    """A smooth displacement: a uniform cubic B-spline over the picture (Rueckert et al. 1999, section II-B).

    Attributes:
        field: (cells + 3, cells + 3, 2) float32, x and y of the control points' displacements, in pixels.
        size: (2,) float32, height and width of the picture, which stay.
    """

    field: tf.Tensor
    size: tf.Tensor

    def sample(self, points: tf.Tensor) -> tf.Tensor:
        """From after to before: (P, 2) to (P, 2)."""
        return points + self._displacement(points)

    def move(self, points: tf.Tensor) -> tf.Tensor:
        """From before to after: (P, 2) to (P, 2), by fixed-point iteration."""
        moved = points
        for _ in range(INVERSION_STEPS):
            moved = points - self._displacement(moved)
        return moved

    def _displacement(self, points: tf.Tensor) -> tf.Tensor:
        cells = self.field.shape[0] - 3
        position = points / self.size[::-1] * cells
        x_weights, y_weights = b_spline(position[:, 0], cells), b_spline(position[:, 1], cells)
        rows = tf.matmul(y_weights, tf.reshape(self.field, (cells + 3, -1)))
        return tf.reduce_sum(tf.reshape(rows, (-1, cells + 3, 2)) * x_weights[:, :, tf.newaxis], axis=1)


Transform = Affine | Warp


def merge(transforms: Sequence[Transform]) -> list[Transform]:
    """Multiply neighbouring affine maps of a chain, so that one map remains of each run."""
    merged: list[Transform] = []
    for each in transforms:
        if merged and isinstance(each, Affine) and isinstance(merged[-1], Affine):
            each = Affine(merged.pop().matrix @ each.matrix, each.size)
        merged.append(each)
    return merged


def sample(transforms: Sequence[Transform], points: tf.Tensor) -> tf.Tensor:
    """From after the last of a chain to before the first: (P, 2) to (P, 2)."""
    for each in reversed(transforms):
        points = each.sample(points)
    return points


def move(transforms: Sequence[Transform], points: tf.Tensor) -> tf.Tensor:
    """From before the first of a chain to after the last: (P, 2) to (P, 2)."""
    for each in transforms:
        points = each.move(points)
    return points


def b_spline(positions: tf.Tensor, cells: int) -> tf.Tensor:
    """Weigh the control points of a uniform cubic B-spline.

    Args:
        positions: (P,), from 0 to `cells`.
        cells: number of intervals.

    Returns:
        (P, cells + 3), each row of sum 1; beyond the ends they fade to 0.
    """
    unit = 6 ** (-1 / 3)  # of the distance, since a factor 1 / 6 would be rounded otherwise in a graph, see `opaque`
    distance = unit * tf.abs(positions[:, tf.newaxis] - tf.range(-1, cells + 2, dtype=positions.dtype))
    outer, inner = tf.nn.relu(2 * unit - distance), tf.nn.relu(unit - distance)
    return outer * outer * outer - 4 * inner * inner * inner  # a power takes ten times as long


def spline_nodes(cells: int) -> np.ndarray:
    """Give the positions at which a B-spline is pinned down: its knots, and one more in the first and last interval.

    Returns:
        (cells + 3,) float32, from 0 to `cells`, which is at least 2.
    """
    return np.unique(np.float32([*range(cells + 1), 0.5, cells - 0.5]))


def spline_inverse(cells: int) -> np.ndarray:
    """Give the matrix from values at the nodes to the control points of the B-spline that takes these values.

    Returns:
        (cells + 3, cells + 3) float32.
    """
    with tf.init_scope():  # a constant of the graph that may be under construction
        values = b_spline(tf.constant(spline_nodes(cells), tf.float64), cells).numpy()
    return np.linalg.inv(values).astype(np.float32)


def opaque(constant: tf.Tensor) -> tf.Tensor:
    """Hide from TensorFlow that a tensor is a constant.

    A graph is optimised before it runs, and computations with constants are put in another order, in which they round
    otherwise than in eager mode: the same seed would give other pixels.
    """
    return tf.raw_ops.PlaceholderWithDefault(input=constant, shape=constant.shape)


def _multiply(matrix: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    return tf.matmul(points, matrix[:2, :2], transpose_b=True) + matrix[:2, 2]
