"""What a region proposal network proposes: the best of its boxes, and none twice."""

import keras
from keras import ops

from kerascnn.ops.boxes import clip_boxes, decode_deltas
from kerascnn.ops.candidates import KeptBoxes
from kerascnn.ops.nms import non_max_suppression

NO_SCORE = -1e30  # of a box that is too small; logits are greater


def propose_regions(
    logits: keras.KerasTensor,
    deltas: keras.KerasTensor,
    anchors: keras.KerasTensor,
    image_size: tuple[int, int],
    *,
    least_side: float = 16.0,
    iou_threshold: float = 0.7,
    max_candidates: int | None = 6000,
    max_proposals: int = 300,
) -> KeptBoxes:
    """Turn the answers to anchors into boxes, and keep the surest that do not overlap a surer one too much.

    No gradient flows through it: proposals are where the second stage looks, not what it learns.

    Args:
        logits: (B, N), that there is an object.
        deltas: (B, N, 4), see `decode_deltas`.
        anchors: (N, 4), x1, y1, x2, y2 in pixels, see `anchor_boxes`.
        image_size: (height, width) of the picture in pixels, to which boxes are cut.
        least_side: boxes with a shorter side, when they are cut, are left out.
        iou_threshold: see `non_max_suppression`.
        max_candidates: so many of the surest boxes come to the suppression; None takes all.
        max_proposals: so many are left at most.

    Returns:
        (B, max_proposals, ...), the surest first, whose scores are logits; padding is zeros.

    Raises:
        ValueError: for a side below 0, or see `non_max_suppression`.

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.3; 6,000 boxes before suppression and 300 after it
        are those of its published code in testing, 12,000 and 2,000 in training.
    """
    if least_side < 0:
        raise ValueError(f"least_side must not be negative. Received: least_side={least_side}.")
    boxes = clip_boxes(decode_deltas(deltas, anchors), image_size)
    sides = boxes[..., 2:] - boxes[..., :2]
    scores = ops.where(ops.all(sides >= least_side, axis=-1), logits, NO_SCORE)
    return non_max_suppression(
        ops.stop_gradient(boxes),
        ops.stop_gradient(scores),
        iou_threshold=iou_threshold,
        score_threshold=NO_SCORE,
        max_detections=max_proposals,
        max_candidates=max_candidates,
    )
