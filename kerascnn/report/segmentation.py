"""What the page of a network for segmentation says of one split; how it looks is in segmentation.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kerascnn.report import units
from kerascnn.report.classification import most_often_taken_for
from kerascnn.report.plots import plot_confusion
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's mean IoU."""
    note = f"on {metrics['examples']:,} pictures; {units.percent(metrics['pixel_accuracy'])} of their pixels are right"
    return make_tile(f"Mean IoU, {split}", units.percent(metrics["mean_iou"]), note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split: the confusion matrix, and a table by class, the worst first."""
    rows = most_often_taken_for(metrics, classes)
    return {
        "plot": Markup(plot_confusion(metrics["confusion"], classes)),
        "classes": sorted(rows, key=lambda row: (row["support"] == 0, row["iou"] or 0.0)),
    }
