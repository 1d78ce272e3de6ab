"""Non-max suppression on a phone: TFLite's own operation in the place of `keras.ops`.

The loops of `kerascnn.ops.non_max_suppression` convert too, each into a graph of its own, but MediaPipe opens files of
one graph only. What is ranked before the choice, and what is given back of it, is the same code for both.
"""

import keras
import numpy as np
import tensorflow as tf

from kerascnn.layers import NonMaxSuppression
from kerascnn.ops.candidates import NEVER, Candidates, gather, rank


def with_builtin_suppression(model: keras.Model) -> keras.Model:
    """Let TFLite's operation suppress in a model.

    Args:
        model: a functional model; it is left as it is.

    Returns:
        A copy that takes one picture only, in which each `NonMaxSuppression` chooses with `NON_MAX_SUPPRESSION_V4`; the
        model itself, if it has none.
    """
    if not any(isinstance(layer, NonMaxSuppression) for layer in model.layers):
        return model

    def clone(layer: keras.Operation) -> keras.Operation:
        kind = _BuiltinSuppression if isinstance(layer, NonMaxSuppression) else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


class _BuiltinSuppression(NonMaxSuppression):
    """The same, of one picture: boxes (1, N, 4) and scores (1, N) or (1, N, classes)."""

    def call(self, boxes: tf.Tensor, scores: tf.Tensor, class_ids: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        options = self.suppression
        candidates = rank(boxes, scores, class_ids, options["score_threshold"], options["max_candidates"])
        chosen = _choose(candidates, options["iou_threshold"], options["max_detections"])
        candidates = candidates.pad(1)
        return candidates.keep(chosen, gather(candidates.scores, chosen), (1,))._asdict()


def _choose(candidates: Candidates, iou_threshold: float, max_detections: int) -> tf.Tensor:
    """Give the places in the ranking of what is kept, (1, D) and rising; padding is the number of candidates.

    The operation knows no classes. So those of each class are moved to a place of their own, in a square of copies of
    the picture: in a row of them coordinates would grow, and so would their rounding.
    """
    rows, usable = candidates.rows[0], candidates.scores[0] > NEVER
    boxes = tf.where(usable[:, tf.newaxis], rows[:, :4], 0.0)  # what must not be chosen may be infinite
    if rows.shape[-1] == 5:
        side = tf.math.ceil(tf.sqrt(tf.reduce_max(rows[:, 4]) + 1))
        shift = tf.stack([rows[:, 4] % side, rows[:, 4] // side], axis=-1) * _span(boxes)
        boxes += tf.tile(shift, (1, 2))
    places = tf.range(tf.size(usable))
    chosen, count = tf.raw_ops.NonMaxSuppressionV4(
        boxes=_set_apart(boxes, iou_threshold == 1),
        # Of equal scores, TFLite would take any; the places are different.
        scores=tf.where(usable, -tf.cast(places, tf.float32), NEVER),
        max_output_size=max_detections,
        iou_threshold=min(np.nextafter(np.float32(iou_threshold), np.float32(1)), 1),  # TFLite drops what reaches it
        score_threshold=np.finfo(np.float32).min,
        pad_to_max_output_size=True,
    )
    return tf.where(tf.range(max_detections) < count, chosen, tf.size(usable))[tf.newaxis]


def _set_apart(boxes: tf.Tensor, all_of_them: bool) -> tf.Tensor:
    """Give boxes (N, 4) without area, or all of them, an area where no other box is.

    TFLite's operation relies on a box to suppress itself, and would choose one that does not again and again.
    """
    sides = tf.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    alone = (tf.reduce_prod(sides, axis=-1, keepdims=True) == 0) | all_of_them
    unit = tf.maximum(_span(boxes), 1)
    starts = tf.reduce_max(boxes) + unit * (1 + 2 * tf.range(tf.shape(boxes)[0], dtype=tf.float32))
    return tf.where(alone, starts[:, tf.newaxis] + unit * [0.0, 0.0, 1.0, 1.0], boxes)


def _span(boxes: tf.Tensor) -> tf.Tensor:
    """Give the difference between the largest and the smallest coordinate."""
    return tf.reduce_max(boxes) - tf.reduce_min(boxes)
