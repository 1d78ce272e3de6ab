"""The average precision of the Pascal VOC challenge: at one IoU, by the area below the curve or at eleven points."""

from collections.abc import Sequence

import numpy as np

from kerascnn.metrics.matching import pair_pictures
from kerascnn.metrics.precision_recall import Ranking, check_iou_threshold, rank

POINTS = 11  # recalls 0, 0.1, ... 1 of VOC 2007


def voc_average_precision(
    targets: Sequence[np.ndarray],
    detections: Sequence[np.ndarray],
    num_classes: int,
    *,
    iou_threshold: float = 0.5,
    eleven_points: bool = False,
) -> np.ndarray:
    """Compute VOC's average precision of each class.

    A detection belongs to the object of its class that it overlaps most, even if a surer one has found that already,
    and is then wrong. COCO would let it find another object, so its AP can be higher. Of each recall the precision is
    the highest at this recall or a greater one.

    Args:
        targets: see `kerascnn.metrics.matching.pair_pictures`.
        detections: likewise.
        num_classes: how many classes there are.
        iou_threshold: above 0, up to 1; VOC's is 0.5.
        eleven_points: average the precision at the recalls 0, 0.1, ... 1, as VOC did to 2009, and not at all recalls.

    Returns:
        (num_classes,) float64 in 0..1, NaN for a class without objects. VOC's mean AP is their mean.

    Raises:
        ValueError: for a threshold out of range, or what `pair_pictures` refuses.

    Reference:
        Everingham et al. 2010, "The Pascal Visual Object Classes (VOC) Challenge", section 4.2, for the eleven points,
        and the development kit of VOC 2010 for the area. There boxes are whole pixels and end with their last one;
        here they end at its edge. Objects marked difficult are not known here: leave them out of both.
    """
    check_iou_threshold(iou_threshold)
    pictures = pair_pictures(targets, detections, num_classes)

    def find(ious: np.ndarray) -> np.ndarray:
        return _first_on_each(ious, iou_threshold)

    average = _at_eleven_points if eleven_points else _below_curve
    return np.array([average(rank(pictures, class_id, find)) for class_id in range(num_classes)])


def _first_on_each(ious: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Tell which detections are the surest one on the object that they overlap most."""
    hits = np.zeros(len(ious), bool)
    if ious.size:
        best = ious.argmax(axis=1)
        near = np.flatnonzero(ious.max(axis=1) >= iou_threshold)
        _, first = np.unique(best[near], return_index=True)
        hits[near[first]] = True
    return hits


def _below_curve(ranking: Ranking) -> float:
    if not ranking.support:
        return np.nan
    # The recall rises by one object's share with each hit.
    return float(_highest_precisions(ranking)[ranking.hits].sum() / ranking.support)


def _at_eleven_points(ranking: Ranking) -> float:
    if not ranking.support:
        return np.nan
    found = np.cumsum(ranking.hits)
    precisions = np.append(_highest_precisions(ranking), 0.0)  # the last is that of recalls that are not reached
    # Whole numbers, for 3 of 10 is less than 0.3 in floating point's linspace.
    reached = [np.searchsorted(found * (POINTS - 1), point * ranking.support) for point in range(POINTS)]
    return float(precisions[reached].mean())


def _highest_precisions(ranking: Ranking) -> np.ndarray:
    """Give for each detection the highest precision from there on."""
    precisions = np.cumsum(ranking.hits) / np.arange(1, len(ranking.hits) + 1)
    return np.maximum.accumulate(precisions[::-1])[::-1]
