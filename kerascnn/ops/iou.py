"""How much boxes overlap: the intersection over union, and its three relatives that losses are made of.

Boxes are x1, y1, x2, y2, with any leading dimensions. All values and all gradients are finite for boxes without area.
"""

import math

import keras
import numpy as np
from keras import ops

from kerascnn.ops.boxes import as_alike, as_boxes, box_area, sides_of


def iou(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the area of the intersection over that of the union, box by box.

    Args:
        a: (..., 4), x1, y1, x2, y2.
        b: (..., 4), of the same leading dimensions or such that broadcast.

    Returns:
        (...), in 0..1; 0 where both boxes have no area.
    """
    intersection, union = _intersection_and_union(a, b)
    return ops.divide_no_nan(intersection, union)


def pairwise_iou(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the intersection over union of each of N boxes with each of M.

    Args:
        a: (..., N, 4), x1, y1, x2, y2.
        b: (..., M, 4).

    Returns:
        (..., N, M), in 0..1; 0 where both boxes have no area.
    """
    return iou(ops.expand_dims(as_boxes(a), -2), ops.expand_dims(as_boxes(b), -3))


def exact_pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute `pairwise_iou` in NumPy and float64, as COCO's evaluation does: a match hangs on an IoU of just 0.5.

    Args:
        a: (N, 4), x1, y1, x2, y2, with x1 <= x2 and y1 <= y2.
        b: (M, 4).

    Returns:
        (N, M) float64, in 0..1; 0 where both boxes have no area.
    """
    a, b = np.asarray(a, np.float64)[:, np.newaxis], np.asarray(b, np.float64)  # (N, 1, 4), (M, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    intersection = np.maximum(sides, 0).prod(axis=-1)  # (N, M)
    areas, other_areas = ((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b))
    union = areas + other_areas - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def generalized_iou(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the IoU less the share of the smallest box around both that neither covers.

    Args:
        a: (..., 4), x1, y1, x2, y2.
        b: (..., 4), of the same leading dimensions or such that broadcast.

    Returns:
        (...), in -1..1: 1 for equal boxes, and the more negative the farther apart they are.

    Reference:
        Rezatofighi et al. 2019, "Generalized Intersection over Union", arXiv:1902.09630, algorithm 1.
    """
    intersection, union = _intersection_and_union(a, b)
    width, height = _enclosing_sides(a, b)
    enclosing = width * height
    return ops.divide_no_nan(intersection, union) - ops.divide_no_nan(enclosing - union, enclosing)


def distance_iou(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the IoU less the squared distance of the centres, in squared diagonals of the smallest box around both.

    Args:
        a: (..., 4), x1, y1, x2, y2.
        b: (..., 4), of the same leading dimensions or such that broadcast.

    Returns:
        (...), in -1..1.

    Reference:
        Zheng et al. 2020, "Distance-IoU Loss", arXiv:1911.08287, section 3.
    """
    a, b = as_alike(a, b)
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = sides_of(a), sides_of(b)
    width, height = _enclosing_sides(a, b)
    distance = (ops.square(ax1 + ax2 - bx1 - bx2) + ops.square(ay1 + ay2 - by1 - by2)) / 4
    return iou(a, b) - ops.divide_no_nan(distance, ops.square(width) + ops.square(height))


def complete_iou(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
    """Compute the distance IoU less alpha v, where v tells how the shapes of the boxes differ.

    v is 4 / pi^2 times the squared difference of arctan(width / height), and alpha = v / (1 - IoU + v) its weight,
    which is no part of the gradient. The authors also left 1 / (width^2 + height^2) out of the gradient of v, because
    their sides are shares of a picture; here it stays, as in torchvision.

    Args:
        a: (..., 4), x1, y1, x2, y2.
        b: (..., 4), of the same leading dimensions or such that broadcast.

    Returns:
        (...), in -2..1.

    Reference:
        Zheng et al. 2020, "Distance-IoU Loss", arXiv:1911.08287, section 3, "Complete IoU Loss".
    """
    a, b = as_alike(a, b)
    v = 4 / math.pi**2 * ops.square(_angle(a) - _angle(b))
    alpha = ops.stop_gradient(ops.divide_no_nan(v, 1 - iou(a, b) + v))
    return distance_iou(a, b) - alpha * v


def _intersection_and_union(a, b):
    """Compute both areas, (...)."""
    a, b = as_alike(a, b)
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = sides_of(a), sides_of(b)
    width = ops.maximum(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1), 0)
    height = ops.maximum(ops.minimum(ay2, by2) - ops.maximum(ay1, by1), 0)
    intersection = width * height
    return intersection, box_area(a) + box_area(b) - intersection


def _enclosing_sides(a, b):
    """Compute the width and the height, (...), of the smallest box around both."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = sides_of(a), sides_of(b)
    width, height = ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1), ops.maximum(ay2, by2) - ops.minimum(ay1, by1)
    return ops.maximum(width, 0), ops.maximum(height, 0)


def _angle(boxes):
    """Compute arctan(width / height), in 0..pi/2, with a gradient that is finite at a point too."""
    x1, y1, x2, y2 = sides_of(boxes)
    width, height = ops.maximum(x2 - x1, 0), ops.maximum(y2 - y1, 0)
    is_point = ops.square(width) + ops.square(height) == 0  # as the gradient has it in its denominator
    return ops.arctan2(width, ops.where(is_point, 1.0, height))
