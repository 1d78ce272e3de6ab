"""How well the one object of a picture is found: is there one, where, and of which class?

The targets are rows x1, y1, x2, y2, class in absolute pixels; class -1 says that there is no object.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerascnn.ops import check_object_shapes, corners_from_shares, first_object, iou

IOU_THRESHOLD = 0.5  # from which on a box is right, as in ILSVRC
PRESENCE_THRESHOLD = 0.5  # the probability from which on there is an object
BOX, CLASSES = slice(1, 5), slice(5, None)  # of the outputs; 0 is the presence


def summarise_localization(
    presence: np.ndarray, boxes: np.ndarray, probabilities: np.ndarray, targets: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Summarise the answers of a network that finds the one object of a picture.

    Args:
        presence: (N,), probability that there is an object; from 0.5 on there is one.
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        probabilities: (N, classes), in 0..1.
        targets: (N, 5), x1, y1, x2, y2, class; class -1 says that there is no object.
        classes: name of each class.

    Returns:
        `examples`; `accuracy`, the share of pictures answered rightly as a whole: no object where there is none, else
        the right class in a box with an IoU of at least 0.5; `presence`, with its accuracy, precision and recall. Of
        the pictures with an object, found or not: `support`, their number; `mean_iou`; `box_accuracy`, the share with
        an IoU of at least 0.5; `class_accuracy`; `localization_accuracy`, the share where both are right, which is
        what ILSVRC counts; and the first four `per_class`. What is not defined is None.

    Raises:
        ValueError: for no example, arrays that do not belong together, or a class that is not among the classes.

    Reference:
        Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge", arXiv:1409.0575, section 4.2.
    """
    _check_arrays(presence, boxes, probabilities, targets, classes)
    labels = targets[:, 4].astype(int)
    there, said = labels >= 0, np.asarray(presence) >= PRESENCE_THRESHOLD
    ious = ops.convert_to_numpy(iou(ops.cast(targets[:, :4], "float32"), ops.cast(boxes, "float32")))
    near, named = ious >= IOU_THRESHOLD, probabilities.argmax(axis=-1) == labels
    right = np.where(there, said & near & named, ~said)
    return {
        "examples": len(labels),
        "accuracy": float(right.mean()),
        "presence": {
            "accuracy": float(np.mean(there == said)),
            "precision": _mean(there[said]),
            "recall": _mean(said[there]),
        },
        **_of_objects(there, ious, near, named),
        "localization_accuracy": _mean((near & named)[there]),
        "per_class": [
            {"class": name, **_of_objects(labels == class_id, ious, near, named)}
            for class_id, name in enumerate(classes)
        ],
    }


@keras.saving.register_keras_serializable("kerascnn")
class BoxIoU(keras.metrics.Mean):
    """Measure the mean IoU of the box over the pictures with an object, whether it was said to be there or not.

    Args:
        image_size: (height, width) of the pictures, in pixels.
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes rows (B, N, 5), x1, y1, x2, y2, class, of which the first of each picture counts, class -1 for no object; and
    outputs (B, 5 + classes): the logit of the presence; b_x, b_y, b_h, b_w, which after a sigmoid are the centre, the
    height and the width of the box as shares of the picture; the logits of the classes.
    """

    def __init__(self, image_size: tuple[int, int], name: str = "box_iou", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.image_size = tuple(image_size)

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Add the IoU of each picture with an object."""
        target, y_pred = _first_row(y_true, y_pred, self.dtype)
        ious = iou(target[:, :4], corners_from_shares(ops.sigmoid(y_pred[:, BOX]), self.image_size))
        super().update_state(ious, _weight_of_objects(target, sample_weight))

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"image_size": self.image_size}


@keras.saving.register_keras_serializable("kerascnn")
class PresenceAccuracy(keras.metrics.Mean):
    """Measure how often it is rightly said whether there is an object. It takes rows and outputs as `BoxIoU` does."""

    def __init__(self, name: str = "presence_accuracy", **options: Any) -> None:
        super().__init__(name=name, **options)

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Count the right answers."""
        target, y_pred = _first_row(y_true, y_pred, self.dtype)
        super().update_state(ops.equal(y_pred[:, 0] >= 0, target[:, 4] >= 0), sample_weight)


@keras.saving.register_keras_serializable("kerascnn")
class ObjectClassAccuracy(keras.metrics.Mean):
    """Measure how often the class of an object is right, over the pictures with one. It takes what `BoxIoU` does."""

    def __init__(self, name: str = "class_accuracy", **options: Any) -> None:
        super().__init__(name=name, **options)

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Count the right classes of the pictures with an object."""
        target, y_pred = _first_row(y_true, y_pred, self.dtype)
        right = ops.equal(ops.argmax(y_pred[:, CLASSES], axis=-1), ops.cast(target[:, 4], "int32"))
        super().update_state(right, _weight_of_objects(target, sample_weight))


def _first_row(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor, dtype: str
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Give the first row of each picture (B, 5), and the outputs, both of the metric's type."""
    check_object_shapes(y_true, y_pred)
    return first_object(ops.cast(y_true, dtype)), ops.cast(y_pred, dtype)


def _weight_of_objects(target: keras.KerasTensor, sample_weight: keras.KerasTensor | None) -> keras.KerasTensor:
    """Give the weight (B,) of each picture, 0 without an object."""
    weight = ops.cast(target[:, 4] >= 0, target.dtype)
    return weight if sample_weight is None else weight * ops.reshape(ops.cast(sample_weight, weight.dtype), (-1,))


def _of_objects(chosen: np.ndarray, ious: np.ndarray, near: np.ndarray, named: np.ndarray) -> dict[str, Any]:
    return {
        "support": int(chosen.sum()),
        "mean_iou": _mean(ious[chosen]),
        "box_accuracy": _mean(near[chosen]),
        "class_accuracy": _mean(named[chosen]),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _check_arrays(
    presence: np.ndarray, boxes: np.ndarray, probabilities: np.ndarray, targets: np.ndarray, classes: Sequence[str]
) -> None:
    shapes = [np.shape(array) for array in (presence, boxes, probabilities, targets)]
    examples = len(targets)
    if examples == 0 or shapes != [(examples,), (examples, 4), (examples, len(classes)), (examples, 5)]:
        raise ValueError(
            f"presence (N,), boxes (N, 4), probabilities (N, {len(classes)}) and targets (N, 5) must belong together "
            f"and not be empty. Received: {', '.join(map(str, shapes))}."
        )
    if not np.isin(targets[:, 4], np.arange(-1, len(classes))).all():
        raise ValueError(
            f"The classes of targets must be integers from -1, no object, to {len(classes) - 1}. "
            f"Received: {np.unique(targets[:, 4])}."
        )
