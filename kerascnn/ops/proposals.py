"""The boxes that a region proposal network gives, on their way to a suppression."""

import keras
from keras import ops

from kerascnn.ops.boxes import clip_boxes
from kerascnn.ops.candidates import NEVER
from kerascnn.ops.regions import decode_regions

NO_SCORE = -1e30  # below any logit that a network gives, and above `NEVER`


def proposal_candidates(
    regions: keras.KerasTensor, image_size: tuple[int, int], *, least_side: float = 16.0
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Turn the answers to anchors into the boxes that a suppression chooses the proposals from.

    No gradient flows through it: proposals are where the second stage looks, not what it learns.

    Args:
        regions: (B, N, 9), see `kerascnn.ops.regions`.
        image_size: (height, width) of the picture in pixels, to which boxes are cut.
        least_side: boxes with a shorter side, when they are cut, are left out.

    Returns:
        Boxes (B, N, 4), x1, y1, x2, y2 in pixels, and their scores (B, N), logits; those of boxes that are left out
        are never chosen by `kerascnn.ops.non_max_suppression`, if its threshold is `NO_SCORE`.

    Raises:
        ValueError: for a side below 0, or regions of another shape.

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, section 3.3, whose published code leaves out sides below 16.
    """
    if least_side < 0:
        raise ValueError(f"least_side must not be negative. Received: least_side={least_side}.")
    boxes, logits = decode_regions(regions)
    boxes = clip_boxes(boxes, image_size)
    is_large = ops.all(boxes[..., 2:] - boxes[..., :2] >= least_side, axis=-1)
    return ops.stop_gradient(boxes), ops.stop_gradient(ops.where(is_large, logits, NEVER))
