"""What the page says of a detector that a run's model serves; how it looks is in detection.html."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from kerascnn.report.detection_plots import plot_detection_errors, plot_precision_recall


def present(detection: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Give what the template shows of a detector on a split.

    Args:
        detection: what the card says of it: `metrics` by split, each of `kerascnn.metrics.detection`.
        split: the one that the page leads with.

    Returns:
        The name of the split, its metrics, and two plots: precision against recall, and the kinds of errors.
    """
    metrics = detection["metrics"][split]
    ap50 = {row["class"]: row["ap50"] for row in metrics["per_class"]}
    curves = [{**curve, "ap50": ap50[curve["class"]]} for curve in metrics["curves"]]
    chosen = (metrics["recall"], metrics["precision"])
    return {
        "name": split,
        "metrics": metrics,
        "curves": Markup(plot_precision_recall(curves, chosen=None if None in chosen else chosen)),
        "errors": Markup(plot_detection_errors(metrics["errors"]["total"])),
    }
