"""Say of each pixel of pictures what it shows.

    python pipelines/segment.py street.jpg --run saved_models/streets --save found

The run is one of train_segmenter.py. Prints which share of each picture every class covers; with --pieces, how many
connected pieces of it there are; with --save, writes pictures with the classes in colours, masks of their numbers, and
a table of the areas.
"""

import csv
import dataclasses
import io
import logging
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from console import print_answers, run_script
from files import check_folder, open_some_pictures
from rich.progress import track
from smoke import smoke_pictures
from train_segmenter import SMOKE_RUN
from train_segmenter import Config as TrainConfig
from train_segmenter import main as train

from kerascnn.data.masks import encode_pixels
from kerascnn.files import write_file
from kerascnn.report import draw_answer, write_picture
from kerascnn.results import Mask
from kerascnn.runs import load_network, open_run
from kerascnn.tasks import SegmentationTask, Segmenter

logger = logging.getLogger("__main__")

TABLE_NAME = "areas.csv"


@dataclass(frozen=True)
class Config:
    """Say of each pixel of pictures what it shows."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The picture files, or folders of them."""
    run: Path | None = None
    """The run folder, of train_segmenter.py."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    tiled: bool = False
    """Look at pictures as large as they are, in tiles of the network's size; otherwise they are stretched to it."""
    overlap: float = 0.25
    """Share of a tile's sides that the next one covers too."""
    mirrored: bool = False
    """Ask about the mirrored picture too, and take the mean, in twice the time."""
    pieces: bool = False
    """Count connected pieces of each class but the first."""
    min_area: int = 16
    """Pixels that a piece must have to be counted."""
    save: Path | None = None
    """A folder for what was found; it is made."""
    smoke: bool = False
    """Segment with a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Segment and print. Returns the exit status: 1 if a picture could not be read."""
    config = _smoke(config) if config.smoke else config
    if config.run is None or not config.pictures:
        raise ValueError("Say which run to ask and about which pictures: --run saved_models/NAME PICTURE...")
    check_folder(config.save)
    task, _, _ = open_run(config.run)
    if not isinstance(task, SegmentationTask):
        raise ValueError(f"{config.run} is no run of train_segmenter.py: its task is {task.name}.")
    split, left_out = open_some_pictures(config.pictures)
    options = {"tiled": config.tiled, "overlap": config.overlap, "mirrored": config.mirrored}
    segmenter = Segmenter(task.classes, task.image_size, load_network(config.run, task, config.model), **options)
    rows, answers = [], []
    for index in track(range(len(split)), "Segmenting", transient=True):
        name, picture = split.names[index], split.picture(index)
        mask = segmenter.segment(picture)
        pieces = Counter(mask.objects(min_area=config.min_area).class_names) if config.pieces else None
        answers.append(_describe(mask, pieces))
        rows += _rows(name, mask, pieces)
        if config.save is not None:
            _save(config.save / f"{index:03d}_{Path(name).stem}", mask, picture)
    print_answers(split.names, answers)
    if config.save is not None:
        write_file(config.save / TABLE_NAME, _as_table(rows))
        logger.info("Wrote %d pictures and masks to %s.", len(answers), config.save)
    return 1 if left_out else 0


def _describe(mask: Mask, pieces: Counter[str] | None) -> list[str]:
    """Say how much of a picture each class covers, the largest first, and in how many pieces."""
    areas = sorted(mask.areas.items(), key=lambda pair: -pair[1])
    counts = {} if pieces is None else {name: f" in {count}" for name, count in pieces.items()}
    return [f"{name} {share:.1%}{counts.get(name, '')}" for name, share in areas if share]


def _rows(name: str, mask: Mask, pieces: Counter[str] | None) -> list[dict[str, str | int]]:
    """Give the table's rows of a picture: one for each class."""
    return [
        {"file": name, "class": class_name, "area": f"{share:.6f}"}
        | ({} if pieces is None else {"pieces": pieces[class_name] if number else ""})  # the first is not counted
        for number, (class_name, share) in enumerate(mask.areas.items())
    ]


def _save(path: Path, mask: Mask, picture: np.ndarray) -> None:
    """Write a picture with the classes in colours, and the mask of their numbers."""
    write_picture(path.with_name(f"{path.name}.png"), draw_answer(mask, picture))
    write_file(path.with_name(f"{path.name}_mask.png"), encode_pixels(mask.class_ids.astype(np.uint8)))


def _as_table(rows: list[dict[str, str | int]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _smoke(config: Config) -> Config:
    if not (SMOKE_RUN / "card.json").exists():
        train(TrainConfig(smoke=True))
    return dataclasses.replace(config, run=SMOKE_RUN, pictures=config.pictures or smoke_pictures())


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
