"""Sliding windows: all of them in one run of a convolutional network, against a crop for each.

    python benchmarks/sliding_windows.py

LeNet-5 with windows of 32 pixels every 4 pixels, at three scales of a picture, with seeded random weights: both
implementations of `kerascnn.tasks.sliding_window` give the same probabilities, in turns. The naive one runs its crops
in batches of 256. Pyramids are part of both times. A minute on two cores; --quick takes the smallest picture.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tyro
from reporting import check_writable, report, take_turns, time_runs

from kerascnn.tasks import SlidingWindow, classification, sliding_window

SIZES = ((240, 320), (480, 640), (960, 1280))
SCALES = (1.0, 0.5, 0.25)
WINDOW = (32, 32)
CLASSES = ("background", "red cell", "white cell", "platelet")
IMPLEMENTATIONS = ("convolutional", "naive")
TOLERANCE = 1e-4  # of a probability


@dataclass(frozen=True)
class Config:
    """Compare the two implementations."""

    threads: int | None = None
    """Threads of TensorFlow; by default one a core. With 1, what else the machine does matters less."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """The smallest picture only."""


def main(config: Config) -> None:
    """Measure and print."""
    check_writable(config.json)
    if config.threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(config.threads)
        tf.config.threading.set_inter_op_parallelism_threads(config.threads)
    keras.utils.set_random_seed(0)
    detector = sliding_window(classification("lenet5", CLASSES, image_size=WINDOW), scales=SCALES)
    rows = [measure(detector, *size) for size in SIZES[: 1 if config.quick else None]]
    report("sliding windows at three scales: the milliseconds of a picture", rows, config.json)


def measure(detector: SlidingWindow, height: int, width: int) -> dict[str, Any]:
    """Compare the two implementations on one picture."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    # The first runs, which compile, are not timed.
    scores = {name: detector.score_windows(image, implementation=name)[1] for name in IMPLEMENTATIONS}
    difference = float(np.abs(scores["convolutional"] - scores["naive"]).max())
    if difference > TOLERANCE:
        sys.exit(f"The probabilities must agree to {TOLERANCE}; they differ by {difference:.2g}.")
    seconds = take_turns(
        IMPLEMENTATIONS,
        lambda name, _: time_runs(lambda: detector.score_windows(image, implementation=name), 1, warm_up=False),
    )
    convolutional, naive = (float(np.median(seconds[name])) * 1e3 for name in IMPLEMENTATIONS)
    return {
        "picture": f"{width} x {height}",
        "windows": len(scores["naive"]),
        "naive_ms": naive,
        "convolutional_ms": convolutional,
        "times_faster": naive / convolutional,
        "largest_difference": difference,
    }


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
