"""Measure a run on a data set: its Keras model, or any of the exported files.

    python pipelines/evaluate.py --run saved_models/photos --data more_photos --model int8

Prints accuracy and a table by class. The same file on the same validation split gives the accuracy in the run's card.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from console import print_classes, run_script
from smoke import smoke_run

from kerascnn.data import open_source, pipeline
from kerascnn.runs import load_predictor, open_run


@dataclass(frozen=True)
class Config:
    """Measure a run on a data set: its Keras model, or any of the exported files."""

    run: Path | None = None
    """The run folder."""
    data: str | None = None
    """What to measure on, as finetune.py takes it. By default the data of the run."""
    split: Literal["train", "validation", "test"] = "validation"
    """Which split of it."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    batch_size: int = 32
    """Pictures at a time."""
    smoke: bool = False
    """Measure a run of seconds on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Measure and print."""
    config = dataclasses.replace(config, run=smoke_run(), data="scenes/tiny") if config.smoke else config
    if config.run is None:
        raise ValueError("Say which run to measure: --run saved_models/NAME.")
    task, card, _ = open_run(config.run)
    source = open_source(config.data or card["data"]["source"], seed=card["seed"])
    if source.classes != task.classes:
        raise ValueError(f"{source.name} has the classes {source.classes}, and the run knows {task.classes}.")
    if config.split not in source.splits:
        raise ValueError(f"{source.name} has the splits {', '.join(source.splits)}. Received: {config.split}.")
    split = source.splits[config.split]
    outputs = load_predictor(config.run, task, config.model)(pipeline(split, task, batch_size=config.batch_size))
    print_classes(f"{config.run}, {config.model}, on {source.name}", task.evaluate(outputs, split.labels))
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, tyro.cli(Config, description=__doc__)))
