"""Find what is where in pictures, with a classifier of windows that slides over them.

    python pipelines/detect_windows.py smear.png --run saved_models/bccd --save found

The run is one of train_windows.py, which evaluate.py measures. Prints what was found in each picture; with --save,
draws its boxes.
"""

import dataclasses
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from console import run_script
from smoke import smoke_pictures
from train_windows import SMOKE_RUN
from train_windows import Config as TrainConfig
from train_windows import main as train
from windows import draw_detections, make_detector, print_found

from kerascnn.data import pictures
from kerascnn.report import write_picture
from kerascnn.runs import open_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Find what is where in pictures."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The picture files, or folders of them."""
    run: Path | None = None
    """The run folder, of train_windows.py."""
    score_threshold: float | None = None
    """From which score on a detection counts. By default what was best on the validation pictures of the run."""
    save: Path | None = None
    """A folder for pictures with the boxes drawn on them; it is made."""
    smoke: bool = False
    """Detect with a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Detect and print. Returns the exit status: 1 if a picture could not be read."""
    config = _smoke(config) if config.smoke else config
    if config.run is None or not config.pictures:
        raise ValueError("Say which run to detect with and where: --run saved_models/NAME PICTURE...")
    task, card, _ = open_run(config.run)
    if "detection" not in card:
        raise ValueError(f"{config.run} is no run of train_windows.py: its card does not say how to detect.")
    detector = make_detector(task, card["detection"])
    best = card["detection"]["score_threshold"]
    threshold = best if config.score_threshold is None else config.score_threshold
    files = [file for path in config.pictures for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    split, set_aside = pictures(files)
    for each in set_aside:
        logger.warning("%s was left out: %s.", each.path, each.reason)
    if len(split) == 0:
        raise ValueError("None of the pictures can be read.")
    found, seconds = [], []
    for index in range(len(split)):
        image = split.picture(index)
        started = time.perf_counter()
        found.append(detector.detect(image).above(threshold))
        seconds.append(time.perf_counter() - started)
        if config.save is not None:
            path = config.save / f"{index:03d}_{Path(split.names[index]).stem}.png"
            write_picture(path, draw_detections(image, found[-1]))
    print_found(split.names, found, seconds)
    if config.save is not None:
        logger.info("Wrote %d pictures to %s.", len(found), config.save)
    return 1 if set_aside else 0


def _smoke(config: Config) -> Config:
    if not (SMOKE_RUN / "card.json").exists():
        train(TrainConfig(smoke=True))
    return dataclasses.replace(config, run=SMOKE_RUN, pictures=config.pictures or smoke_pictures())


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
