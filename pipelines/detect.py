"""Find what is where in pictures and videos.

    python pipelines/detect.py street.jpg film.mp4 --run saved_models/cells --save found

The run is one of train_yolo.py or train_rcnn.py; detect_windows.py takes those of its variant rcnn. Prints what was
found in each file, in all frames of a video together, and how many milliseconds a picture took; with --save, writes
pictures and videos with the boxes drawn on them, and a table of all.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from console import run_script
from detections import detect_in_files
from smoke import smoke_pictures
from train_yolo import SMOKE_RUN
from train_yolo import Config as TrainConfig
from train_yolo import main as train

from kerascnn.data import open_source
from kerascnn.data.video import write_video
from kerascnn.runs import load_answerer, open_run
from kerascnn.tasks import DetectionTask


@dataclass(frozen=True)
class Config:
    """Find what is where in pictures and videos."""

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Pictures, videos, or folders of them."""
    run: Path | None = None
    """The run folder, of train_yolo.py or train_rcnn.py."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    score_threshold: float | None = None
    """Above which score a detection counts. By default what was best on the validation pictures of the run."""
    save: Path | None = None
    """A folder for boxes.csv, and for pictures and videos with the boxes drawn on them; it is made. Videos lose their
    sound."""
    smoke: bool = False
    """Detect with a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Detect and print. Returns the exit status: 1 if a file could not be read."""
    config = _smoke(config) if config.smoke else config
    if config.run is None or not config.files:
        raise ValueError("Say which run to detect with and where: --run saved_models/NAME FILE...")
    task, _, _ = open_run(config.run)
    if not isinstance(task, DetectionTask):
        raise ValueError(
            f"{config.run} is no run of train_yolo.py, nor of Fast or Faster R-CNN: its task is {task.name}."
        )
    if config.score_threshold is not None:
        task = dataclasses.replace(task, score_threshold=config.score_threshold)
    detect = load_answerer(config.run, task, config.model)
    detect(np.zeros((*task.image_size, 3), np.uint8))  # the first picture takes longer, and is not to be timed
    return detect_in_files(config.files, detect, config.save)


def _smoke(config: Config) -> Config:
    if not (SMOKE_RUN / "card.json").exists():
        train(TrainConfig(smoke=True))
    return dataclasses.replace(config, run=SMOKE_RUN, files=config.files or (*smoke_pictures(), _smoke_video()))


def _smoke_video() -> Path:
    """Write the first pictures of the embedded data as a video, beside the run."""
    split = open_source("scenes/tiny").valid
    return write_video(SMOKE_RUN.with_name("smoke_video.mp4"), map(split.picture, range(5)), 5)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
