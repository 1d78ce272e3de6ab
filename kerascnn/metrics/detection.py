"""How good a detector is, class by class, for the card of a run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascnn.metrics.coco import coco_metrics
from kerascnn.metrics.detection_errors import count_errors, find_errors, total_errors
from kerascnn.metrics.precision_recall import Ranking, pool_rankings, rank_detections
from kerascnn.metrics.voc import voc_average_precision

CURVE_POINTS = 100  # more cannot be seen in a plot as wide as a phone
CURVE_DECIMALS = 4
DEFAULT_SCORE_THRESHOLD = 0.5  # where nothing was found, so that no score is better than another


def summarise_detections(
    targets: Sequence[np.ndarray],
    detections: Sequence[np.ndarray],
    classes: Sequence[str],
    *,
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """Summarise the answers of a detector.

    Args:
        targets: for each picture its objects (n, 5), x1, y1, x2, y2, class, in pixels; class -1 is padding.
        detections: for each picture (m, 6), x1, y1, x2, y2, score, class, all down to a score near 0; class -1 is
            padding.
        classes: name of each class.
        score_threshold: above which score a detection counts for precision, recall, f1 and errors. By default the one
            with the best F1 on these pictures; find it on others than you test on.

    Returns:
        `examples`, of pictures; `support`, of objects. `ap` to `ar100` of `coco_metrics`, and `voc_ap50`, the mean of
        `voc_average_precision`. `score_threshold` and there `precision`, `recall` and `f1` at an IoU of 0.5, of all
        classes together; `per_class`, with class, ap, ap50, precision, recall, f1 and support. `curve`, of all classes
        together, and `curves`, one for each class: recall, precision and score, about 100 points each, empty without
        objects. `errors`, counts of the kinds of `find_errors`, `total` and `per_class`. What is not defined is None.

    Raises:
        ValueError: for no picture, or arrays that are not such rows.
    """
    coco = coco_metrics(targets, detections, classes)
    rankings = rank_detections(targets, detections, len(classes))
    pooled = pool_rankings(rankings)
    if score_threshold is None:
        score_threshold = _best_threshold(pooled)
    voc = voc_average_precision(targets, detections, len(classes))
    errors = find_errors(targets, detections, len(classes), score_threshold=score_threshold)
    counts = count_errors(targets, detections, errors, len(classes))
    return {
        "examples": len(targets),
        "support": pooled.support,
        **{name: value for name, value in coco.items() if name != "per_class"},
        "voc_ap50": float(np.nanmean(voc)) if pooled.support else None,
        "score_threshold": score_threshold,
        **pooled.at(score_threshold),
        "per_class": [
            {**row, **ranking.at(score_threshold)} for row, ranking in zip(coco["per_class"], rankings, strict=True)
        ],
        "curve": _thinned(pooled),
        "curves": [{"class": name, **_thinned(each)} for name, each in zip(classes, rankings, strict=True)],
        "errors": {
            "total": total_errors(counts),
            "per_class": [{"class": name, **row} for name, row in zip(classes, counts, strict=True)],
        },
    }


def best_score_threshold(targets: Sequence[np.ndarray], detections: Sequence[np.ndarray], num_classes: int) -> float:
    """Find the score above which detections have the highest F1, of all classes together, at an IoU of 0.5.

    Args:
        targets: see `summarise_detections`.
        detections: likewise.
        num_classes: how many classes there are.

    Returns:
        See `Ranking.best_threshold`; 0.5 where no object was found.

    Raises:
        ValueError: as `summarise_detections` does.
    """
    return _best_threshold(pool_rankings(rank_detections(targets, detections, num_classes)))


def _best_threshold(pooled: Ranking) -> float:
    best = pooled.best_threshold()
    return DEFAULT_SCORE_THRESHOLD if best is None else best


def _thinned(ranking: Ranking) -> dict[str, list[float]]:
    """Give about 100 points of a ranking's curve, the first and the last among them, equally far apart on the curve."""
    names = ("score", "precision", "recall")
    if not ranking.support or not len(ranking.scores):
        return {name: [] for name in names}
    points = np.stack(ranking.curve())  # (3, T)
    steps = np.abs(np.diff(points[1:], axis=1)).sum(axis=0)
    way = np.concatenate([[0], np.cumsum(steps)])
    kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], CURVE_POINTS)).clip(max=len(way) - 1))
    kept = np.union1d(kept, [len(way) - 1])
    return {name: np.round(row[kept], CURVE_DECIMALS).tolist() for name, row in zip(names, points, strict=True)}
