"""Hard negatives: windows of the background that a detector takes for an object, for it to learn from."""

from collections.abc import Iterable

import numpy as np

from kerascnn.ops import exact_pairwise_iou
from kerascnn.tasks.sliding_window import SlidingWindow


def find_negatives(
    detector: SlidingWindow,
    pictures: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    score_threshold: float = 0.5,
    most_overlap: float = 0.4,
    most_of_a_class: int = 4,
    seed: int = 0,
) -> list[np.ndarray]:
    """Find windows at which a detector is wrong, some of each class in each picture, drawn by chance.

    What counts are all windows of the pyramid, not only those that the suppression would leave. The surest are not
    preferred, as they mostly are elsewhere: where an object was not annotated, the detector is right, and surest.

    Args:
        detector: trained on windows of these pictures.
        pictures: of each the image (H, W, 3), RGB in 0..255, and the boxes (n, 4) of all objects in it.
        score_threshold: what the probability of a class must be above for a window to be taken for it, in 0..1.
        most_overlap: a window that overlaps an object by less is wrong, an IoU in 0..1. Up to it, windows that lie
            badly on an object are among them, and the detector learns to tell the best place from the next.
        most_of_a_class: at most so many windows of each picture that are taken for the same class.
        seed: decides which.

    Returns:
        For each picture (m, 4) float32, x1, y1, x2, y2: the `negatives` of `kerascnn.data.window_source`.

    Raises:
        ValueError: for a threshold, an overlap or a number out of range.

    Reference:
        Felzenszwalb et al. 2010, "Object Detection with Discriminatively Trained Part-Based Models", section 4.4, and
        Girshick et al. 2014, "Rich feature hierarchies", arXiv:1311.2524, section 2.3.
    """
    if not 0 <= score_threshold <= 1:
        raise ValueError(f"score_threshold must lie in 0..1. Received: score_threshold={score_threshold}.")
    if not 0 < most_overlap <= 1 or most_of_a_class < 1:
        raise ValueError(
            "most_overlap must be above 0 and at most 1, and most_of_a_class at least 1. "
            f"Received: most_overlap={most_overlap}, most_of_a_class={most_of_a_class}."
        )
    negatives = []
    for number, (image, objects) in enumerate(pictures):
        boxes, probabilities = detector.score_windows(image)
        scores = np.delete(probabilities, detector.background, axis=-1)
        taken = np.flatnonzero(scores.max(axis=-1) > score_threshold)
        overlaps = exact_pairwise_iou(boxes[taken], objects)  # (taken, n)
        wrong = taken[(overlaps < most_overlap).all(axis=1)]
        wrong = np.random.default_rng([seed, number]).permutation(wrong)
        class_ids = scores[wrong].argmax(axis=-1)
        of_classes = [wrong[class_ids == class_id][:most_of_a_class] for class_id in range(len(detector.classes))]
        negatives.append(boxes[np.concatenate(of_classes)])
    return negatives
