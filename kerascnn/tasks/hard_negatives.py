"""Hard negatives: windows of the background that a detector took for an object, for it to learn from."""

from collections.abc import Iterable

import numpy as np

from kerascnn.metrics.matching import pairwise_iou
from kerascnn.tasks.sliding_window import SlidingWindow


def find_negatives(
    detector: SlidingWindow,
    pictures: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    most_overlap: float = 0.3,
    most_a_picture: int = 20,
) -> list[np.ndarray]:
    """Find the windows at which a detector is wrong, the surest first.

    What counts is what the detector answers, above its score threshold and after its suppression.

    Args:
        detector: trained on windows of these pictures.
        pictures: of each the image (H, W, 3), RGB in 0..255, and the boxes (n, 4) of all objects in it.
        most_overlap: what overlaps an object by less is wrong, an IoU in 0..1. From about 0.5 on, windows that lie
            badly on an object are among them, and the detector learns to tell the best place from the next.
        most_a_picture: at most so many windows of each picture.

    Returns:
        For each picture (m, 4) float32, x1, y1, x2, y2: the `negatives` of `kerascnn.data.window_source`.

    Raises:
        ValueError: for an overlap or a number out of range.

    Reference:
        Felzenszwalb et al. 2010, "Object Detection with Discriminatively Trained Part-Based Models", section 4.4, and
        Girshick et al. 2014, "Rich feature hierarchies", arXiv:1311.2524, section 2.3.
    """
    if not 0 < most_overlap <= 1 or most_a_picture < 1:
        raise ValueError(
            "most_overlap must be above 0 and at most 1, and most_a_picture at least 1. "
            f"Received: most_overlap={most_overlap}, most_a_picture={most_a_picture}."
        )
    negatives = []
    for image, objects in pictures:
        found = detector.detect(image).boxes
        overlaps = pairwise_iou(found.astype(float), np.asarray(objects, float).reshape(-1, 4))  # (found, n)
        negatives.append(found[(overlaps < most_overlap).all(axis=1)][:most_a_picture])
    return negatives
