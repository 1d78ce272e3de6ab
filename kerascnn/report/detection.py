"""What the page says of one split of a detector; how it looks is in detection.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kerascnn.report import units
from kerascnn.report.detection_plots import plot_detection_errors, plot_precision_recall, plot_proposal_recall
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's average precision."""
    note = f"of {metrics['support']:,} objects; {units.percent(metrics['ap'])} over IoUs from 0.5 to 0.95"
    return make_tile(f"AP50, {split}", units.percent(metrics["ap50"]), note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split beside its numbers.

    Args:
        metrics: of `kerascnn.metrics.detection.summarise_detections`.
        classes: name of each class.

    Returns:
        Plots: precision against recall, `curves`; the kinds of errors, `errors`; and, of a detector that proposes
        regions, the recall of these, `recall`. A table by class, the lowest average precision first.
    """
    ap50 = {row["class"]: row["ap50"] for row in metrics["per_class"]}
    curves = [{**curve, "ap50": ap50[curve["class"]]} for curve in metrics["curves"]]
    overall = metrics["curve"] if len(curves) > 1 else None
    chosen = (metrics["recall"], metrics["precision"])
    recall = metrics.get("parts", {}).get("region_proposals", {}).get("proposal_recall")
    return {
        "curves": Markup(plot_precision_recall(curves, overall=overall, chosen=None if None in chosen else chosen)),
        "recall": Markup(plot_proposal_recall(recall)) if recall else None,
        "errors": Markup(plot_detection_errors(metrics["errors"]["total"])),
        "classes": sorted(metrics["per_class"], key=lambda row: (row["support"] == 0, row["ap50"] or 0.0)),
    }
