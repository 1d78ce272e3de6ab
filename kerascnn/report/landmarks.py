"""What the page of a network for landmarks says of one split; how it looks is in landmarks.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kerascnn.report import units
from kerascnn.report.detection_plots import plot_cumulative_error
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's normalised mean error."""
    note = f"on {metrics['measured']:,} pictures; {units.percent(metrics['failure_rate'])} of them failed"
    return make_tile(f"Normalised mean error, {split}", units.percent(metrics["nme"]), note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split: the cumulative error curve, and a table by landmark, the worst first."""
    rows = sorted(metrics["per_landmark"], key=lambda row: (row["support"] == 0, -(row["error"] or 0.0)))
    return {"plot": Markup(plot_cumulative_error({"all landmarks": metrics["curve"]})), "landmarks": rows}
