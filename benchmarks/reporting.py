"""What the benchmarks share: the machine, the table, the JSON file, the timing of .tflite files."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from kerascnn.export import TFLiteModel

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "mediapipe", "torch")
ROUNDS = 5
RUNS_A_ROUND = 5


def report(title: str, rows: Sequence[Mapping[str, Any]], path: Path | None) -> None:
    """Print rows as a table with the machine below it, and write them to a JSON file if a path is given.

    Args:
        title: stands above the table.
        rows: equal keys, which become the headings.
        path: of the JSON file.
    """
    table = Table(title=title, title_justify="left")
    for heading, value in rows[0].items():
        table.add_column(heading.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        table.add_row(*map(_format, row.values()))
    console = Console(width=160)
    console.print(table)
    console.print(describe_machine(), highlight=False)
    if path is not None:
        text = json.dumps({"title": title, "machine": describe_machine(), "rows": list(rows)}, indent=2)
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)


def describe_machine() -> str:
    """Name the system, the number of cores and the versions that matter."""
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def time_in_turns(files: Mapping[str, TFLiteModel], image: np.ndarray) -> dict[str, float]:
    """Time .tflite files in turns, so that what else the machine does hits all of them alike.

    Args:
        files: loaded files, by name.
        image: (H, W, 3) uint8, which all of them take.

    Returns:
        The median milliseconds of one picture for each name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(ROUNDS):
        for name, model in files.items():
            seconds[name] += model.time(image, RUNS_A_ROUND)
    return {name: float(np.median(times)) * 1e3 for name, times in seconds.items()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _format(value: Any) -> str:
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
