"""The report of a run: report.html, one page for a person who did not write the code.

The page is one file: styles, plots and pictures are inside it, it runs no script and asks the network for nothing. What
is on the page is gathered here, how it looks is in template.html.
"""

import base64
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image

from kerascnn.files import write_file
from kerascnn.report import classification, detection, faces, fast_style, landmarks, localization, segmentation, units
from kerascnn.report.draw import thumbnail
from kerascnn.report.gallery import Mistake
from kerascnn.report.plots import plot_history
from kerascnn.report.tiles import file_tiles

REPORT_NAME = "report.html"
PREFERRED_SPLITS = ("test", "validation")  # the answer comes from the first of these that was measured
MAX_MISTAKES, MAX_BEST = 24, 6
# px, by the section; shown at about half of it, for screens with two pixels per px. Many boxes need more room.
THUMBNAIL_SIZES = {"detection": 576, "segmentation": 576, "faces": 400, "fast_style": 576}
THUMBNAIL_SIZE = 288
JPEG_QUALITY = 82

# By the name of a task: what the page says of one of its splits, with a template of the same name as the module.
SECTIONS = {
    "classification": classification,
    "faces": faces,
    "fast_style": fast_style,
    "landmarks": landmarks,
    "localization": localization,
    "segmentation": segmentation,
    "yolo": detection,
    "yolo_v1": detection,
    "region_proposals": detection,
    "fast_rcnn": detection,
    "faster_rcnn": detection,
}


def write_html(
    folder: str | Path,
    card: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    mistakes: Sequence[Mistake],
    *,
    num_mistakes: int | None = None,
    best: Sequence[Mistake] = (),
) -> Path:
    """Write the report of a run as report.html into its folder, whole or not at all.

    Args:
        folder: an existing run folder.
        card: the run's card, see `write_card`. Keys the page does not know are left out of it.
        history: one mapping per epoch, see `plot_history`; empty when nothing was trained.
        mistakes: wrong answers, the worst first, of the split that the page leads with, see `leading_split`; the first
            `MAX_MISTAKES` are shown.
        num_mistakes: how many there are, where not all of them are given.
        best: where answers are more or less right, the best ones, of which the first `MAX_BEST` are shown.

    Returns:
        The path of the written file.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters.update({unit.__name__: unit for unit in (*units.FILTERS, *units.WORDS)})
    section, splits = _section_name(card), _splits(card)
    size = THUMBNAIL_SIZES.get(section, THUMBNAIL_SIZE)
    plot = partial(plot_history, monitor=card["monitor"], best_epoch=card.get("best_epoch"))
    text = pages.get_template("template.html").render(
        card=card,
        section=section,
        tiles=[split["tile"] for split in splits] + file_tiles(card.get("export", {}), card["score_name"]),
        splits=splits,
        detection=_detection(card),
        history_plot=Markup(plot(history)) if history else None,
        mistakes=[(mistake, _data_url(mistake.picture, size)) for mistake in mistakes[:MAX_MISTAKES]],
        best=[(answer, _data_url(answer.picture, size)) for answer in best[:MAX_BEST]],
        num_mistakes=len(mistakes) or None if num_mistakes is None else num_mistakes,
        set_aside=by_reason(card["data"].get("set_aside", [])),
        clipped=by_reason(card["data"].get("clipped", [])),
        per_class=_pictures_per_class(card["data"]["splits"], card["classes"]),
    )
    return write_file(Path(folder) / REPORT_NAME, text)


def leading_split(measured: Collection[str]) -> str:
    """Name the split that the page leads with: test where it was measured, else validation, else the first."""
    return next((name for name in PREFERRED_SPLITS if name in measured), next(iter(measured)))


def _detection(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is shown of the detector that the model serves, if there is one, on the split that leads."""
    if "detection" not in card:
        return None
    measured = card["detection"]["metrics"]
    name = leading_split(measured)
    shown = {"name": name, "title": f"As a detector, {name}", "metrics": measured[name]}
    return shown | detection.present(measured[name], card["classes"])


def by_reason(found: Sequence[Mapping[str, str]]) -> list[tuple[str, list[Mapping[str, str]]]]:
    """Sort what was set aside or clipped by its reason, of which the text before the first colon counts.

    Args:
        found: `path` and `reason` of each, as the card has them.

    Returns:
        (reason, what was found for it), the most frequent first.
    """
    kinds = [entry["reason"].partition(":")[0] for entry in found]
    ordered = [kind for kind, _ in Counter(kinds).most_common()]
    return [(kind, [entry for entry, own in zip(found, kinds, strict=True) if own == kind]) for kind in ordered]


def _section_name(card: Mapping[str, Any]) -> str:
    """Return the name of the module that says what was measured, and of its template."""
    return SECTIONS[card["task"]].__name__.rpartition(".")[2]


def _splits(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was measured on each split, the one that gives the answer first."""
    measured, section = card["metrics"], SECTIONS[card["task"]]
    names = [name for name in PREFERRED_SPLITS if name in measured]
    names += [name for name in measured if name not in PREFERRED_SPLITS]
    return [
        {
            "name": name,
            "metrics": measured[name],
            "tile": section.tile(name, measured[name]),
            **section.present(measured[name], card["classes"]),
        }
        for name in names
    ]


def _pictures_per_class(splits: Mapping[str, Any], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return for every class its number of pictures in each split and its share of the largest class, 0..1."""
    counts = {name: [split["per_class"].get(name, 0) for split in splits.values()] for name in classes}
    largest = max((sum(row) for row in counts.values()), default=0)
    return [{"class": name, "counts": row, "share": sum(row) / max(largest, 1)} for name, row in counts.items()]


def _data_url(picture: np.ndarray, size: int) -> str:
    """Return a JPEG copy of the picture, with sides of at most `size` px, as a data: URL."""
    buffer = io.BytesIO()
    Image.fromarray(thumbnail(picture, size)).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
