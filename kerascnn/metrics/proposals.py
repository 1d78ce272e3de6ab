"""How many objects a detector can find at all, where it looks only at what was proposed."""

from collections.abc import Sequence

import numpy as np

from kerascnn.ops import exact_pairwise_iou


def proposal_recall(
    objects: Sequence[np.ndarray],
    proposals: Sequence[np.ndarray],
    counts: Sequence[int] = (100, 300, 1000),
    *,
    iou_threshold: float = 0.5,
) -> dict[int, float | None]:
    """Compute the share of objects that one of the first proposals overlaps by enough.

    Args:
        objects: for each picture (n, 4), x1, y1, x2, y2.
        proposals: for each picture (m, 4), the best first; those without area count for nothing.
        counts: how many of the first proposals of a picture are looked at.
        iou_threshold: the least IoU, in 0..1.

    Returns:
        The share in 0..1 for each count; None where there is no object.

    Raises:
        ValueError: for lists of different length, or a count below 1.

    Reference:
        Hosang et al. 2016, "What Makes for Effective Detection Proposals?", arXiv:1502.05082, section 4.
    """
    if len(objects) != len(proposals):
        raise ValueError(
            "objects and proposals must be of the same pictures. "
            f"Received: {len(objects)} and {len(proposals)} of them."
        )
    if any(count < 1 for count in counts):
        raise ValueError(f"counts must be at least 1. Received: counts={tuple(counts)}.")
    found, total = dict.fromkeys(counts, 0), 0
    for own, proposed in zip(objects, proposals, strict=True):
        overlaps = exact_pairwise_iou(proposed, own)  # (m, n)
        total += len(own)
        for count in found:
            found[count] += int((overlaps[:count].max(axis=0, initial=0) >= iou_threshold).sum())
    return {count: number / total if total else None for count, number in found.items()}
