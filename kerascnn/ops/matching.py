"""Which boxes of a two-stage detector are of which object, which are background, and how much each counts."""

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
        best_of_object: whether an object also has the boxes that overlap it most, however little; unless such a box is
            another object's by `object_iou`.

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


def sampling_weights(matches: Tensor, *, count: int, object_share: float) -> Tensor:
    """Weigh the boxes that a picture is learned from by the probability that each would be drawn into a sample of them.

    The papers draw it anew in every step: objects up to a share of it, and background for the rest. A loss with these
    weights is what theirs is on average, without the noise of the draw.

    Args:
        matches: (B, N), of `match_boxes`.
        count: of boxes; fewer are drawn where there are not as many.
        object_share: of objects, at most, in 0..1.

    Returns:
        (B, N) float32, in 0..1; their sum is the number of boxes that are drawn.

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
    objects, background = (ops.cast(each, "float32") for each in (matches >= 0, matches == BACKGROUND))
    num_objects, num_background = (ops.sum(each, axis=-1, keepdims=True) for each in (objects, background))
    drawn_objects = ops.minimum(num_objects, int(count * object_share + 1e-9))
    drawn_background = ops.minimum(num_background, count - drawn_objects)
    return objects * ops.divide_no_nan(drawn_objects, num_objects) + background * ops.divide_no_nan(
        drawn_background, num_background
    )
