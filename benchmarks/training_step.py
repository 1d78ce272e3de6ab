"""Training steps of whole networks, images a second: kerascnn beside plain Keras and PyTorch.

    python benchmarks/training_step.py

MobileNetV2 with batches of 32 and ResNet-50 with batches of 16, random weights, all of them trained with batch
normalisation, on random pictures of 160 px in memory: forward, backward, and an update of SGD with momentum.
Contenders are the same networks as Keras' `model.fit` trains them, the same call within what kerascnn's `fit` wraps
around it (fused batch normalisation, the precision of a stage), and torchvision's in the usual loop. Each runs in a
process of its own, see keras_training.py and torch_training.py, and in turns: the median of the rounds counts. A
quarter of an hour on two cores; --quick takes MobileNetV2, one round.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from reporting import check_writable, report, run_contender, take_turns

SIDE, NUM_CLASSES = 160, 1000
BATCH_SIZES = {"mobilenet_v2": 32, "resnet50": 16}
STEPS = 4  # of an epoch
KERAS, TORCH = "keras_training.py", "torch_training.py"
CONTENDERS: dict[str, tuple[str, ...]] = {
    "Keras": (KERAS,),
    "Keras, bfloat16": (KERAS, "--plain-policy", "mixed_bfloat16"),
    "kerascnn": (KERAS, "--fused"),
    "kerascnn, bfloat16": (KERAS, "--fused", "--precision", "mixed_bfloat16"),
    "PyTorch": (TORCH,),
    "PyTorch, channels last": (TORCH, "--channels-last"),
    "PyTorch, channels last, bfloat16": (TORCH, "--channels-last", "--bfloat16"),
}


@dataclass(frozen=True)
class Config:
    """Compare training steps."""

    networks: tuple[str, ...] = tuple(BATCH_SIZES)
    """Which networks: `mobilenet_v2` and `resnet50`."""
    rounds: int = 3
    """Turns."""
    epochs: int = 5
    """Timed epochs of four steps in a turn."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """MobileNetV2, one turn of two epochs."""


def main(config: Config) -> None:
    """Measure and print."""
    unknown = set(config.networks) - set(BATCH_SIZES)
    if unknown:
        sys.exit(f"networks must be of {', '.join(BATCH_SIZES)}. Received: {', '.join(sorted(unknown))}.")
    check_writable(config.json)
    networks, rounds, epochs = config.networks, config.rounds, config.epochs
    if config.quick:
        networks, rounds, epochs = ("mobilenet_v2",), 1, 2
    rows = [row for name in networks for row in compare(name, rounds, epochs)]
    report("training steps, images a second", rows, config.json)


def compare(network: str, rounds: int, epochs: int) -> list[dict[str, Any]]:
    """Let all contenders train in turns: a row for each, with its ratios to the fastest of Keras' and of PyTorch's."""
    found = take_turns(CONTENDERS, lambda name, _: measure(name, CONTENDERS[name], network, epochs), rounds)
    speeds = {name: float(np.median(each)) for name, each in found.items()}
    return [
        {
            "network": network,
            "contender": name,
            "images_a_second": speed,
            "ratio_to_Keras": _ratio(speed, speeds, "Keras"),
            "ratio_to_PyTorch": _ratio(speed, speeds, "PyTorch"),
        }
        for name, speed in speeds.items()
    ]


def measure(name: str, command: tuple[str, ...], network: str, epochs: int) -> float | None:
    """Let one contender train: images a second, or None where PyTorch is not installed."""
    script, *options = command
    batch_size = BATCH_SIZES[network]
    settings = (
        "--network", network, "--side", SIDE, "--pictures", STEPS * batch_size, "--batch-size", batch_size,
        "--num-classes", NUM_CLASSES, "--epochs", epochs, *options,
    )  # fmt: skip
    said = run_contender(name, script, settings, optional=script == TORCH)
    return None if said is None else float(said)


def _ratio(speed: float, speeds: dict[str, float], library: str) -> float | None:
    """Divide by the best speed of a library, at whichever of its settings that is."""
    best = max((each for name, each in speeds.items() if name.split(",")[0] == library), default=None)
    return best and speed / best


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
