"""The outputs of YOLO's first version: truths encoded as what each cell of a grid should say, outputs decoded to boxes.

A cell says x, y, sqrt(w), sqrt(h): the centre of a box in cells from the cell's upper left corner, and the square roots
of the width and the height as shares of the picture. The paper writes w and h, and that their roots are predicted.

Redmon et al. 2016, "You Only Look Once: Unified, Real-Time Object Detection", arXiv:1506.02640, section 2.
"""

import keras
from keras import ops

from kerascnn.ops.boxes import cxcywh_to_xyxy, to_absolute, to_relative, xyxy_to_cxcywh


def encode_yolo_v1(
    rows: keras.KerasTensor, grid: int, image_size: tuple[int, int], num_classes: int
) -> keras.KerasTensor:
    """Compute what each cell should say: the object whose centre lies in it, of several the first.

    Args:
        rows: (B, M, 5), x1, y1, x2, y2 in pixels and the class, the largest first; class -1 is padding, M may be 0. A
            centre outside of the picture counts in the nearest cell.
        grid: S, rows and columns of cells.
        image_size: (height, width) of the pictures, in pixels.
        num_classes: C.

    Returns:
        (B, S, S, 5 + C), the outputs of one box a cell that decode to these rows: x, y, sqrt(w), sqrt(h), the
        confidence 1, and 1 for the class of the object; all are 0 where there is none.

    Raises:
        ValueError: for rows of another shape.
    """
    rows = ops.convert_to_tensor(rows)
    if len(rows.shape) != 3 or rows.shape[-1] != 5:
        raise ValueError(f"rows must be (B, M, 5). Received: the shape {tuple(rows.shape)}.")
    rows = ops.pad(rows, [[0, 0], [0, 1], [0, 0]], constant_values=-1)  # all of a batch may be without an object
    boxes = xyxy_to_cxcywh(to_relative(rows[..., :4], image_size))  # (B, M, 4)
    centers = grid * boxes[..., :2]
    corners = ops.clip(ops.floor(centers), 0, grid - 1)  # a centre on the picture's edge is in its last cell
    sizes = ops.sqrt(ops.maximum(boxes[..., 2:], 0))
    class_ids = ops.cast(rows[..., 4], "int32")
    known = [centers - corners, sizes, ops.ones_like(sizes[..., :1])]
    said = ops.concatenate([*known, ops.one_hot(class_ids, num_classes, dtype=boxes.dtype)], axis=-1)  # (B, M, 5 + C)

    column, row = ops.unstack(ops.cast(corners, "int32"), 2, axis=-1)
    cells = ops.where(class_ids >= 0, grid * row + column, -1)
    lies = ops.expand_dims(cells, 1) == ops.reshape(ops.arange(grid * grid), (1, -1, 1))  # (B, S * S, M)
    first = ops.argmax(ops.cast(lies, "int32"), axis=-1)
    there = ops.cast(ops.any(lies, axis=-1), said.dtype)
    encoded = ops.expand_dims(there, -1) * ops.take_along_axis(said, ops.expand_dims(first, -1), axis=1)
    return ops.reshape(encoded, (-1, grid, grid, 5 + num_classes))


def decode_yolo_v1(
    outputs: keras.KerasTensor, image_size: tuple[int, int], boxes: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Turn the outputs of YOLO's first version into boxes, and their scores for each class.

    The score is the probability of the class, which is that of the cell, times the confidence of the box. Both are
    outputs of a linear layer: what leaves 0..1 is cut off.

    Args:
        outputs: (B, S, S, 5 boxes + C): of each cell x, y, sqrt(w), sqrt(h) and confidence for each box, then the
            probabilities of the classes.
        image_size: (height, width) of the pictures, in pixels.
        boxes: how many each cell predicts.

    Returns:
        The boxes (B, S * S * boxes, 4), x1, y1, x2, y2 in pixels, not clipped to the picture; and their scores
        (B, S * S * boxes, C), in 0..1. They are in the order of rows, columns, boxes of a cell.

    Raises:
        ValueError: for outputs of another shape.

    Reference:
        Redmon et al. 2016, arXiv:1506.02640, section 2, equation 1, and section 2.3.
    """
    cells, confidences, classes = split_yolo_v1(outputs, boxes)
    scores = ops.expand_dims(ops.clip(confidences, 0, 1), -1) * ops.expand_dims(ops.clip(classes, 0, 1), -2)
    count = cells.shape[1] * cells.shape[2] * boxes
    corners = ops.reshape(corners_from_cells(cells, image_size), (-1, count, 4))
    return corners, ops.reshape(scores, (-1, count, classes.shape[-1]))


def split_yolo_v1(
    outputs: keras.KerasTensor, boxes: int
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Split the outputs of YOLO's first version into what they are of.

    Args:
        outputs: (B, S, S, 5 boxes + C).
        boxes: how many each cell predicts.

    Returns:
        x, y, sqrt(w), sqrt(h) of the boxes (B, S, S, boxes, 4), their confidences (B, S, S, boxes), and the
        probabilities of the classes (B, S, S, C).

    Raises:
        ValueError: for outputs of another shape.
    """
    outputs = ops.convert_to_tensor(outputs)
    shape = tuple(outputs.shape)
    if boxes < 1 or len(shape) != 4 or shape[1] != shape[2] or shape[-1] <= 5 * boxes:
        raise ValueError(
            "Outputs must be (B, S, S, 5 boxes + C), for at least one box and one class. "
            f"Received: boxes={boxes}, and the shape {shape}."
        )
    grid = shape[1]
    predictions = ops.reshape(outputs[..., : 5 * boxes], (-1, grid, grid, boxes, 5))
    return predictions[..., :4], predictions[..., 4], outputs[..., 5 * boxes :]


def corners_from_cells(cells: keras.KerasTensor, image_size: tuple[int, int]) -> keras.KerasTensor:
    """Turn x, y, sqrt(w), sqrt(h) of cells (B, S, S, boxes, 4) into x1, y1, x2, y2 in pixels, which may leave it."""
    x, y, width_root, height_root = ops.unstack(cells, 4, axis=-1)
    grid = cells.shape[1]
    steps = ops.arange(grid, dtype=cells.dtype)
    x = (x + ops.reshape(steps, (1, grid, 1))) / grid
    y = (y + ops.reshape(steps, (grid, 1, 1))) / grid
    shares = ops.stack([x, y, ops.square(width_root), ops.square(height_root)], axis=-1)
    return to_absolute(cxcywh_to_xyxy(shares), image_size)
