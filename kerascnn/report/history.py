"""The history of a run: history.csv, a row an epoch."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascnn.files import write_file

HISTORY_NAME = "history.csv"


def write_history(folder: str | Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as history.csv into a run folder, whole or not at all; the columns are those of all rows together."""
    file = io.StringIO(newline="")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_file(Path(folder) / HISTORY_NAME, file.getvalue())


def read_history(folder: str | Path) -> list[dict[str, Any]]:
    """Read the rows of a run folder's history.csv, numbers as numbers.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    with open(Path(folder) / HISTORY_NAME, encoding="utf-8", newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> int | float | str:
    for kind in (int, float):  # nan is a float
        try:
            return kind(text)
        except ValueError:
            continue
    return text
