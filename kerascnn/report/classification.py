"""What the page of a classifier says of one split; how it looks is in classification.html."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from kerascnn.report.plots import plot_confusion
from kerascnn.report.tiles import share_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's accuracy."""
    return share_tile(f"Accuracy, {split}", metrics["accuracy"], metrics["examples"])


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split beside its numbers: the confusion matrix, and a table by class.

    The worst class stands first. Classes without pictures come last: nothing is known about them.
    """
    return {
        "plot": Markup(plot_confusion(metrics["confusion"], classes)),
        "classes": sorted(
            most_often_taken_for(metrics, classes), key=lambda row: (row["support"] == 0, row["f1"] or 0.0)
        ),
    }


def most_often_taken_for(metrics: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Give the rows of the per-class table, each with the class it was most often taken for, and how often."""
    confusion = np.array(metrics["confusion"])
    np.fill_diagonal(confusion, 0)
    rows = []
    for row in metrics["per_class"]:
        wrong = confusion[list(classes).index(row["class"])]
        rival = int(wrong.argmax())
        rows.append({**row, "rival": classes[rival] if wrong[rival] else None, "rival_count": int(wrong[rival])})
    return rows
