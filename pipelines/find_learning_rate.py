"""Find the learning rate to fine-tune a network at, by trying all of them for a step each.

    python pipelines/find_learning_rate.py --data photos --trainable head --output rates.png

Prints a suggestion, and draws the loss against the rate. A hundred steps take about half a minute on two CPU cores.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from console import run_script
from keras.utils import set_random_seed

from kerascnn.data import open_source, pipeline, preset
from kerascnn.report import plot_learning_rate_search, write_picture
from kerascnn.tasks import classification
from kerascnn.training import Stage, find_learning_rate


@dataclass(frozen=True)
class Config:
    """Find the learning rate to fine-tune a network at."""

    data: str = "scenes"
    """What to train on, as finetune.py takes it."""
    output: Path = Path("learning_rates.png")
    """Where to draw the loss against the rate."""
    architecture: str = "mobilenet_v2"
    """Which network."""
    options: dict[str, bool | int | float | str] = field(default_factory=dict)
    """Further options of the network, in pairs."""
    weights: str = "imagenet"
    """What to start from, as finetune.py takes it."""
    image_size: tuple[int, int] = (160, 160)
    """Height and width of the network's input in pixels."""
    trainable: str = "head"
    """What trains: head, a stage such as stride16, the name of a layer, or all."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """The search is for this one."""
    augment: str = "light"
    """How pictures change at random, as finetune.py takes it."""
    batch_size: int = 32
    """Pictures in a step."""
    lowest: float = 1e-6
    """The rate of the first step."""
    highest: float = 1.0
    """The rate of the last step."""
    steps: int = 100
    """How many rates are tried."""
    seed: int = 0
    """Decides the weights of the head, the order and the augmentations."""
    smoke: bool = False
    """A short search on the embedded data, to see that everything works."""


def main(config: Config) -> int:
    """Search, draw, print. Returns the exit status."""
    config = _smoke(config) if config.smoke else config
    source = open_source(config.data, seed=config.seed)
    set_random_seed(config.seed)
    weights = None if config.weights == "none" else config.weights
    task = classification(
        config.architecture, source.classes, image_size=config.image_size, weights=weights, **config.options
    )
    train = pipeline(source.train, task, augment=preset(config.augment), batch_size=config.batch_size, seed=config.seed)
    stage = Stage(config.trainable, 1, config.highest, optimizer=config.optimizer)
    search = find_learning_rate(task, train, stage, lowest=config.lowest, highest=config.highest, steps=config.steps)
    plot = plot_learning_rate_search(search.rates, search.losses, search.smoothed_losses, suggestion=search.suggestion)
    write_picture(config.output, plot)
    print(f"learning rate: {search.suggestion:.1e}, see {config.output}")
    return 0


def _smoke(config: Config) -> Config:
    small = {"data": "scenes/tiny", "architecture": "lenet5", "weights": "none", "image_size": (32, 32)}
    return replace(config, trainable="all", steps=60, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
