"""Ask a run what is in some pictures.

    python pipelines/predict.py --run saved_models/photos cat.jpg dog.png --save answers

Prints a table with the most probable classes, or with what was found and where; with --save, pictures with the answer
on them or below.
"""

import dataclasses
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from console import print_answers, run_script
from files import open_some_pictures
from smoke import smoke_pictures, smoke_run

from kerascnn.data import pipeline
from kerascnn.report import describe_answer, draw_answer, write_picture
from kerascnn.runs import load_predictor, open_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Ask a run what is in some pictures."""

    pictures: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The picture files, or folders of them."""
    run: Path | None = None
    """The run folder."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    top: int = 3
    """How many classes, boxes or landmarks to print for each picture."""
    save: Path | None = None
    """A folder for pictures with the answer; it is made."""
    smoke: bool = False
    """Ask a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Predict and print. Returns the exit status: 1 if a picture could not be read."""
    if config.smoke:
        config = dataclasses.replace(config, run=smoke_run(), pictures=smoke_pictures())
    if config.run is None or not config.pictures:
        raise ValueError("Say which run to ask and about which pictures: --run saved_models/NAME PICTURE...")
    task, _, _ = open_run(config.run)
    split, left_out = open_some_pictures(config.pictures)
    outputs = load_predictor(config.run, task, config.model)(pipeline(split, task)).outputs
    answers = task.answers(outputs, [split.picture(index).shape[:2] for index in range(len(split))])
    print_answers(split.names, [describe_answer(answer, config.top) for answer in answers])
    if config.save is not None:
        for index, answer in enumerate(answers):
            drawn = draw_answer(answer, split.picture(index))
            write_picture(config.save / f"{index:03d}_{Path(split.names[index]).stem}.png", drawn)
        logger.info("Wrote %d pictures to %s.", len(answers), config.save)
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
