"""The loss of YOLO's first version: squared errors throughout, of which the best box of a cell bears the most."""

from typing import Any

import keras
from keras import ops

from kerascnn.losses.terms import DetectorTerms
from kerascnn.ops import corners_from_cells, encode_yolo_v1, iou, split_yolo_v1


@keras.saving.register_keras_serializable("kerascnn")
class YoloV1Loss(keras.losses.Loss):
    """Sum the squared errors of what the cells of a grid say of boxes, confidences and classes.

    An object belongs to the cell that its centre lies in, of several the first. Of the boxes of that cell, the one of
    the highest IoU with the object is responsible for it: its x, y, sqrt(w), sqrt(h) are compared with the object's,
    and its confidence with that IoU. The confidences of all other boxes are compared with 0. The classes count in the
    cells of objects only.

    Args:
        image_size: (height, width) of the pictures, in pixels.
        num_classes: C, at least 1.
        boxes: how many each cell predicts.
        coordinate_weight: lambda_coord, of x, y, sqrt(w), sqrt(h).
        no_object_weight: lambda_noobj, of the confidences of boxes that are not responsible; most boxes are not.
        **options: as every Keras loss takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2 in pixels and the class, the largest first, class -1 for padding; and outputs
    (B, S, S, 5 boxes + C), as `kerascnn.ops.decode_yolo_v1` does.

    Raises:
        ValueError: for fewer than one class or box, a negative weight, or targets and outputs of other shapes.

    Reference:
        Redmon et al. 2016, "You Only Look Once: Unified, Real-Time Object Detection", arXiv:1506.02640, section 2.2,
        equation 3. Where no box of the cell overlaps the object, the nearest is responsible, as in Darknet;
        otherwise it would always be the first.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        num_classes: int,
        boxes: int = 2,
        *,
        coordinate_weight: float = 5.0,
        no_object_weight: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if min(num_classes, boxes) < 1:
            raise ValueError(
                f"num_classes and boxes must be at least 1. Received: num_classes={num_classes}, boxes={boxes}."
            )
        if min(coordinate_weight, no_object_weight) < 0:
            raise ValueError(
                f"Weights must not be negative. Received: coordinate_weight={coordinate_weight}, "
                f"no_object_weight={no_object_weight}."
            )
        self.image_size, self.num_classes, self.boxes = tuple(image_size), num_classes, boxes
        self.coordinate_weight, self.no_object_weight = coordinate_weight, no_object_weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        return sum(self.terms(y_true, y_pred))

    def terms(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> DetectorTerms:
        """Compute the terms whose sum is the loss."""
        y_pred = ops.cast(y_pred, "float32")
        cells, confidences, classes = split_yolo_v1(y_pred, self.boxes)
        if classes.shape[-1] != self.num_classes:
            raise ValueError(
                f"The outputs must be (B, S, S, {5 * self.boxes + self.num_classes}), for {self.boxes} boxes and "
                f"{self.num_classes} classes. Received: the shape {tuple(y_pred.shape)}."
            )
        rows = ops.cast(y_true, "float32")
        encoded = encode_yolo_v1(rows, cells.shape[1], self.image_size, self.num_classes)
        target, there, labels = split_yolo_v1(encoded, 1)
        box_errors = _squared_error(target, cells)  # (B, S, S, boxes)
        # The IoU is a target of the confidence: a box is not to fit worse so that its confidence fits.
        overlaps = ops.stop_gradient(
            iou(corners_from_cells(cells, self.image_size), corners_from_cells(target, self.image_size))
        )
        responsible = there * ops.one_hot(_find_best(overlaps, box_errors), self.boxes, dtype="float32")
        return DetectorTerms(
            self.coordinate_weight * ops.sum(responsible * box_errors, axis=(1, 2, 3)),
            ops.sum(responsible * ops.square(overlaps - confidences), axis=(1, 2, 3)),
            self.no_object_weight * ops.sum((1 - responsible) * ops.square(confidences), axis=(1, 2, 3)),
            ops.sum(there[..., 0] * _squared_error(labels, classes), axis=(1, 2)),
        )

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {
            "image_size": self.image_size,
            "num_classes": self.num_classes,
            "boxes": self.boxes,
            "coordinate_weight": self.coordinate_weight,
            "no_object_weight": self.no_object_weight,
        }


def _find_best(overlaps: keras.KerasTensor, box_errors: keras.KerasTensor) -> keras.KerasTensor:
    """Give which box of each cell (..., boxes) overlaps the most, or has the least error where none overlaps."""
    overlap = ops.max(overlaps, axis=-1, keepdims=True) > 0
    return ops.argmax(ops.where(overlap, overlaps, -box_errors), axis=-1)


def _squared_error(expected: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum(ops.square(expected - found), axis=-1)
