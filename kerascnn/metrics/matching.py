"""Detections brought together with the objects that they should have found; every metric of detection starts here.

One picture's ground truth is an array (n, 5) of rows x1, y1, x2, y2, class; its detections are an array (m, 6) of rows
x1, y1, x2, y2, score, class; both in absolute pixels, edges not centres. Rows of class -1 are padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerascnn.ops import exact_pairwise_iou

PADDING = -1
MISSING = -1  # in place of an object's number: none was found


@dataclass(frozen=True, eq=False)
class Picture:
    """What is in a picture, and what a detector found there, without padding.

    Attributes:
        truth: (n, 5) float64, x1, y1, x2, y2, class.
        detections: (m, 6) float64, x1, y1, x2, y2, score, class; the surest first.
        truth_rows: (n,) integers, which of the given rows each is.
        detection_rows: (m,) integers, likewise.
    """

    truth: np.ndarray
    detections: np.ndarray
    truth_rows: np.ndarray
    detection_rows: np.ndarray

    def of_class(self, class_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the truth and the detections of one class."""
        return self.truth[self.truth[:, 4] == class_id], self.detections[self.detections[:, 5] == class_id]


def pair_pictures(targets: Sequence[np.ndarray], detections: Sequence[np.ndarray], num_classes: int) -> list[Picture]:
    """Bring truth and detections of each picture together, and refuse what is neither.

    Args:
        targets: for each picture (n, 5), x1, y1, x2, y2, class; class -1 is padding.
        detections: for each picture (m, 6), x1, y1, x2, y2, score, class; class -1 is padding. Equal scores keep their
            order.
        num_classes: how many classes there are.

    Returns:
        One `Picture` for each.

    Raises:
        ValueError: for no picture or no class, lists of different lengths, rows of another width, numbers that are not
            finite, swapped corners, or a class that is not among the classes.
    """
    if len(targets) == 0 or len(targets) != len(detections):
        raise ValueError(
            "targets and detections must hold one array a picture, of the same pictures, and not be empty. "
            f"Received: {len(targets)} and {len(detections)} arrays."
        )
    if num_classes < 1:
        raise ValueError(f"There must be at least one class. Received: {num_classes} classes.")
    pictures = []
    for truth, found in zip(targets, detections, strict=True):
        truth, truth_rows = _without_padding("targets", truth, 5, num_classes)
        found, found_rows = _without_padding("detections", found, 6, num_classes)
        order = np.argsort(-found[:, 4], kind="stable")
        pictures.append(Picture(truth, found[order], truth_rows, found_rows[order]))
    return pictures


def match_greedily(ious: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Give each detection, the surest first, the object that it overlaps most of those still without a detection.

    Args:
        ious: (m, n), of detections with objects of their class, the surest detection first.
        iou_threshold: the IoU from which on an object is found.

    Returns:
        (m,) integers, the number of the object, -1 for a detection that found none.

    Reference:
        Lin et al. 2014, "Microsoft COCO", arXiv:1405.0312: the rule of its evaluation.
    """
    matched = np.full(len(ious), MISSING)
    free = np.array(ious)
    if not free.size:
        return matched
    for detection in range(len(free)):
        best = int(free[detection].argmax())
        if free[detection, best] >= iou_threshold:
            matched[detection] = best
            free[:, best] = MISSING  # below every threshold
    return matched


def match_objects(detections: np.ndarray, truth: np.ndarray, iou_threshold: float = 0.5) -> np.ndarray:
    """Give each detection of a picture the object of its class that it finds, see `match_greedily`.

    Args:
        detections: (m, 6), x1, y1, x2, y2, score, class, the surest first, without padding.
        truth: (n, 5), x1, y1, x2, y2, class, without padding.
        iou_threshold: the IoU from which on an object is found.

    Returns:
        (m,) integers, the number of the object, -1 for a detection that found none.
    """
    same_class = detections[:, np.newaxis, 5] == truth[:, 4]
    return match_greedily(exact_pairwise_iou(detections[:, :4], truth[:, :4]) * same_class, iou_threshold)


def _without_padding(name: str, rows: np.ndarray, width: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Check a picture's rows; give them in float64 without padding, and which ones they are."""
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"Each array of {name} must have the shape (N, {width}). Received: {rows.shape}.")
    kept = np.flatnonzero(rows[:, -1] != PADDING)
    rows = rows[kept]
    if not np.isfinite(rows).all() or (rows[:, :2] > rows[:, 2:4]).any():
        raise ValueError(f"The boxes of {name} must be finite, with x1 <= x2 and y1 <= y2. Received: {rows}.")
    if not np.isin(rows[:, -1], np.arange(num_classes)).all():
        raise ValueError(
            f"The classes of {name} must be integers from 0 to {num_classes - 1}, or -1 for padding. "
            f"Received: {np.unique(rows[:, -1])}."
        )
    return rows, kept
