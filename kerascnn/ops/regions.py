"""How the two stages of a detector say what they found: the layout of their outputs, and the boxes in it.

The first stage gives each anchor a row of 9 numbers: the logit that there is an object, the four deltas that turn the
anchor into its box, and x1, y1, x2, y2 of the anchor in pixels.

The second stage gives each proposal a row of 5 C + 5: the logits of the C classes and of the background; four deltas
for each class; and x1, y1, x2, y2 of the proposal in pixels. Rows of proposals without an area are padding.

So a loss, and whoever decodes, needs to know nothing but the outputs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import ops

from kerascnn.ops.boxes import box_area, decode_deltas

REGION = 9
CANONICAL_SIDE, CANONICAL_STRIDE = 224, 16  # objects as large as ImageNet's pictures have the map of this stride
VARIANCES = (0.1, 0.1, 0.2, 0.2)  # of the second stage's deltas, see `kerascnn.ops.encode_deltas`


class Regions(NamedTuple):
    """What the first stage says of N anchors.

    Attributes:
        logits: (B, N), that there is an object.
        deltas: (B, N, 4), from the anchors to the boxes.
        anchors: (B, N, 4), x1, y1, x2, y2 in pixels.
    """

    logits: keras.KerasTensor
    deltas: keras.KerasTensor
    anchors: keras.KerasTensor


class RegionClasses(NamedTuple):
    """What the second stage says of R proposals.

    Attributes:
        logits: (B, R, C + 1), of the classes and, in the last place, the background.
        deltas: (B, R, C, 4), from the proposals to the boxes of each class, in units of `VARIANCES`.
        proposals: (B, R, 4), x1, y1, x2, y2 in pixels.
    """

    logits: keras.KerasTensor
    deltas: keras.KerasTensor
    proposals: keras.KerasTensor


def split_regions(outputs: keras.KerasTensor) -> Regions:
    """Divide the output (B, N, 9) of the first stage into its parts.

    Raises:
        ValueError: for another shape.
    """
    if len(outputs.shape) != 3 or outputs.shape[-1] != REGION:
        raise ValueError(f"Regions must be (B, N, {REGION}). Received: the shape {tuple(outputs.shape)}.")
    return Regions(outputs[..., 0], outputs[..., 1:5], outputs[..., 5:])


def split_region_classes(outputs: keras.KerasTensor) -> RegionClasses:
    """Divide the output (B, R, 5 C + 5) of the second stage into its parts.

    Raises:
        ValueError: for another shape.
    """
    width = outputs.shape[-1]
    if len(outputs.shape) != 3 or width < 10 or width % 5:
        raise ValueError(f"The classes of regions must be (B, R, 5 C + 5). Received: the shape {tuple(outputs.shape)}.")
    classes = width // 5 - 1
    deltas = ops.reshape(outputs[..., classes + 1 : -4], (*ops.shape(outputs)[:2], classes, 4))
    return RegionClasses(outputs[..., : classes + 1], deltas, outputs[..., -4:])


def decode_regions(outputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Give the boxes (B, N, 4), x1, y1, x2, y2 in pixels, of the first stage, and their logits (B, N)."""
    logits, deltas, anchors = split_regions(outputs)
    return decode_deltas(deltas, anchors), logits


def decode_region_classes(
    outputs: keras.KerasTensor,
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Give what a suppression chooses the detections from: a box of each class of each proposal.

    Args:
        outputs: (B, R, 5 C + 5) of the second stage.

    Returns:
        Boxes (B, R C, 4), x1, y1, x2, y2 in pixels, which may leave the picture; their probabilities (B, R C), which
        are 0 for padding; and their classes (B, R C) int32.

    Raises:
        ValueError: for another shape.
    """
    logits, deltas, proposals = split_region_classes(outputs)
    boxes = decode_deltas(deltas, ops.expand_dims(proposals, 2), variances=VARIANCES)
    is_region = ops.all(proposals[..., 2:] > proposals[..., :2], axis=-1, keepdims=True)
    scores = ops.where(is_region, ops.softmax(logits)[..., :-1], 0.0)  # (B, R, C)
    class_ids = ops.zeros_like(scores, "int32") + ops.arange(deltas.shape[2], dtype="int32")
    batch_size, regions, classes = ops.shape(scores)
    flat = (batch_size, regions * classes)
    return ops.reshape(boxes, (*flat, 4)), ops.reshape(scores, flat), ops.reshape(class_ids, flat)


def pyramid_level(boxes: keras.KerasTensor, strides: Sequence[int]) -> keras.KerasTensor:
    """Say which level of a feature pyramid each region is pooled from: larger regions from coarser maps.

    Args:
        boxes: (..., 4), x1, y1, x2, y2 in pixels.
        strides: of the levels, rising, each twice the one before.

    Returns:
        (...) int32, numbers of levels from 0.

    Reference:
        Lin et al. 2017, "Feature Pyramid Networks for Object Detection", arXiv:1612.03144, equation 1.
    """
    sides = ops.sqrt(ops.maximum(box_area(boxes), 1.0))
    # A floor of logarithms, without their rounding: a region belongs to all levels up to its own.
    least = [CANONICAL_SIDE * stride / CANONICAL_STRIDE for stride in strides[1:]]
    return sum((ops.cast(sides >= side, "int32") for side in least), ops.zeros_like(sides, "int32"))
