"""Non-max suppression: of boxes that lie over each other, only the one with the highest score is kept.

Shapes are fixed and operations plain, so that it can be batched, compiled, and converted to TFLite with builtin
operations only. The soft form, which lowers scores instead, is in `soft_nms.py`.
"""

import numbers

import keras
import numpy as np
from keras import ops

from kerascnn.ops.boxes import as_boxes
from kerascnn.ops.candidates import NEVER, Candidates, KeptBoxes, gather, overlap, rank

# How many candidates are looked at, and of those settled, at once. Large numbers suit crowds of boxes, small ones boxes
# that are spread; these were the fastest for 10,000 of both kinds on a processor.
BLOCK, ROUND = 256, 64


def non_max_suppression(
    boxes: keras.KerasTensor,
    scores: keras.KerasTensor,
    *,
    class_ids: keras.KerasTensor | None = None,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.6,
    max_detections: int = 100,
    max_candidates: int | None = None,
) -> KeptBoxes:
    """Keep the box with the highest score, drop those that overlap it too much, and go on with what is left.

    Each class is suppressed by itself. Classes are those of the boxes, `class_ids`, or each box has a score for every
    class and counts once for each. Of equal scores the first box wins. Never chosen are scores that are NaN, boxes with
    a coordinate that is not finite, and boxes of class -1, which are padding. Boxes without area suppress nothing.

    Gradients flow into the boxes and the scores that are kept, not into the choice. Call it in what is compiled, a
    `tf.function`, a `jax.jit` or the `call` of a layer: step by step it takes many times as long.

    Args:
        boxes: (..., N, 4), x1, y1, x2, y2, computed in float32.
        scores: (..., N), or (..., N, classes) without class_ids.
        class_ids: (..., N) integers below 2^24.
        iou_threshold: a box is dropped if its IoU with a better one is greater, in 0..1.
        score_threshold: boxes are discarded whose score is not greater.
        max_detections: D, the most boxes to keep, of all classes together.
        max_candidates: consider only so many of the highest scores; None considers all.

    Returns:
        What is kept of each picture, with padding up to D.

    Raises:
        ValueError: for shapes that do not belong together, or an option out of range.

    Example:
        >>> boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]
        >>> non_max_suppression(boxes, [0.7, 0.9, 0.8], max_detections=3).indices
        [1, 2, -1]
    """
    check_options(iou_threshold, max_detections, max_candidates)
    boxes = as_boxes(boxes)
    candidates = rank(boxes, scores, class_ids, score_threshold, max_candidates).pad(BLOCK)
    chosen = _choose(Candidates(*map(ops.stop_gradient, candidates)), iou_threshold, max_detections)
    return candidates.keep(chosen, gather(candidates.scores, chosen), ops.shape(boxes)[:-2])


def check_options(iou_threshold: float, max_detections: int, max_candidates: int | None) -> None:
    """Refuse thresholds and numbers out of range."""
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold must lie in 0..1. Received: iou_threshold={iou_threshold}.")
    for name, value in (("max_detections", max_detections), ("max_candidates", max_candidates)):
        if value is not None and not (isinstance(value, numbers.Integral) and value >= 1):
            raise ValueError(f"{name} must be a whole number of at least 1. Received: {name}={value!r}.")


def _choose(candidates, iou_threshold, max_detections):
    """Give the places in the ranking of what is kept, (B, D) and rising; padding is the number of candidates.

    A block is first suppressed by what was chosen before it. Then the best of what is left are settled among themselves
    and suppress the rest, round by round. Each candidate thus meets only those that are kept, and many at once. The
    candidates are padded with BLOCK of them, which have no area and so suppress nothing.
    """
    rows, scores, _ = candidates
    batch_size, end = ops.shape(scores)[0], ops.shape(scores)[1] - BLOCK
    width = -(-max_detections // ROUND) * ROUND  # of `chosen`, which is looked through by rounds

    def is_free(some, places):
        """Tell of rows (B, N, ...) whether none of the candidates at places (B, M) suppresses them: (B, N)."""
        return ops.max(overlap(some, gather(rows, places)), axis=-1) <= iou_threshold

    def lacks(chosen):
        return chosen[:, max_detections - 1 : max_detections] >= end  # (B, 1)

    def choose_of_block(start, chosen):
        places = start + ops.arange(BLOCK, dtype="int32")
        block, alive = ops.take(rows, places, axis=1), ops.take(scores, places, axis=1) > NEVER

        def suppress_by_chosen(first, alive):
            return first + ROUND, alive & is_free(block, ops.slice(chosen, (0, first), (batch_size, ROUND)))

        def choose_of_best(alive, chosen):
            best = ops.sort(ops.where(alive, places, end), axis=1)[:, :ROUND]
            kept = ops.where(_keep_in_order(gather(rows, best), best < end, iou_threshold), best, end)
            alive = alive & (places > best[:, -1:]) & is_free(block, kept)
            return alive, ops.sort(ops.concatenate([chosen, kept], axis=1), axis=1)[:, :width]

        most = ops.max(ops.sum(ops.cast(chosen < end, "int32"), axis=1))
        _, alive = ops.while_loop(lambda first, _: first < most, suppress_by_chosen, (0, alive))
        _, chosen = ops.while_loop(lambda a, c: ops.any(a & lacks(c)), choose_of_best, (alive, chosen))
        return start + BLOCK, chosen

    def has_more(start, chosen):
        return ops.any(lacks(chosen) & (ops.take(scores, [start], axis=1) > NEVER))

    nothing = ops.full((batch_size, width), end, dtype="int32")
    _, chosen = ops.while_loop(has_more, choose_of_block, (0, nothing))
    return chosen[:, :max_detections]


def _keep_in_order(rows, usable, iou_threshold):
    """Tell which of rows (B, M, ...), the best first, are kept if only they are there: (B, M).

    A row is kept if no kept row before it suppresses it. Said of all rows at once, again and again, this comes true
    from the first row on, mostly after a few turns.
    """
    earlier = np.triu(np.ones((ROUND, ROUND), "float32"), 1)  # [i, j]: i is before j
    suppresses = ops.cast(overlap(rows, rows) > iou_threshold, "float32") * earlier

    def revise(kept, _):
        suppressors = ops.matmul(ops.expand_dims(ops.cast(kept, "float32"), 1), suppresses)  # (B, 1, M) numbers of them
        revised = usable & (ops.squeeze(suppressors, 1) == 0)
        return revised, ops.any(revised != kept)

    return ops.while_loop(lambda _, changed: changed, revise, (usable, True))[0]
