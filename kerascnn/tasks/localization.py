"""Localization: is there an object in the picture, where, and of which class?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from kerascnn.architectures import load_weights, localizer
from kerascnn.losses import LocalizationLoss
from kerascnn.metrics.localization import (
    IOU_THRESHOLD,
    PRESENCE_THRESHOLD,
    BoxIoU,
    ObjectClassAccuracy,
    PresenceAccuracy,
    summarise_localization,
)
from kerascnn.ops import corners_from_shares, first_object, iou
from kerascnn.results import Detections
from kerascnn.tasks.task import Task, check_names, is_of_other_classes

NONE = -1  # the class where there is no object
SAME_BOX = 0.9  # the IoU from which on two models give the same box


@dataclass(frozen=True)
class LocalizationTask(Task):
    """A network that finds the one object of a picture, with the names of the classes; `localization` makes one.

    Of several objects in a picture, the largest is the one to find.
    """

    name: ClassVar[str] = "localization"
    annotation: ClassVar[str] = "boxes"
    score_name: ClassVar[str] = "mean IoU"
    monitor: ClassVar[str] = "box_iou"

    def __post_init__(self) -> None:
        """Refuse names that do not fit the network."""
        super().__post_init__()
        check_names("classes", self.classes, at_least=1)
        _ = self.loss  # it refuses options that it does not have, now and not when training begins
        if self.model.output_shape != (None, 5 + len(self.classes)):
            raise ValueError(
                f"The network must give p_c, a box and {len(self.classes)} classes, (B, {5 + len(self.classes)}). "
                f"Received: an output of the shape {self.model.output_shape}."
            )

    @property
    def loss(self) -> keras.losses.Loss:
        """See `LocalizationLoss`."""
        return LocalizationLoss(self.image_size, **self.loss_options)

    @property
    def output_labels(self) -> Mapping[str, str]:
        """The class names stand along the last axis of the probabilities."""
        return {"probabilities": "axis"}

    def metrics(self) -> list[keras.metrics.Metric]:
        """Make the mean IoU, and the accuracies of p_c and of the classes."""
        return [BoxIoU(self.image_size), PresenceAccuracy(), ObjectClassAccuracy()]

    def targets(self, sample: Mapping[str, Any]) -> Any:
        """Take the row of the largest object; there is none in a picture without one."""
        return sample["objects"][:1]

    def decode(
        self, outputs: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """Turn the outputs into one `Detections` a picture, of one box or none; the score is that of p_c."""
        boxes, presence = np.clip(outputs["box"], 0, 1), outputs["presence"].reshape(-1)
        class_ids = np.where(presence >= PRESENCE_THRESHOLD, outputs["probabilities"].argmax(-1), NONE)
        return self._results(boxes, presence, class_ids, sizes)

    def truths(self, targets: np.ndarray, sizes: Sequence[tuple[int, int]] | None = None) -> list[Detections]:
        """Turn rows (N, M, 5), of which the first counts, into results that are sure of them."""
        rows = ops.convert_to_numpy(first_object(targets))
        return self._results(rows[:, :4] / _extent(self.image_size), np.ones(len(rows), np.float32), rows[:, 4], sizes)

    def _results(
        self, boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, sizes: Sequence[tuple[int, int]] | None
    ) -> list[Detections]:
        """Make a result of each picture's box (N, 4), in shares of the picture; there is none where its class is -1."""
        results = []
        for index, size in enumerate(self.sizes_of(len(boxes), sizes)):
            found = slice(index, index + int(class_ids[index] != NONE))
            pixels = (boxes[found] * _extent(size)).astype(np.float32)
            results.append(Detections(self.classes, pixels, scores[found], class_ids[found].astype(np.int32)))
        return results

    def evaluate(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Any]:
        """Summarise the outputs against rows (N, M, 5); see `summarise_localization`."""
        boxes = np.clip(outputs["box"], 0, 1) * _extent(self.image_size)
        presence = outputs["presence"].reshape(-1)
        return summarise_localization(
            presence, boxes, outputs["probabilities"], ops.convert_to_numpy(first_object(targets)), self.classes
        )

    def score_of(self, summary: Mapping[str, Any]) -> float:
        """Give the mean IoU over the pictures with an object; 0 where there is none."""
        return summary["mean_iou"] or 0.0

    def mistakes(self, outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> np.ndarray:
        """Find wrong answers on presence, wrong classes and boxes of an IoU below 0.5, the lowest IoU first."""
        answers, truths = self.decode(outputs), self.truths(targets)
        quality = np.array([_likeness(answer, truth) for answer, truth in zip(answers, truths, strict=True)])
        wrong = np.flatnonzero(quality < IOU_THRESHOLD)
        return wrong[np.argsort(quality[wrong], kind="stable")]

    def agreement(self, outputs: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
        """Give the share of pictures with the same class in nearly the same box (IoU 0.9), or no object in both."""
        pairs = zip(self.decode(outputs), self.decode(others), strict=True)
        return float(np.mean([_likeness(one, other) >= SAME_BOX for one, other in pairs]))

    def serving_model(self) -> keras.Model:
        """Give the model that answers with probabilities, and with corners.

        Returns:
            A model of pictures to `presence` (B, 1), the probability of an object; `box` (B, 4), its x1, y1, x2, y2 as
            shares of the picture, which may leave it a little; `probabilities` (B, classes), summing to 1.
        """
        presence, box, classes = (self.model.get_layer(name).output for name in ("presence", "box", "predictions"))
        outputs = {
            "presence": layers.Activation("sigmoid", name="presence_probability")(presence),
            "box": corners_from_shares(ops.sigmoid(box)),
            "probabilities": layers.Softmax(name="probabilities")(classes),
        }
        return keras.Model(self.model.input, outputs, name=self.model.name)


def localization(
    architecture: str,
    classes: Sequence[str],
    *,
    image_size: tuple[int, int] = (160, 160),
    weights: str | Path | None = None,
    loss_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> LocalizationTask:
    """Make a network that finds the one object of a picture.

    Args:
        architecture: its body, a name of `kerascnn.architectures.CLASSIFIERS`, such as `mobilenet_v2`.
        classes: at least one name; their order is that of the class ids.
        image_size: (height, width) of the network's input in pixels.
        weights: of the body, or of a run folder of this task, see `kerascnn.architectures.load_weights`; None starts
            from a random initialisation.
        loss_options: what `kerascnn.losses.LocalizationLoss` takes, such as `form` and `box_weight`.
        **options: what `kerascnn.architectures.localizer` takes, such as `dropout` or `alpha`.

    Raises:
        ValueError: for classes that are none, not different, empty or of several lines, or what the builder refuses.

    Example:
        >>> task = localization("mobilenet_v2", ["cat", "dog"])
        >>> task.compile()
        >>> task.model.fit(images, rows)  # rows (N, 1, 5): x1, y1, x2, y2 in pixels, class; -1 where there is none
    """
    check_names("classes", classes, at_least=1)
    model = localizer(architecture, (*image_size, 3), len(classes), **options)
    own_head = weights is not None and not is_of_other_classes(weights, tuple(classes))
    report = None if weights is None else load_weights(model, weights, head=own_head)
    return LocalizationTask(model, tuple(classes), report, architecture, options, loss_options or {})


def _extent(size: tuple[int, int]) -> np.ndarray:
    """Give what turns shares x, y, x, y of a picture of (height, width) into pixels."""
    return np.array([*size[::-1], *size[::-1]], np.float32)


def _likeness(one: Detections, other: Detections) -> float:
    """Give the IoU of two answers of one box or none: 1 if both have none, 0 if one has, or the classes differ."""
    if len(one) != len(other) or one.class_names != other.class_names:
        return 0.0
    if len(one) == 0:
        return 1.0
    return float(iou(one.boxes[0], other.boxes[0]))
