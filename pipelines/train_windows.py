"""Train a classifier of windows for a detector that slides it over pictures, and export it for phones.

    python pipelines/train_windows.py --data voc:bccd --output saved_models/bccd

The classifier is trained on windows around the objects and on windows of the background. Then the detector that it
makes looks at the training pictures, the windows at which it is wrong are added to the background, and it is trained
anew. From which score on a detection counts is chosen on the validation pictures. detect_windows.py detects with it.
"""

import dataclasses
import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from console import print_exports, run_command, run_script
from keras.utils import set_random_seed
from training import Option, run_name
from windows import LOWEST_SCORE, make_detector, measure, print_detection, read_pictures

from kerascnn.architectures import check_options
from kerascnn.data import Source, open_source, pipeline, preset, window_scales, window_source
from kerascnn.export import check_output
from kerascnn.runs import RunFacts, write_run
from kerascnn.tasks import ClassificationTask, classification, find_negatives
from kerascnn.training import History, fit, from_scratch

logger = logging.getLogger(__name__)

SMOKE_RUN = Path("saved_models/smoke_windows")


@dataclass(frozen=True)
class Config:
    """Train a classifier of windows for a detector, and export it for phones."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    output: Path | None = None
    """The run folder to write. By default saved_models/ and the name of the data, with _windows."""
    architecture: str = "lenet5"
    """Which network. lenet5 does not pad its maps, so that a window scores the same inside a picture as alone."""
    image_size: tuple[int, int] = (48, 48)
    """Height and width of a window in pixels: larger sees more detail and costs its square."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the network, in pairs: variant paper. See its builder."""
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
    mirror: bool = True
    """Let the preset mirror pictures; the flag turns it off, for signs."""
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
    seed: int = 0
    """Decides the first weights, the windows, the order and the augmentations."""
    keep_over_budget: bool = False
    """Write exported files that miss their accuracy budget too."""
    overwrite: bool = False
    """Replace the run folder if it is there."""
    smoke: bool = False
    """A run of less than a minute on the embedded data, to see that everything works; its answers are worthless."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    started = time.monotonic()
    config = _smoke(config) if config.smoke else config
    output = config.output or Path("saved_models") / f"{run_name(config.data)}_windows"
    _check(config, output)
    source = open_source(config.data, seed=config.seed, annotation="boxes")
    config = dataclasses.replace(config, scales=config.scales or window_scales(source.train, config.image_size))
    set_random_seed(config.seed)  # after the data: preparing them for the first time draws random numbers too
    windows, task, history = _train_in_rounds(config, source)
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
    return status


def _train_in_rounds(config: Config, source: Source) -> tuple[Source, ClassificationTask, History]:
    """Train on windows, and again with those at which the detector was wrong. Returns the last round's windows too."""
    negatives = [np.zeros((0, 4), np.float32)] * len(source.train)
    for number in range(config.rounds + 1):
        windows = window_source(
            source,
            window=config.image_size,
            scales=config.scales,
            copies=config.copies,
            jitter=config.jitter,
            negatives=negatives,
            seed=config.seed,
        )
        task = classification(config.architecture, windows.classes, image_size=config.image_size, **config.options)
        history = fit(
            task,
            pipeline(
                windows.train,
                task,
                augment=preset(config.augment, config.mirror),
                batch_size=config.batch_size,
                seed=config.seed,
            ),
            pipeline(windows.valid, task, batch_size=config.batch_size),
            from_scratch(config.epochs, learning_rate=config.learning_rate, weight_decay=config.weight_decay),
        )
        if number < config.rounds:
            detector = make_detector(task, _settings(config))
            found = find_negatives(
                detector,
                read_pictures(source.train),
                most_overlap=config.most_overlap,
                most_of_a_class=config.most_of_a_class,
                seed=config.seed + number,
            )
            logger.info("Found %d windows at which the detector is wrong.", sum(map(len, found)))
            negatives = [np.concatenate(each) for each in zip(negatives, found, strict=True)]
    return windows, task, history


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
    return _settings(config) | {"score_threshold": threshold, "metrics": metrics}


def _check(config: Config, output: Path) -> None:
    """Refuse now what would be refused after the training."""
    check_output(output, overwrite=config.overwrite)
    check_options(config.architecture, config.options)
    preset(config.augment)
    if config.rounds < 0:
        raise ValueError(f"rounds must not be negative. Received: rounds={config.rounds}.")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This script exports when it has trained, which TensorFlow does: set KERAS_BACKEND=tensorflow."
        )


def _smoke(config: Config) -> Config:
    return dataclasses.replace(
        config,
        data="scenes/tiny",
        output=config.output or SMOKE_RUN,
        image_size=(32, 32),
        scales=(0.8, 0.5),
        copies=1,
        rounds=1,
        epochs=1,
        keep_over_budget=True,  # so little training leaves the network undecided, and rounding decides for it
        overwrite=config.overwrite or config.output is None,
    )


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
