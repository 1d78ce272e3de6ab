"""How well masks fit: intersection over union, Dice, pixels, and boundaries.

Everything but the boundaries follows from one matrix, in which truth (rows) meets answers (columns), pixel by pixel.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import keras
import numpy as np

from kerascnn.ops.pixels import IGNORED, split_targets

TOUCHING = np.ones((3, 3), np.uint8)  # a pixel and its neighbours
BOUNDARY_SHARE = 0.0075  # of the picture's diagonal: as far as boundaries may be apart


@keras.saving.register_keras_serializable("kerascnn")
class MeanIntersectionOverUnion(keras.metrics.MeanIoU):
    """Measure the mean IoU over the pixels of all pictures, of the classes that occur.

    Args:
        num_classes: C.
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes targets (B, H, W) or (B, H, W, 2) and logits (B, H, W, C), as `kerascnn.losses.SegmentationLoss` does.
    """

    def __init__(self, num_classes: int, name: str = "mean_iou", **options: Any) -> None:
        super().__init__(num_classes, name=name, ignore_class=IGNORED, sparse_y_pred=False, **options)

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Add pictures; weights of single pixels play no part."""
        class_ids, _ = split_targets(y_true, y_pred)
        return super().update_state(class_ids, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return {"num_classes": self.num_classes, "name": self.name}


def count_pixels(targets: np.ndarray, class_ids: np.ndarray, num_classes: int) -> np.ndarray:
    """Count how often each class was answered for each.

    Args:
        targets: (...) integers, 255 being ignored.
        class_ids: (...) integers, the answers.
        num_classes: C.

    Returns:
        (C, C) int64: rows are the truth, columns the answers.

    Raises:
        ValueError: for arrays of different shapes, or a number that is no class.
    """
    if np.shape(targets) != np.shape(class_ids):
        raise ValueError(f"Masks must have one shape. Received: {np.shape(targets)} and {np.shape(class_ids)}.")
    counted = targets != IGNORED
    truth, answers = targets[counted].astype(np.int64), class_ids[counted].astype(np.int64)
    for numbers in (truth, answers):
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < num_classes:
            raise ValueError(f"Masks must hold 0 to {num_classes - 1}. Received: {numbers.min()} to {numbers.max()}.")
    codes = truth * num_classes + answers
    return np.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def summarise_segmentation(
    targets: Sequence[np.ndarray], class_ids: Sequence[np.ndarray], classes: Sequence[str]
) -> dict[str, Any]:
    """Summarise answers for pictures.

    Args:
        targets: a mask (H, W) of each picture, 255 being ignored.
        class_ids: the answers, likewise.
        classes: name of each class.

    Returns:
        `examples`; `pixel_accuracy`; `mean_iou`, `dice` and `boundary_f`, means over the classes that occur; all in
        0..1; `confusion`, see `count_pixels`; and `per_class`, rows of `class`, `support` in pixels, `iou`, `dice`,
        `precision`, `recall` and `boundary_f`, None where there is nothing to measure.

    Raises:
        ValueError: for no picture.
    """
    if not len(targets):
        raise ValueError("There is no picture to measure.")
    number = len(classes)
    confusion = np.zeros((number, number), np.int64)
    boundaries = []
    for target, answer in zip(targets, class_ids, strict=True):
        confusion += count_pixels(target, answer, number)
        boundaries.append(measure_boundaries(target, answer, number))
    right, said, true = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    columns = {
        "iou": _divide(right, said + true - right),
        "dice": _divide(2 * right, said + true),
        "precision": _divide(right, said),
        "recall": _divide(right, true),
        "boundary_f": _means(np.array(boundaries)),
    }
    rows = [
        {"class": name, "support": int(true[index])}
        | {key: None if np.isnan(values[index]) else float(values[index]) for key, values in columns.items()}
        for index, name in enumerate(classes)
    ]
    return {
        "examples": len(targets),
        "mean_iou": _mean(columns["iou"]),
        "dice": _mean(columns["dice"]),
        "pixel_accuracy": _mean(_divide(right.sum(keepdims=True), confusion.sum(keepdims=True))),
        "boundary_f": _mean(columns["boundary_f"]),
        "per_class": rows,
        "confusion": confusion.tolist(),
    }


def measure_boundaries(
    target: np.ndarray, class_ids: np.ndarray, num_classes: int, share: float = BOUNDARY_SHARE
) -> np.ndarray:
    """Measure how well the boundaries of each class lie on the true ones.

    Args:
        target: (H, W) integers, 255 being ignored.
        class_ids: (H, W) integers, the answer.
        num_classes: C.
        share: of the picture's diagonal, up to which a boundary lies on another.

    Returns:
        (C,) the harmonic mean of the shares of the answer's and the truth's boundary that lie on the other one, NaN for
        classes without either. Where a class ends at ignored pixels, or at the picture's border, is no boundary: of a
        class that ends nowhere else, as in Pascal VOC with its ignored rims, nothing is known, and it is NaN too.

    Reference:
        Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?", BMVC, section 2.2.
    """
    reach = max(1, round(share * float(np.hypot(*target.shape))))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    ignored = target == IGNORED
    answered = np.where(ignored, IGNORED, class_ids)
    found = np.full(num_classes, np.nan)
    for class_id in np.intersect1d(np.union1d(target, answered), np.arange(num_classes)):
        ours, truth = (_boundary(mask == class_id, ignored) for mask in (answered, target))
        if not ours.any() and not truth.any():
            continue  # it fills the picture
        if not truth.any() and (cv2.dilate((target == class_id).astype(np.uint8), TOUCHING) & ignored).any():
            continue
        precision, recall = _share_near(ours, truth, disk), _share_near(truth, ours, disk)
        found[class_id] = 2 * precision * recall / max(precision + recall, np.finfo(float).tiny)
    return found


def mean_ious(targets: Iterable[np.ndarray], class_ids: Iterable[np.ndarray], num_classes: int) -> np.ndarray:
    """Compute the mean IoU of each picture, over the classes that it or its answer has: (N,), NaN for none."""
    ious = []
    for target, answer in zip(targets, class_ids, strict=True):
        confusion = count_pixels(target, answer, num_classes)
        right = np.diag(confusion)
        union = confusion.sum(axis=0) + confusion.sum(axis=1) - right
        ious.append(np.nan if not union.any() else np.mean(right[union > 0] / union[union > 0]))
    return np.array(ious)


def _share_near(boundary: np.ndarray, other: np.ndarray, disk: np.ndarray) -> float:
    """Give the share of a boundary's pixels that have one of the other's in the disk around them."""
    near = boundary & cv2.dilate(other, disk)
    return near.sum() / max(boundary.sum(), 1)


def _boundary(mask: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Give the pixels of a mask that touch another class, not what is ignored or the picture's border: uint8."""
    inside = cv2.erode((mask | ignored).astype(np.uint8), TOUCHING, borderType=cv2.BORDER_REPLICATE)
    return mask.astype(np.uint8) & (1 - inside)


def _divide(numbers: np.ndarray, by: np.ndarray) -> np.ndarray:
    return np.where(by > 0, numbers / np.maximum(by, 1), np.nan)


def _means(values: np.ndarray) -> np.ndarray:
    """Give the mean of each column without its NaN."""
    known = ~np.isnan(values)
    return _divide(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
