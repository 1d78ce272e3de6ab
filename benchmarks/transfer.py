"""Training a head, and fine-tuning: seconds and accuracy, beside the plain Keras recipe and PyTorch.

    KERASCNN_DATA=data python benchmarks/transfer.py

`$KERASCNN_DATA/hymenoptera` holds class folders of photos in `train` and `val`. MobileNetV2 on the weights
`stanford_dogs`, and ResNet-50 without any, at 160 px: 10 and 50 epochs of Adam at 1e-3 on the head, without
augmentation; 5 epochs at 1e-4 on the head and the last layers, with pictures mirrored at random. The seconds are those
of everything but the imports: listing, decoding, building and loading the network, training, and validating after each
epoch. Each contender runs in a process of its own, see learners.py, and in turns. PyTorch's network has no such
weights, and only its time counts. An hour on two cores, most of it for the peers; --quick takes MobileNetV2 once, ten
epochs of the head.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from reporting import check_writable, report, run_contender, take_turns

LEARNERS = ("kerascnn", "keras", "pytorch")
JOBS = (("head", 10), ("head", 50), ("fine-tune", 5))


@dataclass(frozen=True)
class Config:
    """Compare ways of transfer learning."""

    networks: tuple[str, ...] = ("mobilenet_v2", "resnet50")
    """Which networks."""
    jobs: tuple[tuple[Literal["head", "fine-tune"], int], ...] = JOBS
    """What trains, and for how many epochs."""
    rounds: int = 3
    """Turns, each with a seed of its own."""
    json: Path | None = None
    """Where to write the rows."""
    quick: bool = False
    """MobileNetV2, ten epochs, one turn."""


def main(config: Config) -> None:
    """Measure and print."""
    root = os.environ.get("KERASCNN_DATA")
    if root is None:
        sys.exit("Set KERASCNN_DATA to a folder that holds hymenoptera.")
    check_writable(config.json)
    networks, jobs, rounds = config.networks, config.jobs, config.rounds
    if config.quick:
        networks, jobs, rounds = ("mobilenet_v2",), JOBS[:1], 1
    photos = Path(root) / "hymenoptera"
    rows = [compare(photos, network, job, epochs, rounds) for network in networks for job, epochs in jobs]
    report("transfer learning", rows, config.json)


def compare(photos: Path, network: str, job: str, epochs: int, rounds: int) -> dict[str, Any]:
    """Let all contenders learn in turns: the median of their seconds, and the mean of their accuracies."""

    def measure(name: str, seed: int) -> dict[str, float] | None:
        said = run_contender(
            name, "learners.py", (name, job, photos, network, epochs, seed), optional=name == "pytorch"
        )
        return None if said is None else json.loads(said)

    outcomes = take_turns(LEARNERS, measure, rounds)
    seconds = {name: float(np.median([each["seconds"] for each in found])) for name, found in outcomes.items()}
    peers = [value for name, value in seconds.items() if name != "kerascnn"]
    accuracies = {name: [each["accuracy"] for each in found] for name, found in outcomes.items() if name != "pytorch"}
    return {
        "network": network,
        "job": job,
        "epochs": epochs,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "faster_than_keras": seconds["keras"] / seconds["kerascnn"],
        "faster_than_the_best": min(peers) / seconds["kerascnn"],
        **{f"{name}_accuracy": float(np.mean(found)) for name, found in accuracies.items()},
    }


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
