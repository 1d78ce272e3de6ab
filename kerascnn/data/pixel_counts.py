"""How many pixels the classes of masks have, and how to weigh the rare ones."""

from collections.abc import Sequence

import numpy as np

from kerascnn.data.sources.source import Split


def count_class_pixels(masks: Sequence[np.ndarray], num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Count the pixels of each class, and those of the masks in which it is.

    Args:
        masks: (H, W) integers each, 255 being ignored.
        num_classes: C.

    Returns:
        Two (C,) int64: pixels of each class, and pixels that are not ignored of all masks with that class.
    """
    own, around = np.zeros((2, num_classes), np.int64)
    for mask in masks:
        counts = np.bincount(mask[mask < num_classes].ravel(), minlength=num_classes)
        own += counts
        around += np.where(counts > 0, counts.sum(), 0)
    return own, around


def balance_pixels(split: Split, num_classes: int, power: float = 1.0) -> tuple[float, ...]:
    """Weigh the classes of pixels by their median frequency over their own.

    Args:
        split: of samples with masks.
        num_classes: C.
        power: of the weights: 0 makes them all 1, a half takes the root.

    Returns:
        C numbers, 1 for classes that do not occur.

    Raises:
        ValueError: for samples without masks.

    Reference:
        Eigen and Fergus 2015, "Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
        Convolutional Architecture", arXiv:1411.4734, section 6.3.1.
    """
    if "mask" not in split.annotations:
        raise ValueError(f"These pictures have no mask. They have {', '.join(split.annotations) or 'nothing'}.")
    own, around = count_class_pixels(split.annotations["mask"], num_classes)
    present = own > 0
    frequency = own[present] / around[present]
    weights = np.ones(num_classes)
    weights[present] = (np.median(frequency) / frequency) ** power
    return tuple(weights.tolist())
