"""What the page of a localizer says of one split; how it looks is in localization.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn.report import units
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's mean IoU."""
    note = f"of {metrics['support']:,} objects; {units.percent(metrics['box_accuracy'])} of the boxes from 0.5 on"
    return make_tile(f"Mean IoU, {split}", units.percent(metrics["mean_iou"]), note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split beside its numbers: a table by class, the lowest IoU first."""
    rows = sorted(metrics["per_class"], key=lambda row: (row["support"] == 0, row["mean_iou"] or 0.0))
    return {"classes": rows}
