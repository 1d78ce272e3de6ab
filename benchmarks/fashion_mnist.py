"""Fashion-MNIST from scratch: the accuracy of LeNet-5 and ResNet-20, and the speed of training beside PyTorch's.

    python benchmarks/fashion_mnist.py --data FOLDER

FOLDER holds the four IDX files. Each network is trained by train_from_scratch.py, which chooses its best epoch on a
part of the training pictures, and measured once on the 10,000 test pictures. Then the same network is trained for some
steps in PyTorch and in Keras, in turns, with the same optimiser and batch; without PyTorch (`pip install -e
'.[benchmarks]'`) that part is left out. LeNet-5 takes four minutes a seed on two cores, ResNet-20 three
quarters of an hour; --quick only compares speed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

import keras
import numpy as np
import tyro
from reporting import ROUNDS, check_writable, children_minutes, report, run_contender, time_runs

from kerascnn.architectures import build

SCRIPT = Path(__file__).parents[1] / "pipelines" / "train_from_scratch.py"
SIDES = {"lenet5": 32, "resnet20": 28}
SHARED = ("--augment", "small", "--optimizer", "sgd", "--weight-decay", "5e-3")
SETTINGS = {
    "lenet5": ("--epochs", "30"),
    "resnet20": ("--epochs", "24"),
}
BATCH_SIZE = 128
PEERS: dict[str, tuple[str, ...]] = {"pytorch": (), "pytorch_channels_last": ("--channels-last",)}
STEPS_A_ROUND = {"lenet5": 40, "resnet20": 6}


@dataclass(frozen=True)
class Config:
    """Train on Fashion-MNIST, and compare the speed with PyTorch's."""

    data: Path | None = None
    """The folder of the four IDX files."""
    networks: tuple[str, ...] = ("lenet5", "resnet20")
    """Which networks."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """One run of each network for each."""
    json: Path | None = None
    """Where to write the rows of the accuracies; those of the speeds go to a file of that name with -speed."""
    quick: bool = False
    """Compare the speeds only."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.networks) - set(SETTINGS)
    if unknown:
        sys.exit(f"networks must be of {', '.join(SETTINGS)}. Received: {', '.join(unknown)}.")
    check_writable(config.json)
    speeds = [compare_speed(name) for name in config.networks]
    report(
        "training steps, images a second", speeds, config.json and config.json.with_stem(f"{config.json.stem}-speed")
    )
    if config.quick:
        return
    if config.data is None:
        sys.exit("Give --data, the folder of the four IDX files of Fashion-MNIST.")
    rows = [train(name, config.data, seed) for name in config.networks for seed in config.seeds]
    report("Fashion-MNIST, trained from scratch", rows, config.json)
    for name in config.networks:
        accuracies = [row["test_accuracy"] for row in rows if row["network"] == name]
        deviation = np.std(accuracies, ddof=1) if len(accuracies) > 1 else 0.0
        print(f"{name}: test accuracy {np.mean(accuracies):.4f} ± {deviation:.4f}")


def train(name: str, data: Path, seed: int) -> dict[str, Any]:
    """Train one network with one seed."""
    side = str(SIDES[name])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / name
        command = (
            sys.executable, SCRIPT, "--data", f"fashion_mnist:{data}", "--architecture", name, "--image-size", side,
            side, "--batch-size", BATCH_SIZE, "--seed", seed, "--output", run, "--keep-over-budget", *SHARED,
            *SETTINGS[name],
        )  # fmt: skip
        before = children_minutes()
        subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
        minutes = children_minutes() - before
        card = json.loads((run / "card.json").read_text(encoding="utf-8"))
    return {
        "network": name,
        "seed": seed,
        "parameters": card["parameters"],
        "validation_accuracy": card["metrics"]["validation"]["accuracy"],
        "test_accuracy": card["metrics"]["test"]["accuracy"],
        "int8_validation_accuracy": card["export"]["int8"]["score"],
        "cpu_minutes": minutes,
    }


def compare_speed(name: str) -> dict[str, Any]:
    """Train the same network in Keras and in PyTorch in turns, on pictures in memory."""
    side, steps = SIDES[name], STEPS_A_ROUND[name]
    train_an_epoch, seconds = make_keras_trainer(name, side, steps), []
    speeds: dict[str, float | None] = {}
    for peer, options in PEERS.items():
        seconds += time_runs(train_an_epoch, ROUNDS, warm_up=False)
        speeds[peer] = time_torch(name, side, steps * BATCH_SIZE, options)
    own = steps * BATCH_SIZE / float(np.median(seconds))
    best = max((speed for speed in speeds.values() if speed), default=None)
    return {"network": name, "kerascnn": own} | speeds | {"ratio_to_best_peer": best and own / best}


def time_torch(name: str, side: int, pictures: int, options: tuple[str, ...]) -> float | None:
    """Time PyTorch in a process of its own: images a second, or None where it is not installed."""
    settings = ("--network", name, "--side", side, "--pictures", pictures, "--batch-size", BATCH_SIZE, *options)
    said = run_contender("PyTorch", "torch_training.py", settings, optional=True)
    return None if said is None else float(said)


def make_keras_trainer(name: str, side: int, steps: int) -> Callable[[], None]:
    """Give a function that trains for an epoch with `model.fit`."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (steps * BATCH_SIZE, side, side, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, len(images))
    model = build(name, (side, side, 3), 10)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def train_an_epoch() -> None:
        model.fit(images, labels, batch_size=BATCH_SIZE, verbose=0)

    train_an_epoch()  # traces
    return train_an_epoch


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
