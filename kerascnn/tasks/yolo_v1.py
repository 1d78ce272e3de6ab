"""YOLO's first version as a task: each cell of a grid says a few boxes and one class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras

from kerascnn.architectures import load_weights, yolo_v1
from kerascnn.losses import YoloV1Loss
from kerascnn.metrics.average_precision import YoloV1AveragePrecision
from kerascnn.ops import decode_yolo_v1
from kerascnn.tasks.detection import DetectionTask, build_loss
from kerascnn.tasks.detector_outputs import detector_outputs
from kerascnn.tasks.task import check_names, is_of_other_classes


@dataclass(frozen=True)
class YoloV1Task(DetectionTask):
    """A network of cells with boxes, and no anchors; `detection_v1` makes one."""

    name: ClassVar[str] = "yolo_v1"

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        depth = self.model.output_shape[-1] - len(self.classes)
        if len(self.model.output_shape) != 4 or depth < 5 or depth % 5:
            raise ValueError(
                f"The network must give cells (B, S, S, 5 boxes + {len(self.classes)}). "
                f"Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def boxes(self) -> int:
        """How many boxes a cell predicts."""
        return (self.model.output_shape[-1] - len(self.classes)) // 5

    @property
    def loss(self) -> keras.losses.Loss:
        """See `YoloV1Loss`."""
        return build_loss(YoloV1Loss, self.image_size, len(self.classes), self.boxes, **self.loss_options)

    @property
    def float_after(self) -> Sequence[str]:
        """The last fully connected layer, which gives places, confidences and classes in one tensor of 8 bits."""
        return ("cells",)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the average precision, and the terms of the loss."""
        return [YoloV1AveragePrecision(len(self.classes), self.image_size, self.boxes), *self.loss_terms()]

    def serving_model(self) -> keras.Model:
        """Give the model that answers with boxes after suppression, see `detector_outputs`."""
        boxes, scores = decode_yolo_v1(self.model.output, self.image_size, self.boxes)
        return keras.Model(self.model.input, detector_outputs(boxes, scores, self.image_size), name=self.model.name)


def detection_v1(
    architecture: str,
    classes: Sequence[str],
    *,
    image_size: tuple[int, int] = (448, 448),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> YoloV1Task:
    """Make YOLO's first version, which finds at most one object in each cell of a grid.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`; the paper's is `extraction`.
        classes: at least one name; their order is that of the class ids.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss_options: what `kerascnn.losses.YoloV1Loss` takes, such as `coordinate_weight`.
        **options: what `kerascnn.architectures.yolo_v1` takes, such as `grid` or `hidden_units`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder or the loss
            refuses.
    """
    check_names("classes", classes, at_least=1)
    model = yolo_v1(architecture, (*image_size, 3), len(classes), **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return YoloV1Task(model, tuple(classes), report, architecture, options, loss_options or {})
