"""Boxes on their way through a suppression: the candidates that it chooses from, and what it keeps."""

import math
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kerascnn.ops.iou import pairwise_iou

NEVER = -np.inf  # the score of what must not be chosen


class KeptBoxes(NamedTuple):
    """The boxes that a suppression keeps, the surest first, filled up with padding to D of them.

    Attributes:
        boxes: (..., D, 4) float32, x1, y1, x2, y2; padding is zeros.
        scores: (..., D) float32, falling; padding is 0.
        class_ids: (..., D) int32, 0 if no classes were given; padding is -1.
        indices: (..., D) int32, which of the boxes given each one is; padding is -1.
        count: (...) int32, how many are not padding.
    """

    boxes: keras.KerasTensor
    scores: keras.KerasTensor
    class_ids: keras.KerasTensor
    indices: keras.KerasTensor
    count: keras.KerasTensor


class Candidates(NamedTuple):
    """What a suppression chooses from, the highest score first; of equal scores, the first box first.

    Attributes:
        rows: (B, N, 4) float32 boxes, or (B, N, 5) with the class of each, if each class is for itself.
        scores: (B, N) float32, `NEVER` for what must not be chosen.
        indices: (B, N) int32, which of the boxes each one is.
    """

    rows: keras.KerasTensor
    scores: keras.KerasTensor
    indices: keras.KerasTensor

    def pad(self, number: int) -> "Candidates":
        """Add candidates without area at the end that are never chosen."""
        return Candidates(
            ops.pad(self.rows, ((0, 0), (0, number), (0, 0))),
            ops.pad(self.scores, ((0, 0), (0, number)), constant_values=NEVER),
            ops.pad(self.indices, ((0, 0), (0, number)), constant_values=-1),
        )

    def keep(self, chosen: keras.KerasTensor, scores: keras.KerasTensor, leading: tuple[int, ...]) -> KeptBoxes:
        """Give what was chosen.

        Args:
            chosen: (B, D) int32, places in the ranking; not less than N in padding, for which `pad` made room.
            scores: (B, D) float32, the final scores.
            leading: dimensions that B stands for.
        """
        kept = gather(self.scores, chosen) > NEVER
        rows, indices = gather(self.rows, chosen), gather(self.indices, chosen)
        class_ids = ops.cast(rows[..., 4], "int32") if rows.shape[-1] == 5 else ops.zeros_like(indices)
        return KeptBoxes(
            boxes=_unflatten(rows[..., :4], leading),
            scores=_unflatten(ops.where(kept, scores, 0), leading),
            class_ids=_unflatten(ops.where(kept, class_ids, -1), leading),
            indices=_unflatten(indices, leading),
            count=_unflatten(ops.sum(ops.cast(kept, "int32"), axis=-1), leading),
        )


def rank(
    boxes: keras.KerasTensor,
    scores: keras.KerasTensor,
    class_ids: keras.KerasTensor | None,
    score_threshold: float,
    max_candidates: int | None,
) -> Candidates:
    """Sort the candidates: see `non_max_suppression` for the arguments, and for what is refused."""
    boxes, scores = ops.cast(boxes, "float32"), ops.cast(scores, "float32")
    class_ids = None if class_ids is None else ops.cast(class_ids, "int32")
    is_multi_label = _check_shapes(boxes, scores, class_ids)
    # With one box more that is never chosen there is always one: JAX cannot take anything from no boxes.
    boxes = ops.pad(_flatten(boxes, 2), ((0, 0), (0, 1), (0, 0)))
    scores = _flatten(scores, 2) if is_multi_label else ops.expand_dims(_flatten(scores, 1), -1)  # (B, N, classes)
    scores = ops.pad(scores, ((0, 0), (0, 1), (0, 0)), constant_values=NEVER)
    usable = ops.all(ops.abs(boxes) < np.inf, axis=-1)  # NaN is not less than anything
    if class_ids is not None:
        class_ids = ops.pad(_flatten(class_ids, 1), ((0, 0), (0, 1)))
        usable = usable & (class_ids >= 0)
    scores = ops.where(ops.expand_dims(usable, -1) & (scores > score_threshold), scores, NEVER)

    batch_size, num_boxes, num_classes = ops.shape(scores)
    scores = ops.reshape(scores, (batch_size, num_boxes * num_classes))
    scores, order = ops.top_k(scores, _smaller(num_boxes * num_classes, max_candidates))
    indices = order // num_classes
    rows = gather(boxes, indices)
    if is_multi_label or class_ids is not None:
        classes = order % num_classes if is_multi_label else gather(class_ids, order)
        rows = ops.concatenate([rows, ops.expand_dims(ops.cast(classes, "float32"), -1)], axis=-1)
    return Candidates(rows, scores, indices)


def overlap(rows: keras.KerasTensor, others: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the IoU of each of N rows with each of M, 0 for those of different classes: (B, N, M)."""
    overlaps = pairwise_iou(rows[..., :4], others[..., :4])
    if rows.shape[-1] == 4:
        return overlaps
    return ops.where(ops.expand_dims(rows[..., 4], 2) == ops.expand_dims(others[..., 4], 1), overlaps, 0.0)


def gather(values: keras.KerasTensor, indices: keras.KerasTensor) -> keras.KerasTensor:
    """Take (B, K, ...) of values (B, N, ...) by indices (B, K)."""
    # `ops.take_along_axis` would move single numbers where this moves whole rows.
    batch_size, number = ops.shape(values)[:2]
    flat = ops.reshape(values, (batch_size * number, *values.shape[2:]))
    starts = ops.arange(batch_size, dtype="int32") * number
    return ops.take(flat, indices + ops.expand_dims(starts, -1), axis=0)


def _check_shapes(boxes, scores, class_ids):
    """Refuse shapes that do not belong together; tells whether the scores are those of each class."""
    boxes, scores = tuple(boxes.shape), tuple(scores.shape)
    class_ids = None if class_ids is None else tuple(class_ids.shape)
    fits = len(boxes) > 1 and len(scores) in (len(boxes) - 1, len(boxes)) and _agree(boxes[:-1], scores)
    is_multi_label = len(scores) == len(boxes)
    if not fits or (class_ids is not None and (is_multi_label or not _agree(scores, class_ids))):
        raise ValueError(
            "boxes must be (..., N, 4) and scores (..., N), with class_ids (..., N) if there are classes, or else "
            f"scores (..., N, classes) without class_ids. Received: boxes {boxes}, scores {scores}, "
            f"class_ids {class_ids}."
        )
    return is_multi_label


def _agree(shape, other):
    """Tell whether two shapes are equal as far as both go and are known."""
    return all(None in sides or len(set(sides)) == 1 for sides in zip(shape, other, strict=False))


def _smaller(number, limit):
    """Give the smaller of two numbers, of which the first is a tensor where it is not known yet."""
    if limit is None:
        return number
    return min(number, limit) if isinstance(number, int) else ops.minimum(number, limit)


def _flatten(values, trailing):
    """Make all dimensions but the last ones one."""
    shape = ops.shape(values)
    return ops.reshape(values, (math.prod(shape[:-trailing]), *shape[-trailing:]))


def _unflatten(values, leading):
    """Undo `_flatten`."""
    return ops.reshape(values, (*leading, *ops.shape(values)[1:]))
