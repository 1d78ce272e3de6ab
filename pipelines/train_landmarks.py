"""Train a network that finds landmarks, such as the corners of the eyes, and export it for phones.

    python pipelines/train_landmarks.py --data faces --weights stanford_dogs --output saved_models/faces

The names of the landmarks say which are exchanged in a mirrored picture: `left_eye` and `right_eye`. On the embedded
faces the error comes to 4.1 % of the distance between the eyes on the test pictures, in fifteen processor
minutes.
"""

import sys
from dataclasses import dataclass
from typing import Literal

from console import run_script
from fine_tuning import TransferConfig
from training import make_small, train

from kerascnn.architectures import check_options
from kerascnn.data import Source
from kerascnn.tasks import LandmarksTask, landmarks


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train a network that finds landmarks, and export it for phones."""

    data: str = "faces"
    """What to train on, with landmarks: faces (embedded), or tfds:celeb_a and the like."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels: larger sees more detail and costs its square. By default that
    of the run folder in --weights, else 112 112."""
    augment: str = "faces"
    """How pictures change at random in training: none, light, faces and others; see preview.py."""
    dropout: float | None = 0.0
    """Share of the features that is dropped in training: places suffer from it."""
    batch_size: int = 16
    """Pictures in a step: with few pictures, small batches make more steps of an epoch."""
    head_epochs: int = 1
    """Epochs in which only the head trains: on frozen features it finds places but roughly."""
    fine_tune_epochs: int = 44
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 1e-3
    """Higher than a classifier's: features of what it is have to become features of where it is."""
    batch_norm: Literal["frozen", "trained"] = "trained"
    """Whether batch normalisations keep the statistics of the pre-training or learn new ones: so far from what the
    network was trained for, learning is faster with new ones."""
    form: Literal["wing", "l2"] = "wing"
    """The loss of the places: the wing loss, or squared errors, as the course's notes have it."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    network = config.network((112, 112))
    check_options(network.architecture, config.options)

    def make_task(source: Source) -> LandmarksTask:
        return landmarks(
            network.architecture,
            source.classes,
            image_size=network.image_size,
            weights=config.start,
            loss_options={"form": config.form},
            **network.options,
        )

    return train(config, make_task, config.stages(), annotation=LandmarksTask.annotation, weights=config.start)


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, "smoke_landmarks", data="faces/tiny", **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
