"""The metrics of the COCO challenge, by its own implementation."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from kerascnn.metrics.matching import Picture, pair_pictures

# What `COCOeval.stats` holds, in its order.
METRICS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100")
ALL_AREAS, MOST_DETECTIONS = 0, -1  # indices into COCOeval's table of precisions
IOU_50 = 0  # likewise
DECIMALS = 12


def coco_metrics(
    targets: Sequence[np.ndarray], detections: Sequence[np.ndarray], classes: Sequence[str]
) -> dict[str, Any]:
    """Compute COCO's average precision and recall.

    Args:
        targets: see `kerascnn.metrics.matching.pair_pictures`.
        detections: likewise; of each picture and class COCO counts the 100 surest.
        classes: name of each class.

    Returns:
        `ap`, the mean over classes and the IoU thresholds 0.50, 0.55, ... 0.95; `ap50` and `ap75` at one threshold;
        `ap_small`, `ap_medium` and `ap_large` of objects below 32^2, between, and above 96^2 square pixels, by the
        area of their boxes; `ar1`, `ar10` and `ar100`, the recall with so many detections a picture and class;
        `per_class`, with class, ap, ap50 and support. All in 0..1, and None where there are no objects.

    Raises:
        ValueError: for what `pair_pictures` refuses.

    Reference:
        Lin et al. 2014, "Microsoft COCO: Common Objects in Context", arXiv:1405.0312, and
        https://cocodataset.org/#detection-eval.
    """
    pictures = pair_pictures(targets, detections, len(classes))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints tables and times
        evaluation = COCOeval(
            _data_set([picture.truth for picture in pictures], len(classes)),
            _data_set([picture.detections for picture in pictures], len(classes)),
            "bbox",
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # (IoU thresholds, recalls, classes)
    precisions = evaluation.eval["precision"][..., ALL_AREAS, MOST_DETECTIONS]
    return {
        **{name: _measured(value) for name, value in zip(METRICS, evaluation.stats, strict=False)},
        "per_class": [
            {
                "class": name,
                "ap": _measured(precisions[..., class_id].mean()),
                "ap50": _measured(precisions[IOU_50, :, class_id].mean()),
                "support": _support(pictures, class_id),
            }
            for class_id, name in enumerate(classes)
        ],
    }


def _data_set(rows: Sequence[np.ndarray], num_classes: int) -> COCO:
    """Make COCO's data set of truth (n, 5) or detections (m, 6) of each picture.

    `COCO.loadRes`, the usual way for detections, fails on none at all.
    """
    annotations = []
    for image_id, picture in enumerate(rows):
        for x1, y1, x2, y2, *score, class_id in picture.tolist():
            annotations.append(
                {
                    "id": len(annotations) + 1,  # COCOeval takes 0 for unmatched
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
                | ({"score": score[0]} if score else {})
            )
    data_set = COCO()
    data_set.dataset = {
        "images": [{"id": image_id} for image_id in range(len(rows))],
        "categories": [{"id": class_id} for class_id in range(num_classes)],
        "annotations": annotations,
    }
    data_set.createIndex()
    return data_set


def _measured(value: float) -> float | None:
    """Give None for COCOeval's -1, which marks what it cannot measure, and 1 for what it makes 0.9999999999999998."""
    return None if value < 0 else round(float(value), DECIMALS)


def _support(pictures: Sequence[Picture], class_id: int) -> int:
    return sum(len(picture.of_class(class_id)[0]) for picture in pictures)
