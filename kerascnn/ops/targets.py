"""The targets of networks that find objects: their rows, which one counts if it is one, and boxes in shares."""

import keras
from keras import ops

from kerascnn.ops.boxes import cxcywh_to_xyxy, to_absolute, to_relative, xyxy_to_cxcywh


def object_rows(targets: keras.KerasTensor) -> keras.KerasTensor:
    """Give the rows of all objects, (B, M, 5) in float32 with M at least 1, of which one is added, of padding.

    Args:
        targets: (B, M, 5), x1, y1, x2, y2, class, padded with class -1; M may be 0.

    Raises:
        ValueError: for another shape.
    """
    if len(targets.shape) != 3 or targets.shape[-1] != 5:
        raise ValueError(f"The targets must be rows (B, M, 5). Received: {tuple(targets.shape)}.")
    return ops.pad(ops.cast(targets, "float32"), [[0, 0], [0, 1], [0, 0]], constant_values=-1)


def first_object(rows: keras.KerasTensor) -> keras.KerasTensor:
    """Give the first object of each picture.

    Args:
        rows: (B, N, 5), x1, y1, x2, y2, class, padding of class -1 last; N may be 0.

    Returns:
        (B, 5); where there is no object, the class is -1.
    """
    padded = ops.pad(rows, [[0, 0], [0, 1], [0, 0]], constant_values=-1)  # all of a batch may be without an object
    return padded[:, 0]


def shares_from_corners(boxes: keras.KerasTensor, image_size: tuple[int, int]) -> keras.KerasTensor:
    """Turn corners in pixels into b_x, b_y, b_h, b_w: the box's centre, height and width as shares of the picture.

    Args:
        boxes: (..., 4), x1, y1, x2, y2.
        image_size: (height, width) in pixels.

    Returns:
        (..., 4), in 0..1.
    """
    x, y, w, h = ops.unstack(xyxy_to_cxcywh(to_relative(boxes, image_size)), axis=-1)
    return ops.stack([x, y, h, w], axis=-1)


def corners_from_shares(shares: keras.KerasTensor, image_size: tuple[int, int] = (1, 1)) -> keras.KerasTensor:
    """Turn b_x, b_y, b_h, b_w (..., 4) back into corners, x1, y1, x2, y2, which may leave the picture."""
    x, y, h, w = ops.unstack(shares, axis=-1)
    return to_absolute(cxcywh_to_xyxy(ops.stack([x, y, w, h], axis=-1)), image_size)


def check_object_shapes(rows: keras.KerasTensor, outputs: keras.KerasTensor) -> None:
    """Refuse targets that are no rows (B, N, 5), and outputs that are not (B, 5 + classes).

    Raises:
        ValueError: for other shapes.
    """
    if len(rows.shape) != 3 or rows.shape[-1] != 5 or len(outputs.shape) != 2 or outputs.shape[-1] < 6:
        raise ValueError(
            "The targets must be rows (B, N, 5), the outputs (B, 5 + classes). "
            f"Received: the shapes {tuple(rows.shape)} and {tuple(outputs.shape)}."
        )
