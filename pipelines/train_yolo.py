"""Train YOLO, a network that finds the objects of a picture in one look, and export it for phones.

    python pipelines/train_yolo.py --data voc:bccd --weights stanford_dogs --output saved_models/cells

MediaPipe's ObjectDetector opens the TFLite files as they are.
"""

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro
from console import run_script
from fine_tuning import TransferConfig
from training import Option, make_small, train

from kerascnn.architectures import check_options, stride_layers, yolo
from kerascnn.data import Source, mosaic, object_sizes
from kerascnn.data.augment import Mosaic
from kerascnn.losses import YoloLoss
from kerascnn.ops import find_anchors
from kerascnn.tasks import YoloTask, detection
from kerascnn.tasks.detection import build_loss

logger = logging.getLogger(__name__)

SMOKE_RUN = Path("saved_models/smoke_yolo")


@dataclass(frozen=True)
class Config(TransferConfig):
    """Train YOLO, and export it for phones."""

    data: str = "scenes"
    """What to train on, with boxes: voc:FOLDER, coco:FOLDER, yolo:FOLDER, csv:FILE, tfds:NAME, or scenes (embedded)."""
    architecture: str = "mobilenet_v2"
    """Which body."""
    image_size: tuple[int, int] = (320, 320)
    """Height and width of the network's input in pixels: larger sees more detail and costs its square."""
    strides: tuple[int, ...] = (8, 16, 32)
    """Of the grids, in pixels of a cell's side: small ones for small objects."""
    anchors_per_cell: int = 3
    """Of each grid. Their shapes are found among the training boxes."""
    offsets: Literal["sigmoid", "linear"] = "linear"
    """Whether a box's centre must lie in the cell that predicts it, as in YOLOv2, or may lie beside it."""
    assignment: Literal["anchor", "aligned"] = "aligned"
    """Which predictions answer for an object: that of the most similar anchor, as the papers have it, or the ten that
    answer best already, which learns faster."""
    box_form: Literal["ciou", "squared"] = "ciou"
    """The loss of the box: 1 less the complete IoU, or squared errors of its offsets, as in the papers."""
    augment: str = "detection"
    """How pictures change at random in training: none, light, detection and others; see preview.py."""
    loss_options: dict[str, Option] = field(default_factory=dict)
    """Further options of the loss, in pairs: label_smoothing 0.1, no_object_weight 0.5. See YoloLoss."""
    dropout: tyro.conf.Suppress[float | None] = None
    """A detector has none."""
    mosaic: float = 0.0
    """Share of the pictures that are put together with three others, but for the last fifth of the epochs. It is for
    objects of all sizes, and for long trainings."""
    train_sizes: tuple[int, ...] = ()
    """Sides in pixels of the pictures that are trained on, multiples of the last stride, one for each step, such as 256
    320 384: it gets used to things of all sizes. By default, image_size alone."""
    batch_size: int = 8
    """Pictures in a step: with few pictures, small batches make more steps of an epoch."""
    head_epochs: int = 1
    """Epochs in which only the head trains."""
    fine_tune_epochs: int = 50
    """Epochs in which more of the network trains."""
    fine_tune_learning_rate: float = 1e-3
    """Higher than a classifier's: features of what it is have to become features of where it is."""
    batch_norm: Literal["frozen", "trained"] = "trained"
    """Whether batch normalisations keep the statistics of the pre-training or learn new ones."""

    @property
    def all_loss_options(self) -> dict[str, Option]:
        """What the loss is given: what has a setting of its own, and the further options."""
        return {"assignment": self.assignment, "box_form": self.box_form} | self.loss_options


def main(config: Config) -> int:
    """Train. Returns the exit status: 1 if an exported file missed its budget."""
    config = _smoke(config) if config.smoke else config
    _check(config)
    return train(
        config,
        lambda source: _make_task(config, source),
        config.stages(),
        annotation=YoloTask.annotation,
        weights=config.start,
        mixing=_mixing(config),
        image_sizes=[(side, side) for side in config.train_sizes],
    )


def _check(config: Config) -> None:
    """Refuse options that network or loss do not have, before data are read."""
    check_options(config.architecture, config.options, yolo)
    settings = [f"--{name}" for name in ("weights", "strides", "offsets") if name in config.options]
    if settings:
        raise ValueError(f"Give {' and '.join(settings)} by itself, not in --options.")
    build_loss(YoloLoss, **config.all_loss_options)


def _mixing(config: Config) -> list[Mosaic]:
    epochs = config.head_epochs + config.fine_tune_epochs * len(config.fine_tune_from)
    return [mosaic(config.mosaic, epochs=epochs * 4 // 5)] if config.mosaic else []


def _make_task(config: Config, source: Source) -> YoloTask:
    sizes = object_sizes(source.train, config.image_size)
    anchors, mean_iou = find_anchors(sizes, config.strides, per_cell=config.anchors_per_cell, seed=config.seed)
    for stride, shapes in zip(config.strides, anchors, strict=True):
        logger.info("Anchors of stride %d: %s.", stride, ", ".join(f"{width} x {height}" for width, height in shapes))
    logger.info("The most similar anchor has an IoU of %.3f with an object, on average.", mean_iou)
    task = detection(
        config.architecture,
        source.classes,
        anchors,
        image_size=config.image_size,
        any_size=bool(config.train_sizes),
        weights=config.start,
        strides=config.strides,
        offsets=config.offsets,
        loss_options=config.all_loss_options,
        **config.options,
    )
    last_stride = int(stride_layers(task.model)[-1].removeprefix("stride"))
    if any(side < 1 or side % last_stride for side in config.train_sizes):
        raise ValueError(f"train_sizes must be multiples of {last_stride}. Received: {config.train_sizes}.")
    return task


def _smoke(config: Config) -> Config:
    small = {"weights": "none", "image_size": (96, 96), "head_epochs": 1, "fine_tune_epochs": 1}
    thin = {"alpha": 0.35} if config.architecture == Config.architecture else {}  # other networks have no alpha
    small |= {"strides": (16, 32), "options": thin | config.options}
    return make_small(config, SMOKE_RUN.name, **small)


if __name__ == "__main__":
    sys.exit(run_script(main, Config, __doc__))
