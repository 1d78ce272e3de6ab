"""Train a classifier from random weights and export it for phones.

    python pipelines/train_from_scratch.py --data fashion_mnist:FOLDER --architecture lenet5 --augment small

FOLDER holds the four IDX files of Fashion-MNIST. It takes much data: with a few hundred pictures a class, finetune.py
gives better networks. With --optimizer sgd --weight-decay 5e-3, LeNet-5 comes to 0.919 of the test pictures in 30
epochs, four minutes on two CPU cores, and ResNet-20 (--image-size 28 28) to 0.941 in 24, three quarters of an hour.
"""

import sys
from dataclasses import dataclass
from typing import Literal

from classifiers import ClassifierConfig, train_classifier
from console import run_script
from training import make_small

from kerascnn.architectures import scratch_options
from kerascnn.training import from_scratch


@dataclass(frozen=True)
class Config(ClassifierConfig):
    """Train a classifier from random weights and export it for phones."""

    architecture: str = "resnet20"
    """Which network: lenet5, alexnet, vgg16, resnet20 and deeper ones, inception_v1, mobilenet_v1, mobilenet_v2."""
    image_size: tuple[int, int] = (32, 32)
    """Height and width of the network's input in pixels: larger sees more detail and costs its square."""
    batch_size: int = 128
    """Pictures in a step."""
    epochs: int = 30
    """Passes over the training pictures."""
    learning_rate: float | None = None
    """At its highest, after the warm-up. By default 1e-3 for adam and 0.1 for sgd."""
    warmup_epochs: float = 1.0
    """The rate rises from zero over so many epochs."""
    weight_decay: float | None = None
    """Share of each kernel, times the learning rate, that a step takes off it. By default 0.05 for adam, 1e-3 for
    sgd."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """AdamW, or SGD with Nesterov's momentum."""


def main(config: Config, headless_weights: bool = False) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config, "smoke_pretrain" if headless_weights else "smoke_scratch") if config.smoke else config
    stages = from_scratch(
        config.epochs,
        learning_rate=config.learning_rate,
        warmup_epochs=config.warmup_epochs,
        patience=config.patience,
        weight_decay=config.weight_decay,
        optimizer=config.optimizer,
    )
    options = scratch_options(config.architecture) | config.options
    return train_classifier(
        config, stages, config.architecture, config.image_size, options, headless_weights=headless_weights
    )


def _smoke(config: Config, name: str) -> Config:
    return make_small(config, name, architecture="lenet5", epochs=1)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
