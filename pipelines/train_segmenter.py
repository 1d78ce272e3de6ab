"""Train a network that says of each pixel what it shows, and export it for phones.

    python pipelines/train_segmenter.py --data masks:FOLDER --weights imagenet --output saved_models/streets
    python pipelines/train_segmenter.py --data masks:FOLDER --architecture unet --weights none   # the paper's network

The folder holds `images/` and `masks/`, perhaps in `train/`, `val/` and `test/`; see `kerascnn.data.masks`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from console import run_script
from fine_tuning import TransferConfig
from training import make_small, train

from kerascnn.data import Source, balance_pixels
from kerascnn.tasks import SegmentationTask, segmentation
from kerascnn.tasks.segmentation import check_options

SMOKE_RUN = Path("saved_models/smoke_segmenter")


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train a network that says of each pixel what it shows, and export it for phones."""

    data: str = "scenes"
    """What to train on, with masks: masks:FOLDER, binary_masks:FOLDER, coco:FOLDER, tfds:NAME or scenes (embedded)."""
    architecture: str | None = None
    """unet, deconvnet, or the body of a U-Net. By default that of the run folder in --weights, else mobilenet_v2."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels, of any size: larger sees more detail and costs its square. By
    default that of the run folder in --weights, else 160 160."""
    augment: str = "segmentation"
    """How pictures change at random in training: none, light, segmentation and others; see preview.py."""
    dropout: float | None = None
    """Share of the features that is dropped in training; by default what the architecture has."""
    batch_size: int = 8
    """Pictures in a step: each has thousands of pixels to learn from, and small batches make more steps."""
    head_epochs: int = 0
    """Epochs in which only the path up trains. Most of the network is new, and the rate rises slowly enough."""
    fine_tune_epochs: int = 40
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 3e-3
    """Higher than a classifier's: most of the path up is new. Streets want this rate, the toys of scenes 1e-3."""
    batch_norm: Literal["frozen", "trained"] = "trained"
    """Whether batch normalisations keep the statistics of the pre-training or learn new ones."""
    crossentropy: float = 1.0
    """Weight of the cross-entropy in the loss."""
    focal: float = 0.0
    """Weight of the focal loss, to which pixels that are right already hardly count."""
    dice: float = 1.0
    """Weight of the Dice loss, to which small classes count as much as large ones."""
    border_weight: float = 0.0
    """How much more the pixels between two things count that touch each other: w_0 of the U-Net's paper, where it is
    10. The first class is what lies between things."""
    border_sigma: float = 5.0
    """In pixels of the masks, how fast that falls with the distance between the two."""
    class_balance: float = 0.5
    """How much rare classes count: the power of median frequency over frequency. 0 is not at all, 1 is SegNet's."""


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    network = config.network((160, 160))
    check_options(network.architecture, config.options)

    def make_task(source: Source) -> SegmentationTask:
        loss: dict[str, Any] = {"crossentropy": config.crossentropy, "focal": config.focal, "dice": config.dice}
        if config.class_balance:
            loss["class_weights"] = balance_pixels(source.train, len(source.classes), config.class_balance)
        return segmentation(
            network.architecture,
            source.classes,
            image_size=network.image_size,
            weights=config.start,
            loss_options=loss,
            **network.options,
        )

    borders = {"weight": config.border_weight, "sigma": config.border_sigma} if config.border_weight else None
    settings = {"annotation": SegmentationTask.annotation, "weights": config.start, "borders": borders}
    return train(config, make_task, config.stages(), **settings)


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (64, 64), "head_epochs": 1, "fine_tune_epochs": 1}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
