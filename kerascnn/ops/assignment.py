"""Which prediction of a detector answers for which object: what its loss decides for each picture."""

import keras
from keras import ops

from kerascnn.ops.grids import Places, Predictions
from kerascnn.ops.iou import pairwise_iou

NONE = -1  # the object of a prediction that answers for none
FALLBACKS = 9  # anchors of a cell, over all grids, that an object may fall back to
ALIGNED = 10  # predictions that answer for an object
SCORE_POWER, IOU_POWER = 0.5, 6.0


def assign_by_anchor(rows: keras.KerasTensor, places: Places) -> keras.KerasTensor:
    """Give each object to the cell that its centre lies in, and there to the anchor whose shape is most like its own.

    Of all grids it is the best anchor. Where two objects want the same one, the more similar gets it, and the other
    takes the best that is left of the nine most similar in its cells. One that finds none is given to nobody.

    Args:
        rows: (B, M, 5), x1, y1, x2, y2 in pixels, class; class -1 is padding.
        places: of the N predictions, (N, ...).

    Returns:
        (B, N) int32, the row of the object that each prediction answers for; -1 for none.

    Reference:
        Redmon and Farhadi 2018, "YOLOv3", arXiv:1804.02767, section 2.1; the course's notes on anchor boxes.
    """
    sizes = rows[..., 2:4] - rows[..., :2]
    similarity = ops.where(_has_center(rows, places) & _is_object(rows), _shape_iou(sizes, places.anchors), NONE)
    number = min(FALLBACKS, similarity.shape[-1] or FALLBACKS)
    similarity, candidates = ops.top_k(similarity, number)  # (B, M, K) each
    return _invert(_settle(similarity, ops.cast(candidates, "int32")), ops.shape(places.cells)[0])


def assign_by_alignment(rows: keras.KerasTensor, predictions: Predictions) -> tuple[keras.KerasTensor, ...]:
    """Give each object to the ten predictions that answer for it best already, among those whose cells are its own.

    The middle of the cell must lie in the object, or the object's centre in the cell, as one smaller than a cell needs.

    How well is score^0.5 IoU^6. A prediction that several objects want answers for the one that it overlaps most.

    Args:
        rows: (B, M, 5), x1, y1, x2, y2 in pixels, class; class -1 is padding.
        predictions: of a network.

    Returns:
        (B, N) int32, the row of the object that each prediction answers for; -1 for none. And (B, N) float32, the
        objectness that it should have: how well it answers, scaled so that the best one for an object has the greatest
        IoU of those that answer for it.

    Reference:
        Feng et al. 2021, "TOOD: Task-aligned One-stage Object Detection", arXiv:2108.07755, section 3.2, where the
        score is not rooted and thirteen answer.
    """
    overlaps = pairwise_iou(rows[..., :4], predictions.boxes)  # (B, M, N)
    inside = (_contains(rows, predictions.places) | _has_center(rows, predictions.places)) & _is_object(rows)
    alignment = ops.where(inside, _scores(rows, predictions) ** SCORE_POWER * overlaps**IOU_POWER, 0.0)
    number = min(ALIGNED, alignment.shape[-1] or ALIGNED)
    least = ops.top_k(alignment, number)[0][..., -1:]
    wanted = (alignment > 0) & (alignment >= least)
    objects = ops.argmax(ops.where(wanted, overlaps, -1.0), axis=1)  # (B, N)
    mine = wanted & (ops.expand_dims(objects, 1) == ops.reshape(ops.arange(ops.shape(rows)[1]), (1, -1, 1)))
    alignment, overlaps = ops.where(mine, alignment, 0.0), ops.where(mine, overlaps, 0.0)
    best = ops.divide_no_nan(alignment, ops.max(alignment, axis=-1, keepdims=True))
    quality = ops.max(best * ops.max(overlaps, axis=-1, keepdims=True), axis=1)
    return ops.where(ops.any(mine, axis=1), ops.cast(objects, "int32"), NONE), quality


def _is_object(rows: keras.KerasTensor) -> keras.KerasTensor:
    """Tell which rows are objects with an area, (B, M, 1)."""
    return ops.expand_dims((rows[..., 4] >= 0) & ops.all(rows[..., 2:4] > rows[..., :2], axis=-1), -1)


def _shape_iou(sizes: keras.KerasTensor, anchors: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the IoU (B, M, N) of sizes (B, M, 2) and anchors (N, 2) with a common centre."""
    intersection = ops.prod(ops.minimum(ops.expand_dims(sizes, 2), anchors), axis=-1)
    union = ops.expand_dims(ops.prod(sizes, axis=-1), -1) + ops.prod(anchors, axis=-1) - intersection
    return ops.divide_no_nan(intersection, union)


def _settle(similarity: keras.KerasTensor, candidates: keras.KerasTensor) -> keras.KerasTensor:
    """Let objects choose one of their candidates (B, M, K) in turns: (B, M) int32, -1 for those that got none.

    In a turn each object that has none asks for its best candidate that is free. Of those that ask for the same one,
    the most similar object gets it, the first of equal ones.
    """
    order = ops.arange(ops.shape(similarity)[1])
    is_earlier = ops.expand_dims(order, 0) < ops.expand_dims(order, 1)  # [i, j]: j is before i

    def asks(similarity, chosen):
        return (chosen == NONE) & ops.any(similarity >= 0, axis=-1)

    def take_turn(similarity, chosen):
        best = ops.argmax(similarity, axis=-1)
        quality = ops.max(similarity, axis=-1)
        wish = ops.squeeze(ops.take_along_axis(candidates, ops.expand_dims(best, -1), axis=-1), -1)
        wish = ops.where(asks(similarity, chosen), wish, NONE)
        mine, theirs = ops.expand_dims(quality, 2), ops.expand_dims(quality, 1)
        rival = ops.expand_dims(wish, 2) == ops.expand_dims(wish, 1)
        beaten = ops.any(rival & ((theirs > mine) | ((theirs == mine) & is_earlier)), axis=-1)
        chosen = ops.where((wish != NONE) & ~beaten, wish, chosen)
        taken = ops.any(ops.expand_dims(candidates, -1) == ops.reshape(chosen, (-1, 1, 1, ops.shape(chosen)[1])), -1)
        return ops.where(taken, float(NONE), similarity), chosen

    nothing = ops.full_like(candidates[..., 0], NONE)
    return ops.while_loop(lambda s, c: ops.any(asks(s, c)), take_turn, (similarity, nothing))[1]


def _invert(chosen: keras.KerasTensor, number: int) -> keras.KerasTensor:
    """Turn the prediction of each object (B, M) into the object of each of so many predictions (B, N)."""
    mine = ops.expand_dims(chosen, 1) == ops.reshape(ops.arange(number, dtype="int32"), (1, -1, 1))  # (B, N, M)
    objects = ops.arange(ops.shape(chosen)[1], dtype="int32")
    return ops.max(ops.where(mine, objects, NONE), axis=-1)


def _has_center(rows: keras.KerasTensor, places: Places) -> keras.KerasTensor:
    """Tell the centre of which object lies in which cell, (B, M, N)."""
    centers = ops.expand_dims((rows[..., :2] + rows[..., 2:4]) / 2, 2) / places.strides  # (B, M, N, 2) in cells
    return ops.all(ops.floor(centers) == places.cells, axis=-1)


def _contains(rows: keras.KerasTensor, places: Places) -> keras.KerasTensor:
    """Tell in which boxes the middle of which cell lies, (B, M, N)."""
    centers = (places.cells + 0.5) * places.strides  # (N, 2)
    corners = ops.expand_dims(rows[..., :4], 2)  # (B, M, 1, 4)
    return ops.all((centers > corners[..., :2]) & (centers < corners[..., 2:]), axis=-1)


def _scores(rows: keras.KerasTensor, predictions: Predictions) -> keras.KerasTensor:
    """Compute the score (B, M, N) that each prediction has for the class of each object."""
    number = predictions.classes.shape[-1]
    labels = ops.one_hot(ops.cast(rows[..., 4], "int32"), number, dtype=predictions.classes.dtype)  # (B, M, C)
    probabilities = ops.sigmoid(predictions.classes) * ops.sigmoid(ops.expand_dims(predictions.objectness, -1))
    return ops.matmul(labels, ops.transpose(probabilities, (0, 2, 1)))
