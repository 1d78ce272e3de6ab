"""Find what is where in pictures and videos, with a classifier of windows that slides over them.

    python pipelines/detect_windows.py smear.png --run saved_models/bccd --save found

The run is one of train_windows.py, or of R-CNN by train_rcnn.py; evaluate.py measures it. Prints what was found in each
file, in all frames of a video together, and how many milliseconds a picture took; with --save, writes pictures and
videos with the boxes drawn on them.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from console import run_script
from detections import detect_in_files
from detectors import open_detector
from smoke import smoke_pictures
from train_windows import SMOKE_RUN
from train_windows import Config as TrainConfig
from train_windows import main as train

from kerascnn.runs import open_run


@dataclass(frozen=True)
class Config:
    """Find what is where in pictures and videos."""

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Pictures, videos, or folders of them."""
    run: Path | None = None
    """The run folder, of train_windows.py or train_rcnn.py."""
    score_threshold: float | None = None
    """From which score on a detection counts. By default what was best on the validation pictures of the run."""
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
    task, card, _ = open_run(config.run)
    if "detection" not in card:
        raise ValueError(
            "detect_windows.py takes runs of train_windows.py and of train_rcnn.py --variant rcnn, others detect with "
            f"detect.py or predict.py. Received: {config.run}, whose card does not say how to detect."
        )
    detector = open_detector(config.run, task, card["detection"])
    best = card["detection"]["score_threshold"]
    threshold = best if config.score_threshold is None else config.score_threshold
    return detect_in_files(config.files, lambda image: detector.detect(image).above(threshold), config.save)


def _smoke(config: Config) -> Config:
    if not (SMOKE_RUN / "card.json").exists():
        train(TrainConfig(smoke=True))
    return dataclasses.replace(config, run=SMOKE_RUN, files=config.files or smoke_pictures())


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
