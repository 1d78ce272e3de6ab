"""Measure a run on a data set: its Keras model, or any of the exported files.

    python pipelines/evaluate.py --run saved_models/photos --data more_photos --split all --model int8

Prints its score, accuracy for a classifier, and a table by class. The same file on the same validation split gives the
score in the run's card. Of a run of windows or regions, the detector that its classifier serves is measured.
"""

import dataclasses
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from console import print_measured, print_score, run_script
from detectors import open_detector
from smoke import smoke_run
from windows import measure, print_detection

from kerascnn.data import Source, Split, pipeline
from kerascnn.export import Reference
from kerascnn.runs import load_predictor, open_data, open_pictures, open_run
from kerascnn.tasks import ClassificationTask


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
    """The Keras model or one of the TFLite files. Those of a run of windows see a window only, and are not measured."""
    batch_size: int = 32
    """Pictures at a time. A detector that slides windows looks at one."""
    smoke: bool = False
    """Measure a small run on the embedded data, which is trained first if it is not there."""


def main(config: Config) -> int:
    """Measure and print."""
    config = dataclasses.replace(config, run=smoke_run(), data="scenes/tiny") if config.smoke else config
    if config.run is None:
        raise ValueError("Say which run to measure: --run saved_models/NAME.")
    task, card, _ = open_run(config.run)
    if "detection" in card:
        _measure_windows(config, task, card)
        return 0
    source = open_data(card, config.data)
    splits = _choose_splits(source, config.split)
    predict = load_predictor(config.run, task, config.model)
    answers = predict(itertools.chain(*(pipeline(split, task, batch_size=config.batch_size) for split in splits)))
    title = f"{config.run}, {config.model}, on {source.name}, {config.split}"
    print_measured(title, task, answers)
    for part in task.parts.values() if config.model == "keras" else ():
        batches = (pipeline(split, part, batch_size=config.batch_size) for split in splits)
        found = Reference.of(part, itertools.chain(*batches))
        print_score(part, part.evaluate(found.outputs, found.targets))
    return 0


def _measure_windows(config: Config, task: ClassificationTask, card: Mapping[str, Any]) -> None:
    if config.model != "keras":
        raise ValueError(
            "The TFLite files of a run of windows see a window only: measure its detector with --model keras. "
            f"Received: --model {config.model}."
        )
    source, detection = open_pictures(card, config.data), card["detection"]
    detector, splits = open_detector(config.run, task, detection), _choose_splits(source, config.split)
    print_detection({config.split: measure(detector, *splits, score_threshold=detection["score_threshold"])})


def _choose_splits(source: Source, name: str) -> list[Split]:
    if name == "all":
        return list(source.splits.values())
    if name not in source.splits:
        raise ValueError(f"{source.name} has the splits {', '.join(source.splits)}. Received: {name}.")
    return [source.splits[name]]


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
