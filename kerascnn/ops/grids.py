"""What the grids of a detector predict: a box, an objectness and classes for each anchor of each cell.

A network gives all predictions of all grids in one tensor (B, N, 5 + C + 5). A row holds x1, y1, x2, y2 in pixels; the
logit of the objectness; C class logits; and where the prediction stands: the column and the row of its cell, the
stride of its grid, the width and the height of its anchor in pixels. With the latter in it, losses, metrics and
decoding need to know nothing of the grids, and a picture may have any size.
"""

from typing import NamedTuple

import keras
from keras import ops

from kerascnn.ops.boxes import SCALE_CLAMP, cxcywh_to_xyxy, xyxy_to_cxcywh

PLACE = 5  # numbers that say where a prediction stands
FORMS = ("sigmoid", "linear")
EPSILON = 1e-6  # least distance of a centre from the border of its cell, where the offset would be infinite


class Places(NamedTuple):
    """Where predictions stand.

    Attributes:
        cells: (..., N, 2), column and row.
        strides: (..., N, 1), pixels of a cell's side.
        anchors: (..., N, 2), width and height in pixels.
    """

    cells: keras.KerasTensor
    strides: keras.KerasTensor
    anchors: keras.KerasTensor


class Predictions(NamedTuple):
    """The parts of a network's predictions.

    Attributes:
        boxes: (B, N, 4), x1, y1, x2, y2 in pixels, which may leave the picture.
        objectness: (B, N), logits.
        classes: (B, N, C), logits.
        places: where they stand, of the first picture as of all others: (N, ...).
    """

    boxes: keras.KerasTensor
    objectness: keras.KerasTensor
    classes: keras.KerasTensor
    places: Places


def split_predictions(outputs: keras.KerasTensor) -> Predictions:
    """Take the predictions (B, N, 5 + C + 5) of a network apart.

    Raises:
        ValueError: for another shape.
    """
    if len(outputs.shape) != 3 or outputs.shape[-1] < 6 + PLACE:
        raise ValueError(f"Predictions must be (B, N, 5 + classes + {PLACE}). Received: {tuple(outputs.shape)}.")
    place = ops.stop_gradient(outputs[0, :, -PLACE:])
    places = Places(place[:, :2], place[:, 2:3], place[:, 3:])
    return Predictions(outputs[..., :4], outputs[..., 4], outputs[..., 5:-PLACE], places)


def boxes_and_scores(outputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Give the boxes (B, N, 4) of a network's predictions, and the probability (B, N, C) of each class in each."""
    scores = ops.sigmoid(outputs[..., 4:5]) * ops.sigmoid(outputs[..., 5:-PLACE])
    return outputs[..., :4], scores


def decode_offsets(offsets: keras.KerasTensor, places: Places, *, form: str = "sigmoid") -> keras.KerasTensor:
    """Turn a network's t_x, t_y, t_w, t_h into boxes.

    A side is the anchor's times e^t, up to 1000 / 16 times it, so that an untrained network gives no infinite boxes.

    Args:
        offsets: (..., N, 4).
        places: of the predictions.
        form: the centre is `sigmoid`, in its cell, at sigmoid(t) of its sides, as in YOLOv2; or `linear`, at t strides
            from the middle of its cell, wherever that is.

    Returns:
        (..., N, 4), x1, y1, x2, y2 in pixels.

    Raises:
        ValueError: for an unknown form.

    Reference:
        Redmon and Farhadi 2016, "YOLO9000", arXiv:1612.08242, section 2, "Direct location prediction"; the linear form
        is that of Ge et al. 2021, "YOLOX", arXiv:2107.08430, section 2.1.
    """
    check_form(form)
    shifts = ops.sigmoid(offsets[..., :2]) if form == "sigmoid" else offsets[..., :2] + 0.5
    sides = places.anchors * ops.exp(ops.minimum(offsets[..., 2:], SCALE_CLAMP))
    return cxcywh_to_xyxy(ops.concatenate([(places.cells + shifts) * places.strides, sides], axis=-1))


def encode_boxes(boxes: keras.KerasTensor, places: Places, *, form: str = "sigmoid") -> keras.KerasTensor:
    """Compute the offsets that `decode_offsets` turns into boxes.

    Args:
        boxes: (..., N, 4), x1, y1, x2, y2 in pixels, with an area; in the sigmoid form, each with its centre in the
            cell of its place.
        places: of the predictions.
        form: see `decode_offsets`.

    Returns:
        (..., N, 4).

    Raises:
        ValueError: for an unknown form.
    """
    check_form(form)
    boxes = xyxy_to_cxcywh(boxes)
    shifts = boxes[..., :2] / places.strides - places.cells
    if form == "sigmoid":
        shifts = ops.clip(shifts, EPSILON, 1 - EPSILON)
        shifts = ops.log(shifts) - ops.log(1 - shifts)
    else:
        shifts = shifts - 0.5
    sides = ops.log(ops.maximum(boxes[..., 2:], EPSILON) / places.anchors)
    return ops.concatenate([shifts, sides], axis=-1)


def check_form(form: str) -> None:
    """Refuse an unknown form of offsets.

    Raises:
        ValueError: for it.
    """
    if form not in FORMS:
        raise ValueError(f"form must be {' or '.join(FORMS)}. Received: form={form!r}.")
