"""Precision and recall of a detector at every score, and the score at which they are best together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kerascnn.metrics.matching import MISSING, Picture, match_greedily, pair_pictures
from kerascnn.ops import exact_pairwise_iou


@dataclass(frozen=True, eq=False)
class Ranking:
    """Detections of all pictures, the surest first, each right or wrong.

    Attributes:
        scores: (M,), falling.
        hits: (M,) bool, whether each found an object that no surer one had found.
        support: how many objects there are.
    """

    scores: np.ndarray
    hits: np.ndarray
    support: int

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute what a score threshold can give: equal scores are kept together or not at all.

        Returns:
            Different scores (T,), falling; precision (T,) and recall (T,) of the detections of at least that score.
            Without objects the recall is 0.
        """
        scores, kept, found = self._counts()
        return scores, found / kept, found / max(self.support, 1)

    def best_threshold(self) -> float | None:
        """Find the score above which the detections have the highest F1; of equal ones the highest score.

        Returns:
            A score halfway between the last detection to keep and the first to drop, so that rounding does not matter;
            None where nothing was found.
        """
        scores, kept, found = self._counts()
        if not found.any():
            return None
        best = int((found / (kept + self.support)).argmax())  # half of F1
        return float(scores[best] + np.append(scores, 0)[best + 1]) / 2

    def at(self, score_threshold: float) -> dict[str, float | None]:
        """Compute precision, recall and f1 of the detections whose score is greater; None where not defined.

        A precision needs detections, a recall needs objects, and F1 one of the two.
        """
        above = self.scores > score_threshold
        found, kept = int(self.hits[above].sum()), int(above.sum())
        return {
            "precision": found / kept if kept else None,
            "recall": found / self.support if self.support else None,
            "f1": 2 * found / (kept + self.support) if kept + self.support else None,
        }

    def _counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count for each different score, falling, the detections of at least that score, and the hits among them."""
        last = np.flatnonzero(np.diff(self.scores, append=-np.inf))  # detection of each score
        return self.scores[last], last + 1, np.cumsum(self.hits)[last]


def rank_detections(
    targets: Sequence[np.ndarray],
    detections: Sequence[np.ndarray],
    num_classes: int,
    *,
    iou_threshold: float = 0.5,
) -> list[Ranking]:
    """Rank the detections of each class over all pictures.

    Each detection, the surest first, finds the object that it overlaps most of those of its class that are still to be
    found; it is right if their IoU reaches the threshold. COCO counts so.

    Args:
        targets: see `kerascnn.metrics.matching.pair_pictures`.
        detections: likewise.
        num_classes: how many classes there are.
        iou_threshold: above 0, up to 1.

    Returns:
        One ranking for each class.

    Raises:
        ValueError: for a threshold out of range, or what `pair_pictures` refuses.
    """
    check_iou_threshold(iou_threshold)
    pictures = pair_pictures(targets, detections, num_classes)

    def find(ious: np.ndarray) -> np.ndarray:
        return match_greedily(ious, iou_threshold) != MISSING

    return [rank(pictures, class_id, find) for class_id in range(num_classes)]


def rank(pictures: Sequence[Picture], class_id: int, find: Callable[[np.ndarray], np.ndarray]) -> Ranking:
    """Rank the detections of one class, of which `find` tells by their IoU (m, n) with the objects which are right."""
    scores, hits, support = [np.zeros(0)], [np.zeros(0, bool)], 0
    for picture in pictures:
        truth, found = picture.of_class(class_id)
        scores.append(found[:, 4])
        hits.append(find(exact_pairwise_iou(found[:, :4], truth[:, :4])))
        support += len(truth)
    return _sorted(np.concatenate(scores), np.concatenate(hits), support)


def pool_rankings(rankings: Sequence[Ranking]) -> Ranking:
    """Put the rankings of classes together into one, in which every detection and every object counts the same."""
    scores = np.concatenate([each.scores for each in rankings])
    hits = np.concatenate([each.hits for each in rankings])
    return _sorted(scores, hits, sum(each.support for each in rankings))


def check_iou_threshold(iou_threshold: float) -> None:
    """Raise ValueError unless the threshold is above 0, and at most 1."""
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must lie above 0, up to 1. Received: iou_threshold={iou_threshold}.")


def _sorted(scores: np.ndarray, hits: np.ndarray, support: int) -> Ranking:
    order = np.argsort(-scores, kind="stable")
    return Ranking(scores[order], hits[order], support)
