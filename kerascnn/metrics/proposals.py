"""How many objects a detector can find at all, where it looks only at what was proposed."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerascnn.ops import exact_pairwise_iou, pairwise_iou
from kerascnn.ops.targets import object_rows


@keras.saving.register_keras_serializable("kerascnn")
class ProposalRecall(keras.metrics.Mean):
    """Measure the share of objects that one of the first proposals overlaps by enough; see `proposal_recall`.

    Args:
        count: how many of the first proposals of a picture are looked at.
        iou_threshold: the least IoU, in 0..1.
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2, class, padded with class -1, and outputs (B, R, ...) whose last four numbers
    are x1, y1, x2, y2 of a proposal: proposals alone, or what a second stage says of them, see `kerascnn.ops.regions`.
    The result is in 0..1, and 0 without objects.

    Raises:
        ValueError: for a count below 1, or a threshold that is not in (0, 1].
    """

    def __init__(self, count: int = 100, iou_threshold: float = 0.5, name: str = "recall", **options: Any) -> None:
        super().__init__(name=name, **options)
        if count < 1 or not 0 < iou_threshold <= 1:
            raise ValueError(
                "count must be at least 1, iou_threshold in (0, 1]. "
                f"Received: count={count}, iou_threshold={iou_threshold}."
            )
        self.number, self.iou_threshold = count, iou_threshold  # Mean has a count of its own

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Add the objects of a batch; weights of pictures are not used."""
        rows, proposals = object_rows(y_true), ops.cast(y_pred[:, : self.number, -4:], "float32")
        overlaps = ops.max(pairwise_iou(proposals, rows[..., :4]), axis=1)  # (B, M)
        found, is_object = (ops.cast(each, "float32") for each in (overlaps >= self.iou_threshold, rows[..., 4] >= 0))
        super().update_state(found, is_object)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"count": self.number, "iou_threshold": self.iou_threshold}


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
