"""YOLO: one network that sees the whole picture once, and answers for every cell of a grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
from keras import layers, ops

from kerascnn.architectures import load_weights, yolo
from kerascnn.layers import NonMaxSuppression
from kerascnn.losses.yolo import Terms, YoloLoss
from kerascnn.metrics.average_precision import AveragePrecision, LossTerm
from kerascnn.ops.grids import PLACE
from kerascnn.tasks.detection import DetectionTask
from kerascnn.tasks.task import check_names, is_of_other_classes


@dataclass(frozen=True)
class YoloTask(DetectionTask):
    """A network of grids and anchors; `detection` makes one.

    Attributes:
        loss_options: what `YoloLoss` is given.
    """

    name: ClassVar[str] = "yolo"
    loss_options: Mapping[str, Any] | None = None
    max_detections: ClassVar[int] = 100
    iou_threshold: float = 0.5

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
    def loss(self) -> keras.losses.Loss:
        """See `YoloLoss`."""
        return YoloLoss(**(self.loss_options or {}))

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the average precision, and the terms of the loss."""
        terms = [LossTerm(self.loss, term) for term in Terms._fields]
        return [AveragePrecision(len(self.classes)), *terms]

    def serving_model(self) -> keras.Model:
        """Give the model that answers with boxes after suppression."""
        predictions = self.model.output
        boxes, classes = predictions[..., :4], predictions[..., 5:-PLACE]
        scores = ops.sigmoid(predictions[..., 4:5]) * ops.sigmoid(classes)
        kept = NonMaxSuppression(self.iou_threshold, 0.01, self.max_detections, 300, name="suppression")(boxes, scores)
        height, width = self.image_size
        location = ops.take(kept["boxes"], [1, 0, 3, 2], axis=-1) / ops.convert_to_tensor(
            [height, width, height, width], "float32"
        )
        outputs = {
            "location": layers.Identity(name="location")(location),
            "category": layers.Identity(name="category")(ops.cast(ops.maximum(kept["class_ids"], 0), "float32")),
            "score": layers.Identity(name="score")(kept["scores"]),
            "number": layers.Identity(name="number")(ops.cast(kept["count"], "float32")),
        }
        return keras.Model(self.model.input, outputs, name=self.model.name)


def detection(
    architecture: str,
    classes: Sequence[str],
    anchors: Sequence[Sequence[tuple[float, float]]],
    *,
    image_size: tuple[int, int] = (320, 320),
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
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss_options: what `kerascnn.losses.YoloLoss` takes, such as `assignment`.
        **options: what `kerascnn.architectures.yolo` takes, such as `strides` or `alpha`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> anchors, mean_iou = find_anchors(object_sizes(data.train, (320, 320)), (8, 16, 32))
        >>> task = detection("mobilenet_v2", data.classes, anchors)
        >>> task.compile()
        >>> task.model.fit(images, rows)  # rows (N, M, 5): x1, y1, x2, y2 in pixels, class; class -1 is padding
    """
    check_names("classes", classes, at_least=1)
    model = yolo(architecture, (*image_size, 3), len(classes), anchors, **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return YoloTask(model, tuple(classes), report, architecture, {"anchors": anchors} | options, loss_options)
