"""YOLO: one network that sees the whole picture once, and answers for every cell of a grid."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras

from kerascnn.architectures import load_weights, yolo
from kerascnn.losses import YoloLoss
from kerascnn.metrics.average_precision import AveragePrecision
from kerascnn.ops.grids import PLACE, boxes_and_scores
from kerascnn.tasks.detection import DetectionTask, build_loss
from kerascnn.tasks.detector_outputs import detector_outputs
from kerascnn.tasks.task import check_names, is_of_other_classes

HEAD = r"offsets_(stride\d+)"


@dataclass(frozen=True)
class YoloTask(DetectionTask):
    """A network of grids and anchors; `detection` makes one.

    Attributes:
        flexible: the same network, with the same layers, for pictures of any size; None trains at `image_size` only.
    """

    name: ClassVar[str] = "yolo"
    flexible: keras.Model | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        width = 5 + len(self.classes) + PLACE
        if len(self.model.output_shape) != 3 or self.model.output_shape[-1] != width:
            raise ValueError(
                f"The network must give predictions (B, N, {width}) for {len(self.classes)} classes. "
                f"Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def training_model(self) -> keras.Model:
        """The network for pictures of any size, if there is one."""
        return self.model if self.flexible is None else self.flexible

    @property
    def loss(self) -> keras.losses.Loss:
        """See `YoloLoss`."""
        return build_loss(YoloLoss, **self.loss_options)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the average precision, and the terms of the loss."""
        return [AveragePrecision(len(self.classes)), *self.loss_terms()]

    @property
    def float_after(self) -> Sequence[str]:
        """The steps of the path that the heads begin at: in 8 bits, a head would move boxes by pixels."""
        heads = filter(None, (re.fullmatch(HEAD, layer.name) for layer in self.model.layers))
        return [f"path_{head[1]}_relu" for head in heads]

    def serving_model(self) -> keras.Model:
        """Give the model that answers with boxes after suppression, see `detector_outputs`."""
        boxes, scores = boxes_and_scores(self.model.output)
        return keras.Model(self.model.input, detector_outputs(boxes, scores, self.image_size), name=self.model.name)


def detection(
    architecture: str,
    classes: Sequence[str],
    anchors: Sequence[Sequence[tuple[float, float]]],
    *,
    image_size: tuple[int, int] = (320, 320),
    any_size: bool = False,
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> YoloTask:
    """Make a network that finds the objects of a picture in one look.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `mobilenet_v2`.
        classes: at least one name; their order is that of the class ids.
        anchors: of each grid, see `kerascnn.ops.find_anchors`.
        image_size: (height, width) of the network's input in pixels.
        any_size: whether it can be trained on pictures of several sizes, see `kerascnn.data.pipeline`. Then
            `task.training_model.fit` trains; `task.model` shares its weights.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation. A run's head is taken over where the classes are the same, even if the anchors
            are a little different: training begins nearer than from a new one.
        loss_options: what `kerascnn.losses.YoloLoss` takes, such as `assignment`.
        **options: what `kerascnn.architectures.yolo` takes, such as `strides` or `alpha`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder or the loss
            refuses.

    Example:
        >>> anchors, mean_iou = find_anchors(object_sizes(data.train, (320, 320)), (8, 16, 32))
        >>> task = detection("mobilenet_v2", data.classes, anchors)
        >>> task.compile()
        >>> task.model.fit(images, rows)  # rows (N, M, 5): x1, y1, x2, y2 in pixels, class; class -1 is padding
    """
    check_names("classes", classes, at_least=1)
    flexible = None
    if any_size:
        yolo(architecture, (*image_size, 3), len(classes), anchors, **options)  # it may refuse the size
        flexible = yolo(architecture, (None, None, 3), len(classes), anchors, **options)
        picture = keras.layers.Input((*image_size, 3), dtype=flexible.input.dtype, name=flexible.input.name)
        model = keras.models.clone_model(flexible, input_tensors=picture, clone_function=lambda layer: layer)
    else:
        model = yolo(architecture, (*image_size, 3), len(classes), anchors, **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return YoloTask(
        model,
        tuple(classes),
        report,
        architecture,
        {"anchors": anchors} | options,
        loss_options or {},
        flexible=flexible,
    )
