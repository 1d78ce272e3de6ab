"""Train a network that tells people apart whom it has never seen, and export it for phones.

    python pipelines/train_faces.py --data identities:FOLDER --weights stanford_dogs --output saved_models/people

The folder holds a folder of pictures for each person, perhaps in `train/`, `val/` and `test/`. Ask people before you
use their pictures: see the README on what this is not for.
"""

import sys
from dataclasses import dataclass
from typing import Any, Literal

from console import run_script
from fine_tuning import TransferConfig
from training import make_small, train

from kerascnn.architectures import check_options, embedder
from kerascnn.data import Source
from kerascnn.tasks import FaceTask, faces

SMOKE_RUN = "smoke_faces"


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train a network that tells people apart whom it has never seen, and export it for phones."""

    data: str = "faces"
    """What to train on, with people: identities:FOLDER, tfds:NAME, or faces (embedded)."""
    loss: Literal["triplet", "contrastive", "siamese", "softmax", "arcface"] = "triplet"
    """What is learned: triplets, pairs at a distance, pairs as a logistic unit weighs them, a classifier of the people
    of the training data, or one with a margin between angles."""
    mining: Literal["all", "semihard", "hard", "random"] = "semihard"
    """Which triplets of a batch count."""
    distance: Literal["squared", "cosine"] = "squared"
    """Between the vectors of a triplet."""
    margin: float | None = None
    """By which different people are to be apart; by default that of the loss: 0.2 for triplets, 1 for pairs, and 0.5
    radians for ArcFace."""
    difference: Literal["absolute", "chi_square"] = "absolute"
    """Of two vectors, in a Siamese network."""
    embedding_size: int = 128
    """Numbers in a vector."""
    wanted_far: float = 0.01
    """Share of pairs of different people that may be taken for the same, by which the threshold is chosen."""
    group_size: int = 4
    """Pictures of each person in a batch; the batch size is a multiple of it."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels. By default that of the run folder in --weights, else 112
    112."""
    augment: str = "light"
    """How pictures change at random in training: none, mirror, light, faces and others; see preview.py."""
    dropout: float | None = 0.0
    """Share of the pooled features that is dropped in training."""
    head_epochs: int = 0
    """Epochs in which only the layers after the body train."""
    fine_tune_epochs: int = 20
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 3e-4
    """Higher than a classifier's: features of what something is have to become features of who it is."""
    batch_norm: Literal["frozen", "trained"] = "frozen"
    """Whether batch normalisations keep the statistics of the pre-training, as few people need it, or learn new ones,
    as a network from scratch needs it."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    network = config.network((112, 112))
    check_options(network.architecture, config.options, embedder)
    options = network.options | {"embedding_size": config.embedding_size}
    if config.loss == "siamese":
        options |= {"difference": config.difference}

    def make_task(source: Source) -> FaceTask:
        return faces(
            network.architecture,
            num_identities=len(set(source.train.annotations["identity"].tolist())),
            image_size=network.image_size,
            weights=config.start,
            loss=config.loss,
            loss_options=_loss_options(config),
            wanted_far=config.wanted_far,
            **options,
        )

    settings = {"annotation": FaceTask.annotation, "weights": config.start, "group_size": config.group_size}
    return train(config, make_task, config.stages(), **settings)


def _loss_options(config: Config) -> dict[str, Any]:
    """Give the settings that the loss has."""
    options: dict[str, Any] = {}
    if config.loss == "triplet":
        options |= {"mining": config.mining, "distance": config.distance}
    if config.margin is not None and config.loss in ("triplet", "contrastive", "arcface"):
        options["margin"] = config.margin
    return options


def _smoke(config: Config) -> Config:
    # A network that tells pictures apart before it has learnt anything: one epoch is too short for others.
    small = {"weights": "none", "architecture": config.architecture or "resnet20", "image_size": (64, 64)}
    return make_small(config, SMOKE_RUN, data="faces/tiny", fine_tune_epochs=1, batch_size=24, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
