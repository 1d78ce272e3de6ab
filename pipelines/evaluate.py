"""Measure a run on a data set: its Keras model, or any of the exported files.

    python pipelines/evaluate.py --run saved_models/photos --data more_photos --split all --model int8

Prints its score, accuracy for a classifier, and a table by class. The same file on the same validation split gives the
score in the run's card.
"""

import dataclasses
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from console import print_measured, run_script
from smoke import smoke_run

from kerascnn.data import pipeline
from kerascnn.runs import load_predictor, open_data, open_run


@dataclass(frozen=True)
class Config:
    """Measure a run on a data set: its Keras model, or any of the exported files."""

    run: Path | None = None
    """The run folder."""
    data: str | None = None
    """What to measure on, as finetune.py takes it. By default the data of the run."""
    split: Literal["train", "validation", "test", "all"] = "validation"
    """Which split of it; all is for a folder of new pictures, which has none."""
    model: Literal["keras", "float32", "float16", "dynamic", "int8"] = "keras"
    """The Keras model or one of the TFLite files."""
    batch_size: int = 32
    """Pictures at a time."""
    smoke: bool = False
    """Measure a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Measure and print."""
    config = dataclasses.replace(config, run=smoke_run(), data="scenes/tiny") if config.smoke else config
    if config.run is None:
        raise ValueError("Say which run to measure: --run saved_models/NAME.")
    task, card, _ = open_run(config.run)
    source = open_data(card, config.data)
    names = list(source.splits) if config.split == "all" else [config.split]
    if not set(names) <= set(source.splits):
        raise ValueError(f"{source.name} has the splits {', '.join(source.splits)}. Received: {config.split}.")
    predict = load_predictor(config.run, task, config.model)
    answers = predict(
        itertools.chain(*(pipeline(source.splits[name], task, batch_size=config.batch_size) for name in names))
    )
    title = f"{config.run}, {config.model}, on {source.name}, {config.split}"
    print_measured(title, task, answers)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
