"""Train a detector that looks at what was proposed, R-CNN, Fast or Faster R-CNN, and export it.

    python pipelines/train_rcnn.py --data voc:bccd --weights stanford_dogs --output saved_models/cells

Faster R-CNN proposes regions itself, and the TFLite files hold all of it. Its report says what part of the objects the
first so many proposals find, too. Of the other two, selective search proposes, which needs
`pip install "kerascnn[proposals]"`. Fast R-CNN has no TFLite files, which could not search. R-CNN has those of its
classifier, and what was fitted to it in heads.npz.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

import keras
from alternation import train_alternately
from console import run_script
from rcnn import RegionConfig, Regions, train_rcnn_detector
from search import Search
from training import Learn, Option, make_small, train

from kerascnn.architectures import check_options, fast_rcnn, faster_rcnn
from kerascnn.data import Source, object_sizes
from kerascnn.losses import RegionClassLoss, RegionProposalLoss
from kerascnn.ops import find_scales
from kerascnn.ops.anchors import Scales
from kerascnn.tasks import FasterRCNNTask, FastRCNNTask, region_detection, region_proposals, two_stage_detection
from kerascnn.tasks.detection import build_loss
from kerascnn.training import History

logger = logging.getLogger(__name__)

FAST_OPTIONS = ("strides", "filters", "pooling", "hidden_units")
SECOND_STAGE_OPTIONS = ("pooling", "pool_size", "hidden_units", "dropout")
FIRST_STAGE_OPTIONS = ("num_proposals", "max_candidates", "least_side")
NAMES = {"rcnn": "rcnn", "fast": "fast_rcnn", "faster": "faster_rcnn"}
OF_PICTURES = {
    "image_size": (320, 320),
    "augment": "detection",
    "batch_size": 8,
    "fine_tune_epochs": 40,
    "fine_tune_learning_rate": 1e-3,
    "batch_norm": "trained",
}
OF_REGIONS = {
    "image_size": (96, 96),
    "augment": "mirror",
    "batch_size": 32,
    "dropout": 0.2,
    "fine_tune_epochs": 3,
    "fine_tune_learning_rate": 3e-4,
    "batch_norm": "frozen",
}
FIRST_STAGE_ONLY = ("scales_per_place", *FIRST_STAGE_OPTIONS, "rpn_loss")
# By variant, settings of the others, which would be ignored.
OF_OTHERS = {
    "rcnn": ("coordinator", "processes", "process", "cache", *FAST_OPTIONS, *FIRST_STAGE_ONLY, "roi_loss"),
    "fast": ("regions", *FIRST_STAGE_ONLY),
    "faster": ("search", "regions"),
}
DEFAULTS = {"rcnn": OF_REGIONS, "fast": OF_PICTURES, "faster": OF_PICTURES}


@dataclass(frozen=True)
class Config(RegionConfig):
    """Train R-CNN, Fast or Faster R-CNN, and export it. What stands as None has a value of its own for each."""

    variant: Literal["rcnn", "fast", "faster"] = "faster"
    """rcnn runs a classifier on every region, fast pools all regions from one map, faster proposes them itself."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    architecture: str = "mobilenet_v2"
    """Which body."""
    weights: str = "stanford_dogs"
    """What the body starts from: imagenet, stanford_dogs, bsds500, a weight file, a run folder, or none."""
    image_size: tuple[int, int] | None = None
    """Height and width of the network's input in pixels, or, of rcnn, of a region: larger sees more detail and costs
    its square. By default 320 320, and 96 96 for rcnn."""
    training: Literal["joint", "alternating"] = "joint"
    """Whether the two stages of faster learn together, or in the paper's four steps, in four times as many epochs."""
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
    augment: str | None = None
    """How pictures change at random in training: none, light, detection and others; see preview.py. By default
    detection, and mirror for rcnn: strong ones move what the box must fit."""
    dropout: float | None = None
    """Share that is dropped after each of the second stage's fully connected layers, which the paper has as 0.5; by
    default nothing. Of rcnn, share of the features: by default 0.2."""
    batch_size: int | None = None
    """In a step. By default 8 pictures, since with few pictures small batches make more steps; 32 regions for rcnn."""
    head_epochs: int = 1
    """Epochs in which only the new layers train, so that their first errors do not bend the body."""
    fine_tune_epochs: int | None = None
    """Epochs in which more of the network trains. By default 40, and 3 for rcnn, whose pictures are many regions."""
    fine_tune_learning_rate: float | None = None
    """By default 1e-3: features of what it is have to become features of where it is. Of rcnn, 3e-4."""
    batch_norm: Literal["frozen", "trained"] | None = None
    """Whether batch normalisations keep the statistics of the pre-training, as by default those of rcnn do, or learn
    new ones, as those of the others."""

    @property
    def fast_options(self) -> dict[str, Any]:
        """What `kerascnn.architectures.fast_rcnn` is given."""
        dropout = {} if self.dropout is None else {"dropout": self.dropout}
        return {name: getattr(self, name) for name in FAST_OPTIONS} | dropout | self.options

    @property
    def faster_options(self) -> dict[str, Any]:
        """What `kerascnn.architectures.faster_rcnn` is given."""
        return {name: getattr(self, name) for name in FIRST_STAGE_OPTIONS} | self.fast_options

    def with_defaults(self) -> "Config":
        """Give the settings with what each variant has of its own."""
        missing = {name: value for name, value in DEFAULTS[self.variant].items() if getattr(self, name) is None}
        return replace(self, **missing)


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    if config.training == "alternating" and config.variant != "faster":
        raise ValueError(
            "--training alternating is for faster, whose two stages can take turns. "
            f"Received: --variant {config.variant}."
        )
    _check_variant(config)
    config = (_smoke(config) if config.smoke else config).with_defaults()
    return VARIANTS[config.variant](config)


def train_fast_rcnn(config: Config) -> int:
    """Train Fast R-CNN on the proposals of a search. Returns the exit status."""
    _check(config, fast_rcnn)
    config.search.check()

    options = {"annotation": FastRCNNTask.annotation, "weights": config.start, "search": config.search}
    return train(config, partial(_make_fast_task, config), config.stages(), **options)


def train_faster_rcnn(config: Config) -> int:
    """Train Faster R-CNN, both stages together or one after another. Returns the exit status."""
    _check(config, faster_rcnn)
    if config.training == "alternating" and config.finish:
        raise ValueError("What is trained in four steps cannot be finished before the last: go on with --resume alone.")
    shared = {"image_size": config.image_size, "weights": config.start}

    def make_task(source: Source) -> FasterRCNNTask:
        scales, losses = _find_scales(config, source), {"rpn": config.rpn_loss, "roi": config.roi_loss}
        options = shared | {"loss_options": losses} | config.faster_options
        return two_stage_detection(config.architecture, source.classes, scales, **options)

    def alternate(task: FasterRCNNTask, source: Source, learn: Learn) -> History:
        second = _make_fast_task(config, source)
        options = {name: value for name, value in task.options.items() if name not in SECOND_STAGE_OPTIONS}
        first = region_proposals(config.architecture, **shared, loss_options=config.rpn_loss, **options)
        return train_alternately(task, first, second, source, learn, config.stages())

    schedule = alternate if config.training == "alternating" else None
    options = {"annotation": FasterRCNNTask.annotation, "weights": config.start, "schedule": schedule}
    return train(config, make_task, config.stages(), **options)


VARIANTS = {"rcnn": train_rcnn_detector, "fast": train_fast_rcnn, "faster": train_faster_rcnn}


def _make_fast_task(config: Config, source: Source) -> FastRCNNTask:
    return region_detection(
        config.architecture,
        source.classes,
        image_size=config.image_size,
        weights=config.start,
        loss_options=config.roi_loss,
        **config.fast_options,
    )


def _check_variant(config: Config) -> None:
    """Refuse settings that the variant does not have."""
    plain = Config()
    given = [name for name in OF_OTHERS[config.variant] if getattr(config, name) != getattr(plain, name)]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"--variant {config.variant} has no use for {flags}: leave it out.")


def _check(config: Config, builder: Callable[..., keras.Model]) -> None:
    """Refuse options that network or losses do not have, before data are read."""
    check_options(config.architecture, config.options, builder)
    own = [field.name for field in fields(config)]
    settings = [f"--{name.replace('_', '-')}" for name in config.options if name in own]
    if settings:
        raise ValueError(f"Give {' and '.join(settings)} by itself, not in --options.")
    build_loss(RegionProposalLoss, **config.rpn_loss)
    build_loss(RegionClassLoss, **config.roi_loss)


def _find_scales(config: Config, source: Source) -> Scales:
    sizes = object_sizes(source.train, config.image_size)
    scales, mean_iou = find_scales(sizes, config.strides, per_place=config.scales_per_place, seed=config.seed)
    for stride, sides in zip(config.strides, scales, strict=True):
        logger.info("Scales of stride %d: %s.", stride, ", ".join(map(str, sides)))
    logger.info("The most similar anchor has an IoU of %.3f with an object, on average.", mean_iou)
    return scales


def _smoke(config: Config) -> Config:
    settings = {
        "weights": "none",
        "head_epochs": 0,
        "fine_tune_epochs": 1,
        "search": Search(side=160, max_proposals=40),
    }
    if config.variant == "rcnn":
        settings |= {"image_size": (48, 48), "regions": Regions(context=4, positives=2, fitted_proposals=20)}
    else:
        settings |= {"image_size": (96, 96), "strides": (16, 32), "filters": 16, "hidden_units": 32}
        settings |= {"num_proposals": 20, "max_candidates": 100}
    thin = {"alpha": 0.35} if config.architecture == Config.architecture else {}  # other networks have no alpha
    return make_small(config, f"smoke_{NAMES[config.variant]}", **settings, options=thin | config.options)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
