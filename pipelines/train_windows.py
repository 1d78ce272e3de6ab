"""Train a classifier of windows for a detector that slides it over pictures, and export it for phones.

    python pipelines/train_windows.py --data voc:bccd --output saved_models/bccd

The classifier is trained on windows around the objects and on windows of the background. Then the detector that it
makes looks at the pictures, windows at which it is wrong are added to the background, and it is trained anew. Those of
the validation pictures make the best epoch the best one for the detector; the accuracy there is lower than on the test
windows, which have none. From which score on a detection counts is chosen on the validation pictures, too.
detect_windows.py detects with the run, evaluate.py measures it.
"""

import dataclasses
import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from console import print_exports, run_command, run_script
from keras.utils import set_random_seed
from training import RunConfig, checkpoint_folder, make_small, run_name
from windows import LOWEST_SCORE, make_detector, measure, print_detection, read_pictures

from kerascnn.architectures import check_options
from kerascnn.data import Source, describe_source, open_source, pipeline, preset, window_scales, window_source
from kerascnn.export import check_output
from kerascnn.runs import RunFacts, write_run
from kerascnn.tasks import ClassificationTask, classification, find_negatives
from kerascnn.training import History, Stage, fit, from_scratch

logger = logging.getLogger(__name__)

SMOKE_RUN = Path("saved_models/smoke_windows")
ROUND = "round{}"  # folder of its checkpoints

Negatives = dict[str, list[np.ndarray]]  # by split, of each picture (n, 4)


@dataclass(frozen=True)
class Config(RunConfig):
    """Train a classifier of windows for a detector, and export it for phones."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    output: Path | None = None
    """The run folder to write. By default saved_models/ and the name of the data, with _windows."""
    architecture: str = "lenet5"
    """Which network. lenet5 does not pad its maps, so that a window scores the same inside a picture as alone."""
    image_size: tuple[int, int] = (48, 48)
    """Height and width of a window in pixels: larger sees more detail and costs its square."""
    scales: tuple[float, ...] = ()
    """Of the pyramid of pictures: at 0.5 a window is twice as large. By default, those of the training objects."""
    copies: int = 2
    """Windows around each object of the most frequent class. Of the others, and the background, there are as many."""
    jitter: float = 0.1
    """By what share of its sides such a window is moved and scaled at most."""
    rounds: int = 2
    """How often the detector looks for windows of the background at which it is wrong, and is trained anew."""
    most_overlap: float = 0.4
    """What overlaps an object by less, as IoU, counts as background there: also windows that lie badly on an object."""
    most_of_a_class: int = 4
    """At most so many such windows of a picture that the detector takes for the same class, in each round."""
    augment: str = "mirror"
    """How windows change at random in training: none, mirror, small, light and others; see preview.py."""
    epochs: int = 8
    """Passes over the windows, in each round."""
    learning_rate: float = 2e-3
    """Of AdamW, at its highest, after the warm-up."""
    weight_decay: float = 0.01
    """Share of each kernel, times the learning rate, that a step takes off it."""
    batch_size: int = 64
    """Windows in a step."""
    iou_threshold: float = 0.25
    """Of two boxes of a class that overlap by more, the surer one is kept."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    started = time.monotonic()
    config = _smoke(config) if config.smoke else config
    output = config.output or Path("saved_models") / f"{run_name(config.data)}_windows"
    _check(config, output)
    source = open_source(config.data, seed=config.seed, annotation="boxes")
    config = dataclasses.replace(config, scales=config.scales or window_scales(source.train, config.image_size))
    windows, task, history = _train_in_rounds(config, source, checkpoint_folder(output))
    detection = _measure(config, task, source)
    card = write_run(
        output,
        task,
        windows,
        history,
        RunFacts(run_command(), dataclasses.asdict(config) | {"output": str(output)}, config.seed, started),
        detection=detection,
        overwrite=config.overwrite,
        keep_over_budget=config.keep_over_budget,
    )
    status = print_exports(output, card, config.keep_over_budget)
    print_detection(detection["metrics"])
    shutil.rmtree(checkpoint_folder(output), ignore_errors=True)
    return status


def _train_in_rounds(config: Config, source: Source, checkpoints: Path) -> tuple[Source, ClassificationTask, History]:
    """Train on windows, and again with those at which the detector was wrong. Returns the last round's windows too.

    When a run goes on, rounds that have ended take their weights from their checkpoints, and find the same windows.
    """
    negatives: Negatives = {
        name: [np.zeros((0, 4), np.float32)] * len(source.splits[name]) for name in ("train", "validation")
    }
    folders = [checkpoints / ROUND.format(number) for number in range(config.rounds + 1)]
    if config.finish:  # those that have begun, or the first one, which says that there is nothing to finish
        folders = [folder for folder in folders if folder.exists()] or folders[:1]
    for number, folder in enumerate(folders):
        set_random_seed(config.seed + number)  # whatever ran before, a round starts from the same weights
        windows = window_source(
            source,
            window=config.image_size,
            scales=config.scales,
            copies=config.copies,
            jitter=config.jitter,
            negatives=negatives,
            seed=config.seed,
        )
        last = folder == folders[-1]
        task, history = _train(config, windows, folder, finish=config.finish and last)
        if not last:
            negatives = _add_negatives(config, task, source, negatives, seed=config.seed + number)
    return windows, task, history


def _train(config: Config, windows: Source, checkpoints: Path, *, finish: bool) -> tuple[ClassificationTask, History]:
    """Train a classifier of windows."""
    task = classification(config.architecture, windows.classes, image_size=config.image_size, **config.options)
    augment = preset(config.augment, config.mirror)
    history = fit(
        task,
        pipeline(windows.train, task, augment=augment, batch_size=config.batch_size, seed=config.seed),
        pipeline(windows.valid, task, batch_size=config.batch_size),
        _stages(config),
        checkpoint=config.checkpoint(checkpoints, finish=finish, data=windows.fingerprint),
    )
    return task, history


def _stages(config: Config) -> list[Stage]:
    """List what trains in each round."""
    rates = {"learning_rate": config.learning_rate, "weight_decay": config.weight_decay}
    return list(map(config.with_settings, from_scratch(config.epochs, patience=config.patience, **rates)))


def _add_negatives(
    config: Config, task: ClassificationTask, source: Source, negatives: Negatives, seed: int
) -> Negatives:
    """Add windows at which the detector is wrong to those that were found before."""
    detector = make_detector(task, _settings(config))
    more = {}
    for name, before in negatives.items():
        found = find_negatives(
            detector,
            read_pictures(source.splits[name]),
            most_overlap=config.most_overlap,
            most_of_a_class=config.most_of_a_class,
            seed=seed,
        )
        logger.info("Found %d windows of %s at which the detector is wrong.", sum(map(len, found)), name)
        more[name] = [np.concatenate(each) for each in zip(before, found, strict=True)]
    return more


def _settings(config: Config) -> dict[str, Any]:
    return {"scales": config.scales, "iou_threshold": config.iou_threshold, "score_threshold": LOWEST_SCORE}


def _measure(config: Config, task: ClassificationTask, source: Source) -> dict[str, Any]:
    """Choose from which score a detection counts, on the validation pictures, and measure on the test pictures too."""
    logger.info("Measuring the detector on pictures.")
    detector = make_detector(task, _settings(config))
    metrics = {"validation": measure(detector, source.valid)}
    threshold = metrics["validation"]["score_threshold"]
    if source.test is not None:
        metrics["test"] = measure(detector, source.test, score_threshold=threshold)
    facts = {"classes": source.classes, "data": describe_source(source)}
    return _settings(config) | facts | {"score_threshold": threshold, "metrics": metrics}


def _check(config: Config, output: Path) -> None:
    """Refuse now what would be refused after the training."""
    check_output(output, overwrite=config.overwrite)
    config.checkpoint(checkpoint_folder(output) / ROUND.format(0), finish=config.finish)  # a run may have been stopped
    check_options(config.architecture, config.options)
    preset(config.augment)
    _stages(config)
    if config.rounds < 0:
        raise ValueError(f"rounds must not be negative. Received: rounds={config.rounds}.")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This script exports when it has trained, which TensorFlow does: set KERAS_BACKEND=tensorflow."
        )


def _smoke(config: Config) -> Config:
    small = {"image_size": (32, 32), "scales": (0.8, 0.5), "copies": 1, "rounds": 1, "epochs": 1}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
