"""What the page of a network that stylises says of one split; how it looks is in fast_style.html."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn.report import units
from kerascnn.report.tiles import make_tile


def tile(split: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tile of the share of the cost that is gone."""
    note = f"of what {metrics['measured']:,} photos cost as they are"
    return make_tile(f"Cost removed, {split}", units.percent(metrics["score"]), note)


def present(metrics: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Give what the template shows of a split beside its numbers: nothing."""
    return {}
