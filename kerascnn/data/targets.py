"""Annotations in the form that losses and metrics take: one tensor of rows for all things of a picture."""

import tensorflow as tf

from kerascnn.data.sample import PADDING


def add_rows(sample: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Add the rows that a task takes its targets from.

    Args:
        sample: see `kerascnn.data.sample`; in a graph or eagerly.

    Returns:
        The sample. One with boxes has `objects` (N, 5) float32 too: x1, y1, x2, y2, class, the largest first, padding
        of class -1 last. One with landmarks has `points` (K, 3) float32 too: x, y, visibility, which is 1 where the
        sample does not say it. One with a mask has `pixels` too: the mask, or (H, W, 2) float32, class and weight.
    """
    rows = dict(sample)
    if "boxes" in sample:
        rows["objects"] = _object_rows(sample["boxes"], sample["class_ids"])
    if "landmarks" in sample:
        visibility = sample.get("visibility", tf.ones(tf.shape(sample["landmarks"])[:1], tf.int32))
        points = [sample["landmarks"], tf.cast(visibility, tf.float32)[:, tf.newaxis]]
        rows["points"] = tf.concat(points, axis=-1)
    if "mask" in sample:
        weights = [sample["pixel_weights"]] if "pixel_weights" in sample else []
        pixels = [tf.cast(sample["mask"], tf.float32), *weights]
        rows["pixels"] = tf.stack(pixels, axis=-1) if weights else sample["mask"]
    return rows


def _object_rows(boxes: tf.Tensor, class_ids: tf.Tensor) -> tf.Tensor:
    areas = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    order = tf.argsort(tf.where(class_ids == PADDING, -1.0, areas), direction="DESCENDING", stable=True)
    rows = tf.concat([boxes, tf.cast(class_ids, tf.float32)[:, tf.newaxis]], axis=-1)
    return tf.gather(rows, order)
