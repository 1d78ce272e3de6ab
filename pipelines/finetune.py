"""Fine-tune a pre-trained classifier on a folder of photos and export it for phones.

    python pipelines/finetune.py --data photos --weights imagenet --output saved_models/photos

`photos` holds one sub-folder of pictures for each class, or `train/` and `val/` folders that do. The run folder gets
the model, a SavedModel, four TFLite files, and report.html. 240 photos take about three minutes on two CPU cores; ants
against bees (the `hymenoptera` set, --weights stanford_dogs) comes to 0.941 of the validation photos.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from classifiers import ClassifierConfig, train_classifier
from console import run_script
from fine_tuning import TransferConfig
from training import make_small

from kerascnn.runs import read_network

SMOKE_RUN = Path("saved_models/smoke")


@dataclass(frozen=True)
class Config(TransferConfig, ClassifierConfig):
    """Fine-tune a pre-trained classifier on your pictures and export it for phones."""

    architecture: str | None = None
    """Which network. By default that of the run folder in --weights, else mobilenet_v2."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels: larger sees more detail and costs its square. By default that
    of the run folder in --weights, else 160 160."""


def main(config: Config) -> int:
    """Fine-tune. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    network = {"architecture": "mobilenet_v2", "image_size": (160, 160), "options": {}} | read_network(config.start)
    architecture = config.architecture or network["architecture"]
    options = network["options"] if architecture == network["architecture"] else {}
    image_size = config.image_size or tuple(network["image_size"])
    return train_classifier(
        config, config.stages(), architecture, image_size, options | config.options, weights=config.start
    )


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
