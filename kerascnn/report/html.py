"""The report of a run: report.html, one page for a person who did not write the code.

The page is one file: styles, plots and pictures are inside it, it runs no script and asks the network for nothing. What
is on the page is gathered here, how it looks is in template.html.
"""

import base64
import io
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image

from kerascnn.files import write_file
from kerascnn.report import units
from kerascnn.report.draw import check_picture, thumbnail
from kerascnn.report.plots import plot_confusion, plot_history

REPORT_NAME = "report.html"
PREFERRED_SPLITS = ("test", "validation")  # the answer comes from the first of these that was measured
MAX_MISTAKES = 24
THUMBNAIL_SIZE = 288  # px; shown at about half of it, for screens with two pixels per px
JPEG_QUALITY = 82
NORMAL_95 = 1.96  # the normal distribution's two-sided 95% quantile


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture that was answered wrongly.

    Attributes:
        picture: uint8, (H, W, 3), RGB.
        true: its class.
        predicted: the class it was taken for.
        confidence: probability of the predicted class, 0..1.
        name: the picture's file name.
    """

    picture: np.ndarray
    true: str
    predicted: str
    confidence: float
    name: str

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for what is not a picture or not a probability."""
        check_picture(self.picture)
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence must lie in 0..1. Received: confidence={self.confidence}.")


def write_html(
    folder: str | Path,
    card: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    mistakes: Sequence[Mistake],
    *,
    num_mistakes: int | None = None,
) -> Path:
    """Write the report of a run as report.html into its folder, whole or not at all.

    Args:
        folder: an existing run folder.
        card: the run's card, see `write_card`. Keys the page does not know are left out of it.
        history: one mapping per epoch with the keys stage, epoch, learning_rate, loss, accuracy, val_loss and
            val_accuracy, see `plot_history`; empty when nothing was trained.
        mistakes: wrong answers in any order, of the split that the page leads with, see `leading_split`; the
            `MAX_MISTAKES` most confident are shown.
        num_mistakes: how many there are, where not all of them are given.

    Returns:
        The path of the written file.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters.update({unit.__name__: unit for unit in units.FILTERS})
    worst = sorted(mistakes, key=lambda mistake: -mistake.confidence)
    splits = _splits(card)
    text = pages.get_template("template.html").render(
        card=card,
        tiles=[_accuracy_tile(split) for split in splits] + _file_tiles(card.get("export", {})),
        splits=splits,
        history_plot=Markup(plot_history(history, best_epoch=card.get("best_epoch"))) if history else None,
        mistakes=[(mistake, _data_url(mistake.picture)) for mistake in worst[:MAX_MISTAKES]],
        num_mistakes=len(mistakes) if num_mistakes is None else num_mistakes,
        set_aside=_by_reason(card["data"].get("set_aside", [])),
        per_class=_pictures_per_class(card["data"]["splits"], card["classes"]),
    )
    return write_file(Path(folder) / REPORT_NAME, text)


def leading_split(measured: Collection[str]) -> str:
    """Name the split that the page leads with: test where it was measured, else validation, else the first."""
    return next((name for name in PREFERRED_SPLITS if name in measured), next(iter(measured)))


def _splits(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was measured on each split, the one that gives the answer first."""
    measured = card["metrics"]
    names = [name for name in PREFERRED_SPLITS if name in measured]
    names += [name for name in measured if name not in PREFERRED_SPLITS]
    return [
        {
            "name": name,
            "metrics": measured[name],
            "plot": Markup(plot_confusion(measured[name]["confusion"], card["classes"])),
            "classes": _worst_first(measured[name], card["classes"]),
        }
        for name in names
    ]


def _worst_first(metrics: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the per-class table by rising F1, each with the class it was most often taken for.

    Classes without pictures come last: nothing is known about them.
    """
    confusion = np.array(metrics["confusion"])
    np.fill_diagonal(confusion, 0)
    rows = []
    for row in metrics["per_class"]:
        wrong = confusion[list(classes).index(row["class"])]
        rival = int(wrong.argmax())
        rows.append({**row, "rival": classes[rival] if wrong[rival] else None, "rival_count": int(wrong[rival])})
    return sorted(rows, key=lambda row: (row["support"] == 0, row["f1"] or 0.0))


def _accuracy_tile(split: Mapping[str, Any]) -> dict[str, Any]:
    accuracy, examples = split["metrics"]["accuracy"], split["metrics"]["examples"]
    low, high = _interval(accuracy, examples)
    right = f"{round(accuracy * examples):,} of {examples:,} right"
    interval = f"95% interval {units.percent(low)} to {units.percent(high)}"
    return _tile(f"Accuracy, {split['name']}", units.percent(accuracy), f"{right}; {interval}")


def _file_tiles(export: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return accuracy, size and latency of the int8 file, or of the smallest file that passed, against float32's."""
    passed = {kind: row for kind, row in export.items() if row.get("passed")}
    tiles = []
    if "int8" in export and "int8" not in passed:
        tiles.append(_tile("int8 file", "failed", export["int8"].get("reason"), failed=True))
    if not passed:
        return tiles
    kind = "int8" if "int8" in passed else min(passed, key=lambda kind: passed[kind]["bytes"])
    row = passed[kind]
    whole = passed.get("float32", {}) if kind != "float32" else {}
    size = _versus(whole.get("bytes"), row["bytes"], "smaller", "larger")
    speed = _versus(whole.get("latency_ms"), row.get("latency_ms"), "faster", "slower")
    if None not in (row.get("accuracy"), whole.get("accuracy")):
        change = units.points(row["accuracy"] - whole["accuracy"])
        tiles.append(_tile(f"Accuracy, {kind} file", units.percent(row["accuracy"]), f"{change} against float32"))
    tiles.append(_tile(f"Size, {kind} file", units.file_size(row["bytes"]), size))
    tiles.append(_tile(f"Latency, {kind} file", units.latency(row.get("latency_ms")), speed))
    return tiles


def _tile(label: str, value: str, note: str | None, *, failed: bool = False) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "failed": failed}


def _versus(reference: float | None, value: float | None, below: str, above: str) -> str | None:
    """Say how many times `value` is below or above float32's, or nothing where one of them is missing."""
    if not reference or not value:
        return None
    times, word = (reference / value, below) if value <= reference else (value / reference, above)
    return f"{times:.1f}{units.TIMES} {word} than float32"


def _interval(share: float, number: int) -> tuple[float, float]:
    """Return the 95% confidence interval of a share seen in `number` independent cases (Wilson, 1927)."""
    if number == 0:
        return 0.0, 1.0
    weight = NORMAL_95**2 / number
    middle = share + weight / 2
    reach = math.sqrt(weight * (share * (1 - share) + weight / 4))
    return max(0.0, (middle - reach) / (1 + weight)), min(1.0, (middle + reach) / (1 + weight))


def _by_reason(set_aside: Sequence[Mapping[str, str]]) -> list[tuple[str, list[Mapping[str, str]]]]:
    """Return (reason, its files), the most frequent first; a reason is the text before the colon."""
    kinds = [entry["reason"].partition(":")[0] for entry in set_aside]
    ordered = [kind for kind, _ in Counter(kinds).most_common()]
    return [(kind, [entry for entry, own in zip(set_aside, kinds, strict=True) if own == kind]) for kind in ordered]


def _pictures_per_class(splits: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return for every class its number of pictures in each split and its share of the largest class, 0..1."""
    counts = {name: [split["per_class"].get(name, 0) for split in splits.values()] for name in classes}
    largest = max((sum(row) for row in counts.values()), default=0)
    return [{"class": name, "counts": row, "share": sum(row) / max(largest, 1)} for name, row in counts.items()]


def _data_url(picture: np.ndarray) -> str:
    """Return a small JPEG copy of the picture as a data: URL."""
    buffer = io.BytesIO()
    Image.fromarray(thumbnail(picture, THUMBNAIL_SIZE)).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
