"""Augmentations that move things: mirror, crop, rotate, shear, scale, translate, zoom out, local warping."""

import math
from collections.abc import Sequence

import tensorflow as tf

from kerascnn.data.augment.checks import check_between, check_range, check_share
from kerascnn.data.augment.steps import Geometric
from kerascnn.data.augment.transform import Affine, Warp

MAX_STRENGTH = 0.15  # of a warp: below 1/4 nothing folds, and `Warp.move` converges fast enough


def mirror(probability: float = 0.5, *, swap: Sequence[int] | None = None) -> Geometric:
    """Mirror left and right.

    Args:
        probability: of a mirrored picture, in 0..1.
        swap: for K landmarks, which one takes the place of each in a mirrored picture, since the left eye of a mirrored
            face is the right eye of the picture: (1, 0, 2) for left eye, right eye, nose.

    Raises:
        ValueError: for a probability out of range, or a swap that does not give the same order when done twice.
    """
    check_share("probability", probability)
    swap = None if swap is None else tuple(swap)
    if swap is not None and [swap[each] if each in range(len(swap)) else None for each in swap] != [*range(len(swap))]:
        raise ValueError(f"swap must exchange pairs of 0..{len(swap) - 1}, as (1, 0, 2) does. Received: swap={swap}.")

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        mirrored = tf.cast(numbers[0] < probability, tf.float32)
        return _affine([[1 - 2 * mirrored, 0.0, mirrored * size[1]], [0.0, 1.0, 0.0]], size)

    return Geometric(1, make, swap)


def random_crop(area: tuple[float, float] = (0.25, 1.0), aspect: tuple[float, float] = (3 / 4, 4 / 3)) -> Geometric:
    """Cut out a part at random and stretch it (Szegedy et al. 2015, section 6).

    Args:
        area: the smallest and largest share of the picture's area, in 0..1. The paper takes 0.08 to 1, for a million
            pictures; with few, what is left should still show the thing.
        aspect: the smallest and largest width / height of the part, relative to the picture's own.

    Raises:
        ValueError: for a range that is empty or out of bounds.
    """
    check_range("area", area, 1)
    check_range("aspect", aspect)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        share = _between(numbers[0], *area)
        shape = tf.sqrt(_between_log(numbers[1], *aspect))
        # What is wider or higher than the picture is cut, and as much added to the other side.
        width = tf.clip_by_value(tf.sqrt(share) * shape, share, 1)
        part = size * tf.stack([share / width, width])
        top, left = tf.unstack((size - part) * numbers[2:])
        return _affine([[1.0, 0.0, left], [0.0, 1.0, top]], part)

    return Geometric(4, make)


def rotate(degrees: float = 15.0) -> Geometric:
    """Rotate about the centre, either way.

    Args:
        degrees: the largest angle, in 0..180.

    Raises:
        ValueError: for an angle out of range.
    """
    check_between("degrees", degrees, 0, 180)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        angle = _between(numbers[0], -degrees, degrees) * (math.pi / 180)
        cosine, sine = tf.cos(angle), tf.sin(angle)
        return _about_centre([[cosine, -sine], [sine, cosine]], size)

    return Geometric(1, make)


def shear(degrees: float = 10.0) -> Geometric:
    """Shear along x and along y, about the centre, either way.

    Args:
        degrees: the largest angle by which an edge is tilted, in 0..60.

    Raises:
        ValueError: for an angle out of range.
    """
    check_between("degrees", degrees, 0, 60)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        along_x, along_y = tf.unstack(tf.tan(_between(numbers, -degrees, degrees) * (math.pi / 180)))
        # First along x, then along y: with both at once, opposite angles of 45 degrees would leave a line.
        return _about_centre([[1.0, along_x], [along_y, 1 + along_x * along_y]], size)

    return Geometric(2, make)


def scale(factor: tuple[float, float] = (0.8, 1.25)) -> Geometric:
    """Enlarge or shrink about the centre; the picture keeps its size.

    Args:
        factor: the smallest and largest.

    Raises:
        ValueError: for a range that is empty or not above 0.
    """
    check_range("factor", factor)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        shrink = 1 / _between_log(numbers[0], *factor)
        return _about_centre([[shrink, 0.0], [0.0, shrink]], size)

    return Geometric(1, make)


def translate(share: float = 0.1) -> Geometric:
    """Shift along x and along y, either way.

    Args:
        share: the largest shift, in 0..1 of the picture's width and height.

    Raises:
        ValueError: for a share out of range.
    """
    check_share("share", share)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        y, x = tf.unstack(_between(numbers, -share, share) * size)
        return _affine([[1.0, 0.0, -x], [0.0, 1.0, -y]], size)

    return Geometric(2, make)


def zoom_out(factor: float = 4.0, probability: float = 0.5) -> Geometric:
    """Place the picture anywhere on a larger one, so that things become small (Liu et al. 2016, section 3.6).

    Args:
        factor: the largest ratio of the sides, at least 1.
        probability: of a picture that is zoomed out, in 0..1.

    Raises:
        ValueError: for a factor below 1 or a probability out of range.
    """
    check_between("factor", factor, 1)
    check_share("probability", probability)

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Affine:
        ratio = tf.where(numbers[0] < probability, _between(numbers[1], 1.0, factor), 1.0)
        top, left = tf.unstack((ratio - 1) * size * numbers[2:])
        return _affine([[1.0, 0.0, -left], [0.0, 1.0, -top]], size * ratio)

    return Geometric(4, make)


def warp(strength: float = 0.1, cells: int = 4) -> Geometric:
    """Warp locally: pull at a grid of points, and bend what lies between them smoothly.

    Args:
        strength: the largest pull along x and y, in cells, up to 0.15, so that nothing folds over.
        cells: of the grid, along each side; more bend smaller things.

    Raises:
        ValueError: for a strength out of range or fewer than one cell.
    """
    check_between("strength", strength, 0, MAX_STRENGTH)
    if cells < 1:
        raise ValueError(f"cells must be at least 1. Received: cells={cells}.")

    def make(numbers: tf.Tensor, size: tf.Tensor) -> Warp:
        pulls = _between(tf.reshape(numbers, (cells + 3, cells + 3, 2)), -strength, strength)
        return Warp(pulls * size[::-1] / cells, size)

    return Geometric(2 * (cells + 3) ** 2, make)


def _affine(rows: list[list[float | tf.Tensor]], size: tf.Tensor) -> Affine:
    elements = [*rows[0], *rows[1], 0.0, 0.0, 1.0]
    return Affine(tf.reshape(tf.stack(elements), (3, 3)), size)


def _about_centre(linear: list[list[float | tf.Tensor]], size: tf.Tensor) -> Affine:
    """Give a linear map, from after to before, that holds the centre in place."""
    (a, b), (c, d) = linear
    y, x = tf.unstack(size / 2)
    return _affine([[a, b, x - a * x - b * y], [c, d, y - c * x - d * y]], size)


def _between(numbers: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * numbers


def _between_log(numbers: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Spread evenly in the logarithm, so that halves are as frequent as doubles."""
    return low * (high / low) ** numbers
