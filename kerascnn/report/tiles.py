"""The large numbers at the top of a report: the score of each split, and what the file for the phone is like."""

import math
from collections.abc import Mapping
from typing import Any

from kerascnn.report import units

NORMAL_95 = 1.96  # the normal distribution's two-sided 95% quantile


def make_tile(label: str, value: str, note: str | None, *, failed: bool = False) -> dict[str, Any]:
    """Give a tile as the template takes it."""
    return {"label": label, "value": value, "note": note, "failed": failed}


def share_tile(label: str, share: float, examples: int) -> dict[str, Any]:
    """Give the tile of a share of pictures, in 0..1, with how far chance may have moved it."""
    low, high = share_interval(share, examples)
    right = f"{round(share * examples):,} of {examples:,} right"
    return make_tile(
        label, units.percent(share), f"{right}; 95% interval {units.percent(low)} to {units.percent(high)}"
    )


def share_interval(share: float, number: int) -> tuple[float, float]:
    """Return the 95% confidence interval of a share seen in `number` independent cases (Wilson, 1927)."""
    if number == 0:
        return 0.0, 1.0
    weight = NORMAL_95**2 / number
    middle = share + weight / 2
    reach = math.sqrt(weight * (share * (1 - share) + weight / 4))
    return max(0.0, (middle - reach) / (1 + weight)), min(1.0, (middle + reach) / (1 + weight))


def file_tiles(export: Mapping[str, Mapping[str, Any]], score_name: str) -> list[dict[str, Any]]:
    """Return score, size and latency of the int8 file, or of the smallest file that passed, against float32's."""
    passed = {kind: row for kind, row in export.items() if row.get("passed")}
    tiles = []
    if "int8" in export and "int8" not in passed:
        tiles.append(make_tile("int8 file", "failed", export["int8"].get("reason"), failed=True))
    if not passed:
        return tiles
    kind = "int8" if "int8" in passed else min(passed, key=lambda kind: passed[kind]["bytes"])
    row = passed[kind]
    whole = passed.get("float32", {}) if kind != "float32" else {}
    size = _versus(whole.get("bytes"), row["bytes"], "smaller", "larger")
    speed = _versus(whole.get("latency_ms"), row.get("latency_ms"), "faster", "slower")
    if None not in (row.get("score"), whole.get("score")):
        change = f"{units.points(row['score'] - whole['score'])} against float32"
        tiles.append(make_tile(f"{units.title(score_name)}, {kind} file", units.percent(row["score"]), change))
    tiles.append(make_tile(f"Size, {kind} file", units.file_size(row["bytes"]), size))
    tiles.append(make_tile(f"Latency, {kind} file", units.latency(row.get("latency_ms")), speed))
    return tiles


def _versus(reference: float | None, value: float | None, below: str, above: str) -> str | None:
    """Say how many times `value` is below or above float32's, or nothing where one of them is missing."""
    if not reference or not value:
        return None
    times, word = (reference / value, below) if value <= reference else (value / reference, above)
    return f"{times:.1f}{units.TIMES} {word} than float32"
