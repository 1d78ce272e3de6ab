"""Which boxes of a two-stage detector are of which object, which are background, and which of them are learned from."""

import keras
from keras import ops

from kerascnn.ops.iou import pairwise_iou

Tensor = keras.KerasTensor
BACKGROUND, IGNORED = -1, -2


def match_boxes(
    rows: Tensor,
    boxes: Tensor,
    *,
    object_iou: float,
    background_iou: tuple[float, float],
    best_of_object: bool = False,
) -> Tensor:
    """Give each box the object that it overlaps most.

    Args:
        rows: (B, M, 5), x1, y1, x2, y2 in pixels, class; class -1 is padding. M may be 0.
        boxes: (B, N, 4), N at least 1. Boxes without an area are ignored.
        object_iou: with at least this IoU a box is its object's.
        background_iou: with an IoU from the first to below the second number a box is background; with any other it is
            ignored.
        best_of_object: whether an object also has the boxes that overlap it most, however little, so that none is left
            without.

    Returns:
        (B, N) int32: the row of the object, `BACKGROUND` or `IGNORED`.

    Raises:
        ValueError: for thresholds that are not in 0..1, or do not rise.

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.1.2: 0.7, (0, 0.3), with the best of an object;
        Girshick 2015, "Fast R-CNN", arXiv:1504.08083, section 2.3: 0.5, (0.1, 0.5).
    """
    low, high = background_iou
    if not 0 <= low < high <= object_iou <= 1:
        raise ValueError(
            "The thresholds must rise, in 0..1: of the background, and of an object. "
            f"Received: background_iou={background_iou}, object_iou={object_iou}."
        )
    rows = ops.pad(rows, [[0, 0], [0, 1], [0, 0]], constant_values=-1)  # there is always one, if only of padding
    is_object = ops.expand_dims(rows[..., 4] >= 0, 1)  # (B, 1, M)
    overlaps = ops.where(is_object, pairwise_iou(boxes, rows[..., :4]), 0.0)  # (B, N, M)
    greatest, objects = ops.max(overlaps, axis=-1), ops.cast(ops.argmax(overlaps, axis=-1), "int32")
    background = ops.where((greatest >= low) & (greatest < high), BACKGROUND, IGNORED)
    matched = ops.where(greatest >= object_iou, objects, background)
    if best_of_object:
        best = (overlaps > 0) & (overlaps >= ops.max(overlaps, axis=1, keepdims=True))
        chosen = ops.cast(ops.argmax(ops.where(best, overlaps, 0.0), axis=-1), "int32")
        matched = ops.where(ops.any(best, axis=-1) & (matched < 0), chosen, matched)
    return ops.where(ops.all(boxes[..., 2:] > boxes[..., :2], axis=-1), matched, IGNORED)


def sample_matches(matches: Tensor, noise: Tensor, *, count: int, object_share: float) -> Tensor:
    """Choose the boxes that a picture is learned from: objects up to a share of them, and background for the rest.

    Args:
        matches: (B, N), of `match_boxes`.
        noise: (B, N), drawn at random, by which they are chosen; where it is the same, so is the choice.
        count: of boxes; fewer are chosen where there are not as many.
        object_share: of objects, at most, in 0..1.

    Returns:
        (B, N) booleans.

    Raises:
        ValueError: for a count below 1, or a share that is not in 0..1.

    Reference:
        Ren et al. 2015, "Faster R-CNN", section 3.1.3: 256, half of them; Girshick 2015, "Fast R-CNN", section 2.3:
        64 of a picture, a quarter of them.
    """
    if count < 1 or not 0 <= object_share <= 1:
        raise ValueError(
            f"count must be at least 1, object_share in 0..1. Received: count={count}, object_share={object_share}."
        )
    objects = _first(matches >= 0, noise, int(count * object_share))
    rest = count - ops.sum(ops.cast(objects, "int32"), axis=-1, keepdims=True)
    return objects | _first(matches == BACKGROUND, noise, rest)


def _first(wanted: Tensor, noise: Tensor, count: int | Tensor) -> Tensor:
    """Choose up to so many of those that are wanted, in the order of the noise: (B, N) booleans."""
    order = ops.argsort(ops.where(wanted, noise, float("inf")), axis=-1)
    place = ops.argsort(order, axis=-1)  # of each in the order
    return wanted & (place < count)
