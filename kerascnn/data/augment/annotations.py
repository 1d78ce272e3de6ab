"""Boxes, proposals and landmarks of a changed picture."""

from collections.abc import Sequence

import tensorflow as tf

from kerascnn.data.augment.transform import Affine, Transform, move, sample
from kerascnn.data.sample import PADDING

SEGMENTS = 8  # of each edge of a box, which a warp bends
PROBES = 8  # points across a box, to tell which share of it stayed
OTHER_SIDE = {"left": "right", "right": "left"}


def move_boxes(
    boxes: tf.Tensor, class_ids: tf.Tensor, transforms: Sequence[Transform], min_visible: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Give the tight boxes of what was in boxes before.

    The whole outline is moved, and cut where it leaves the picture.

    Args:
        boxes: (N, 4) float32, x1, y1, x2, y2.
        class_ids: (N,) int32, the class of each; -1 is padding.
        transforms: what was done to the picture.
        min_visible: share of a box's area that has to stay.

    Returns:
        The boxes, (N, 4) float32, and their classes, (N,) int32. What did not stay has become padding, and padding is
        zeros.
    """
    extent = transforms[-1].size[::-1]
    outline = move(transforms, tf.reshape(_along(boxes, _edges()), (-1, 2)))
    outline = tf.reshape(outline, (-1, 4 * SEGMENTS, 2))
    ends, inside = _clip_segments(outline, tf.roll(outline, -1, axis=1), extent)
    corners = extent * tf.constant([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    covered = _contain(boxes, sample(transforms, corners))  # corners of the picture that lie on a thing

    points = tf.concat([ends, tf.broadcast_to(corners, (tf.shape(boxes)[0], 4, 2))], axis=1)
    counted = tf.concat([inside, covered], axis=1)[..., tf.newaxis]
    low = tf.reduce_min(tf.where(counted, points, points.dtype.max), axis=1)
    high = tf.reduce_max(tf.where(counted, points, points.dtype.min), axis=1)

    stay = tf.reduce_all(low < high, axis=1) & (_visible_share(boxes, transforms, extent) >= min_visible)
    stay &= class_ids != PADDING
    return tf.where(stay[:, tf.newaxis], tf.concat([low, high], axis=-1), 0.0), tf.where(stay, class_ids, PADDING)


def move_proposals(proposals: tf.Tensor, transforms: Sequence[Transform], min_visible: float) -> tf.Tensor:
    """Move proposals as boxes are moved.

    Args:
        proposals: (P, 4) float32, x1, y1, x2, y2; rows of zeros are padding.
        transforms: what was done to the picture.
        min_visible: share of a proposal's area that has to stay.

    Returns:
        (P, 4) float32; what did not stay has become zeros.
    """
    class_ids = tf.where(tf.reduce_any(proposals != 0, axis=-1), 0, PADDING)
    moved, _ = move_boxes(proposals, class_ids, transforms, min_visible)
    return tf.ensure_shape(moved, proposals.shape)  # a network may want to know their number


def move_landmarks(
    landmarks: tf.Tensor, visibility: tf.Tensor | None, transforms: Sequence[Transform], swap: Sequence[int] | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Move points.

    Args:
        landmarks: (K, 2) float32, x, y.
        visibility: (K,) int32; None stands for ones.
        transforms: what was done to the picture.
        swap: (K,) which landmark takes the place of each, if the picture is mirrored.

    Returns:
        The landmarks, (K, 2) float32, and their visibility, (K,) int32: 0 outside of the picture.

    Raises:
        ValueError: for a swap of another number of landmarks.
    """
    moved = move(transforms, landmarks)
    inside = tf.reduce_all((moved >= 0) & (moved <= transforms[-1].size[::-1]), axis=-1)
    visible = tf.cast(inside, tf.int32) * (1 if visibility is None else visibility)
    if swap is not None:
        if landmarks.shape[0] not in (None, len(swap)):
            raise ValueError(f"swap must name each of {landmarks.shape[0]} landmarks. Received: swap={swap}.")
        order = tf.where(_is_mirrored(transforms), tf.constant(swap), tf.range(len(swap)))
        moved, visible = tf.gather(moved, order), tf.gather(visible, order)
    return moved, visible


def swap_sides(names: Sequence[str]) -> tuple[int, ...]:
    """Find which landmark takes the place of each in a mirrored picture by their names.

    Args:
        names: with words joined by `_`, among them `left` and `right`: `left_eye_outer`, `nose`.

    Returns:
        The index of each one's counterpart, its own where it has no side, as `mirror` takes it.

    Raises:
        ValueError: for one whose counterpart is missing, or if none of several has a side: then nobody can tell.
    """
    names = list(names)
    others = ["_".join(OTHER_SIDE.get(word, word) for word in name.split("_")) for name in names]
    if len(names) > 1 and others == names:
        raise ValueError(
            "Landmarks without left and right in their names cannot be mirrored: name them, or turn mirroring off. "
            f"Found: {', '.join(names)}."
        )
    missing = sorted(set(others) - set(names))
    if missing:
        raise ValueError(f"Every landmark needs its counterpart at the other side. Missing: {', '.join(missing)}.")
    return tuple(names.index(other) for other in others)


def _edges() -> tf.Tensor:
    """Give points around the unit square, from corner to corner: (4 * SEGMENTS, 2)."""
    steps = tf.range(SEGMENTS, dtype=tf.float32) / SEGMENTS
    zeros, ones = tf.zeros(SEGMENTS), tf.ones(SEGMENTS)
    x = tf.concat([steps, ones, 1 - steps, zeros], axis=0)
    y = tf.concat([zeros, steps, ones, 1 - steps], axis=0)
    return tf.stack([x, y], axis=-1)


def _along(boxes: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Place (P, 2) shares of 0..1 in each of (N, 4) boxes: (N, P, 2)."""
    low, high = boxes[:, tf.newaxis, :2], boxes[:, tf.newaxis, 2:]
    return low * (1 - shares) + high * shares


def _clip_segments(start: tf.Tensor, end: tf.Tensor, extent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut segments at the picture's borders (Liang and Barsky 1984).

    Returns:
        Both ends of what is left, (N, 2 * P, 2), and whether anything is, (N, 2 * P) bool.
    """
    step = end - start
    moving = step != 0
    divisor = tf.where(moving, step, 1.0)
    at_low, at_high = -start / divisor, (extent - start) / divisor
    always = (start >= 0) & (start <= extent)
    enter = tf.where(moving, tf.minimum(at_low, at_high), tf.where(always, 0.0, 2.0))
    leave = tf.where(moving, tf.maximum(at_low, at_high), 1.0)
    first = tf.maximum(tf.reduce_max(enter, axis=-1, keepdims=True), 0)
    last = tf.minimum(tf.reduce_min(leave, axis=-1, keepdims=True), 1)
    # An end that was not cut is taken as it is: start + 1 * step would be rounded.
    ends = [start + first * step, tf.where(last < 1, start + last * step, end)]
    inside = (first <= last)[..., 0]
    points = tf.clip_by_value(tf.concat(ends, axis=1), 0, extent)
    return points, tf.concat([inside, inside], axis=1)


def _contain(boxes: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Say which of (P, 2) points lie in each of (N, 4) boxes: (N, P) bool."""
    low, high = boxes[:, tf.newaxis, :2], boxes[:, tf.newaxis, 2:]
    return tf.reduce_all((points >= low) & (points <= high), axis=-1)


def _visible_share(boxes: tf.Tensor, transforms: Sequence[Transform], extent: tf.Tensor) -> tf.Tensor:
    """Say which share of each box is still in the picture, by a grid of points in it: (N,) float32."""
    steps = (tf.range(PROBES, dtype=tf.float32) + 0.5) / PROBES
    y, x = tf.meshgrid(steps, steps, indexing="ij")
    probes = _along(boxes, tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1])], axis=-1))
    moved = move(transforms, tf.reshape(probes, (-1, 2)))
    inside = tf.reduce_all((moved >= 0) & (moved <= extent), axis=-1)
    return tf.reduce_mean(tf.cast(tf.reshape(inside, (-1, PROBES**2)), tf.float32), axis=-1)


def _is_mirrored(transforms: Sequence[Transform]) -> tf.Tensor:
    """Tell whether a chain turns left into right."""
    signs = [tf.sign(tf.linalg.det(each.matrix)) for each in transforms if isinstance(each, Affine)]
    return tf.reduce_prod(tf.stack(signs)) < 0
