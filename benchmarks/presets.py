"""Does augmentation help? Accuracy with the presets none, light, standard and strong.

    KERASCNN_DATA=data python benchmarks/presets.py

`$KERASCNN_DATA/hymenoptera` (photos; the head of MobileNetV2 on the weights `stanford_dogs`, 160 px) and
`$KERASCNN_DATA/cifar10` (2,000 pictures; ResNet-20 from scratch, 32 px) hold class folders in `train` and `val` or
`test`. hymenoptera has no test split: its validation photos choose the epoch too, for every preset alike. Of CIFAR-10,
other pictures of `train` choose it, and 2,000 of `test` are read once. Forty minutes on two cores; --quick takes one
seed and two epochs.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import keras
import numpy as np
import tyro
from pretraining import divide
from reporting import check_writable, report

from kerascnn.data import Split, folder, pipeline
from kerascnn.export import Reference
from kerascnn.tasks import classification
from kerascnn.training import fit, from_scratch, transfer

PRESETS = ("none", "light", "standard", "strong")
PHOTO_SIZE, SMALL_SIZE = (160, 160), (32, 32)
TRAIN, VALIDATION, TEST = 200, 50, 200  # pictures a class of CIFAR-10


@dataclass(frozen=True)
class Config:
    """Train with each preset."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Each decides the order, the augmentations, the first weights, and which pictures of CIFAR-10 are taken."""
    photo_epochs: int = 10
    """On hymenoptera."""
    small_epochs: int = 30
    """On CIFAR-10."""
    data: tuple[str, ...] = ("hymenoptera", "cifar10")
    """Which data sets."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """One seed and two epochs."""


def main(config: Config) -> None:
    """Measure and print."""
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds hymenoptera and cifar10.")
    check_writable(config.json)
    seeds = config.seeds[:1] if config.quick else config.seeds
    photo_epochs, small_epochs = (2, 2) if config.quick else (config.photo_epochs, config.small_epochs)
    trainers: dict[str, Callable[[str, int], float]] = {
        "hymenoptera": partial(train_photos, Path(root) / "hymenoptera", photo_epochs),
        "cifar10": partial(train_small, Path(root) / "cifar10", small_epochs),
    }
    rows = [
        {"data": data, "preset": preset, "seed": seed, "accuracy": trainers[data](preset, seed)}
        for data in config.data
        for preset in PRESETS
        for seed in seeds
    ]
    report("accuracy with augmentation", rows, config.json)
    report("mean and deviation over the seeds", summarise(rows), None)


def train_photos(root: Path, epochs: int, preset: str, seed: int) -> float:
    """Train a head on photos: the accuracy of the best epoch on the validation photos."""
    keras.utils.set_random_seed(seed)
    source = folder(root, seed=seed)
    task = classification("mobilenet_v2", source.classes, image_size=PHOTO_SIZE, weights="stanford_dogs")
    valid = pipeline(source.valid, task, cache="memory")
    batches = pipeline(source.train, task, augment=preset, seed=seed)
    fit(task, batches, valid, transfer(epochs, 0), verbose=0)
    return score(task, source.valid)


def train_small(root: Path, epochs: int, preset: str, seed: int) -> float:
    """Train ResNet-20 from scratch on few small pictures: the accuracy on test pictures."""
    keras.utils.set_random_seed(seed)
    source = folder(root)
    rest, valid = divide(source.train, VALIDATION, seed)
    _, train = divide(rest, TRAIN, seed)
    _, test = divide(source.test, min(TEST, int(source.test.count(len(source.classes)).min())), seed)
    task = classification("resnet20", source.classes, image_size=SMALL_SIZE)
    batches = pipeline(train, task, augment=preset, batch_size=64, seed=seed, cache="memory")
    fit(task, batches, pipeline(valid, task, batch_size=100, cache="memory"), from_scratch(epochs), verbose=0)
    return score(task, test)


def score(task: Any, split: Split) -> float:
    """Give the accuracy on a split, and show it."""
    answers = Reference.of(task, pipeline(split, task, batch_size=100))
    accuracy = task.score(answers.outputs, answers.targets)
    print(f"accuracy {accuracy:.4f}", flush=True)
    return accuracy


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the mean and the deviation over the seeds."""
    summary = []
    for data in dict.fromkeys(row["data"] for row in rows):
        for preset in PRESETS:
            found = [row["accuracy"] for row in rows if (row["data"], row["preset"]) == (data, preset)]
            deviation = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
            summary.append({"data": data, "preset": preset, "mean": float(np.mean(found)), "deviation": deviation})
    return summary


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
