"""What the scripts of sliding windows share: the detector of a run, how good it is, and the tables of that."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerascnn.data import Split
from kerascnn.metrics.detection import summarise_detections
from kerascnn.tasks import ClassificationTask, SlidingWindow, sliding_window

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that each size of a picture is traced, as it must be

LOWEST_SCORE = 0.05  # what is less sure hardly changes an average precision, and takes long to suppress


def make_detector(task: ClassificationTask, detection: Mapping[str, Any]) -> SlidingWindow:
    """Make the detector of a run, down to low scores, from its classifier and `detection` of its card."""
    return sliding_window(
        task,
        scales=detection["scales"],
        iou_threshold=detection["iou_threshold"],
        score_threshold=min(LOWEST_SCORE, detection["score_threshold"]),
    )


def read_pictures(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read the pictures of a split, each with the boxes of its objects."""
    return ((split.picture(index), boxes) for index, boxes in enumerate(split.annotations["boxes"]))


def measure(detector: SlidingWindow, *splits: Split, score_threshold: float | None = None) -> dict[str, Any]:
    """Measure a detector on splits together, see `summarise_detections`."""
    targets, detections = [], []
    for split in splits:
        annotations = (split.annotations[key] for key in ("boxes", "class_ids"))
        targets += [np.column_stack(each) for each in zip(*annotations, strict=True)]
        detections += [detector.detect(image).rows for image, _ in read_pictures(split)]
    return summarise_detections(targets, detections, detector.classes, score_threshold=score_threshold)


def print_detection(metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the average precision of each class at an IoU of 0.5, and their mean, for each split."""
    table = Table(title="AP50 of the detector", title_justify="left")
    table.add_column("class")
    for split in metrics:
        table.add_column(split, justify="right")
    for rows in zip(*(each["per_class"] for each in metrics.values()), strict=True):
        table.add_row(escape(rows[0]["class"]), *(_percent(row["ap50"]) for row in rows))
    table.add_section()
    for name, key in {"mean": "ap50", "COCO's AP": "ap", "precision": "precision", "recall": "recall"}.items():
        table.add_row(name, *(_percent(each[key]) for each in metrics.values()))
    Console().print(table)


def _percent(share: float | None) -> str:
    return "\N{EN DASH}" if share is None else f"{share:.1%}"
