"""Train a network that finds the one object of a picture, or says that there is none, and export it for phones.

    python pipelines/train_localizer.py --data scenes/one --weights stanford_dogs --output saved_models/toys

Of several objects in a picture, the largest is the one to find. On the embedded toys the mean IoU comes to 0.82 on the
test pictures, in eight minutes of processor time.
"""

import sys
from dataclasses import dataclass
from typing import Literal

from console import run_script
from fine_tuning import TransferConfig
from training import make_small, train

from kerascnn.architectures import check_options
from kerascnn.data import Source
from kerascnn.tasks import LocalizationTask, localization


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train a network that finds the one object of a picture, and export it for phones."""

    data: str = "scenes/one"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes/one
    (embedded)."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels: larger sees more detail and costs its square. By default that
    of the run folder in --weights, else 128 128."""
    head_epochs: int = 1
    """Epochs in which only the head trains: on frozen features it finds boxes but roughly."""
    fine_tune_epochs: int = 20
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 1e-3
    """Higher than a classifier's: features of what it is have to become features of where it is."""
    batch_norm: Literal["frozen", "trained"] = "trained"
    """Whether batch normalisations keep the statistics of the pre-training or learn new ones: so far from what the
    network was trained for, learning is faster with new ones."""
    form: Literal["log", "squared"] = "log"
    """The loss of presence and classes: logarithmic, or squared errors, as the course's notes write it."""
    box_form: Literal["ciou", "squared"] = "ciou"
    """The loss of the box: 1 less the complete IoU, or squared errors, as the notes have it."""
    box_weight: float = 2.0
    """Of the box in the loss. With squared errors of shares of the picture, which are small, 10 or more."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    network = config.network((128, 128))
    check_options(network.architecture, config.options)

    def make_task(source: Source) -> LocalizationTask:
        return localization(
            network.architecture,
            source.classes,
            image_size=network.image_size,
            weights=config.start,
            loss_options={"form": config.form, "box_form": config.box_form, "box_weight": config.box_weight},
            **network.options,
        )

    return train(config, make_task, config.stages(), annotation=LocalizationTask.annotation, weights=config.start)


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, "smoke_localizer", data="scenes/one_tiny", **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
