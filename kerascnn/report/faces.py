"""What the page of a network for faces says of one split; how it looks is in faces.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kerascnn.report import units
from kerascnn.report.face_plots import plot_map, plot_roc, plot_similarities
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of a split's equal error rate."""
    found = "not measured" if metrics["eer"] is None else units.percent(metrics["eer"])
    note = f"on {metrics['examples']:,} pictures of {metrics['identities']:,} people"
    if metrics["rank_1"] is not None:
        note += f"; {units.percent(metrics['rank_1'])} are found by one picture of each"
    return make_tile(f"Equal error rate, {split}", found, note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split: the ROC, the similarities of pairs, and the map."""
    if metrics["eer"] is None:
        return {"measured": False, "map": Markup(plot_map(metrics["map"]))}
    return {
        "measured": True,
        "plot": Markup(plot_roc({"all pairs": metrics["roc"]})),
        "pairs": Markup(plot_similarities(metrics["histograms"], metrics["threshold"])),
        "map": Markup(plot_map(metrics["map"])),
    }
