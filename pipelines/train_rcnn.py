"""Train a detector of two stages, which looks again at what was proposed, and export it.

    python pipelines/train_rcnn.py --data voc:bccd --weights stanford_dogs --output saved_models/cells

Faster R-CNN proposes regions itself, and the TFLite files hold all of it. Its report says what part of the objects the
first so many proposals find, too.
"""

import logging
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from console import run_script
from fine_tuning import TransferConfig
from training import Option, make_small, train

from kerascnn.architectures import check_options, faster_rcnn
from kerascnn.data import Source, object_sizes
from kerascnn.losses import RegionClassLoss, RegionProposalLoss
from kerascnn.ops import find_scales
from kerascnn.tasks import FasterRCNNTask, two_stage_detection
from kerascnn.tasks.detection import build_loss

logger = logging.getLogger(__name__)

SMOKE_RUN = Path("saved_models/smoke_faster_rcnn")


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train a detector of two stages, and export it."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    architecture: str = "mobilenet_v2"
    """Which body."""
    image_size: tuple[int, int] = (320, 320)
    """Height and width of the network's input in pixels: larger sees more detail and costs its square."""
    strides: tuple[int, ...] = (8, 16, 32)
    """Of the maps, in pixels from one place to the next: several are a feature pyramid, one, such as 16, is the
    paper's."""
    scales_per_place: int = 1
    """Of the anchors at each place of each map. How large they are is found among the training boxes."""
    filters: int = 128
    """Of the convolution that proposes, and of the pyramid; the papers have 512 and 256."""
    pooling: Literal["align", "max"] = "align"
    """How regions are pooled: by sampling between the places of the map, or by the maximum of bins, as in the paper."""
    hidden_units: int = 256
    """Of the second stage's two fully connected layers; the paper has 4096."""
    num_proposals: int = 100
    """At which the second stage looks, of each picture. Its time grows with them."""
    max_candidates: int = 1000
    """So many of the surest boxes come to the suppression of proposals."""
    least_side: float = 4.0
    """Of a proposal, in pixels."""
    rpn_loss: dict[str, Option] = field(default_factory=dict)
    """Options of the first stage's loss, in pairs: object_iou 0.6. See RegionProposalLoss."""
    roi_loss: dict[str, Option] = field(default_factory=dict)
    """Options of the second stage's loss, in pairs: object_share 0.5. See RegionClassLoss."""
    augment: str = "detection"
    """How pictures change at random in training: none, light, detection and others; see preview.py."""
    dropout: float | None = None
    """Share that is dropped after each of the second stage's fully connected layers; the paper has 0.5."""
    batch_size: int = 8
    """Pictures in a step: with few pictures, small batches make more steps of an epoch."""
    head_epochs: int = 1
    """Epochs in which only the two stages train, and not the body."""
    fine_tune_epochs: int = 40
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 1e-3
    """Higher than a classifier's: features of what it is have to become features of where it is."""
    batch_norm: Literal["frozen", "trained"] = "trained"
    """Whether batch normalisations keep the statistics of the pre-training or learn new ones."""

    @property
    def network_options(self) -> dict[str, Any]:
        """What `kerascnn.architectures.faster_rcnn` is given."""
        names = ("strides", "filters", "pooling", "hidden_units", "num_proposals", "max_candidates", "least_side")
        dropout = {} if self.dropout is None else {"dropout": self.dropout}
        return {name: getattr(self, name) for name in names} | dropout | self.options


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    _check(config)
    return train(
        config,
        lambda source: _make_task(config, source),
        config.stages(),
        annotation=FasterRCNNTask.annotation,
        weights=config.start,
    )


def _check(config: Config) -> None:
    """Refuse options that network or losses do not have, before data are read."""
    check_options(config.architecture, config.options, faster_rcnn)
    own = [field.name for field in fields(config)]
    settings = [f"--{name.replace('_', '-')}" for name in config.options if name in own]
    if settings:
        raise ValueError(f"Give {' and '.join(settings)} by itself, not in --options.")
    build_loss(RegionProposalLoss, **config.rpn_loss)
    build_loss(RegionClassLoss, **config.roi_loss)


def _make_task(config: Config, source: Source) -> FasterRCNNTask:
    sizes = object_sizes(source.train, config.image_size)
    scales, mean_iou = find_scales(sizes, config.strides, per_place=config.scales_per_place, seed=config.seed)
    for stride, sides in zip(config.strides, scales, strict=True):
        logger.info("Scales of stride %d: %s.", stride, ", ".join(map(str, sides)))
    logger.info("The most similar anchor has an IoU of %.3f with an object, on average.", mean_iou)
    return two_stage_detection(
        config.architecture,
        source.classes,
        scales,
        image_size=config.image_size,
        weights=config.start,
        loss_options={"rpn": config.rpn_loss, "roi": config.roi_loss},
        **config.network_options,
    )


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (96, 96), "head_epochs": 0, "fine_tune_epochs": 1}
    small |= {"strides": (16, 32), "filters": 16, "hidden_units": 32, "num_proposals": 20, "max_candidates": 100}
    return make_small(config, SMOKE_RUN.name, **small, options={"alpha": 0.35} | config.options)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
