"""The loss of a detector with grids and anchors."""

from typing import Any

import keras
from keras import ops

from kerascnn.losses.terms import DetectorTerms
from kerascnn.ops.assignment import NONE, assign_by_alignment, assign_by_anchor
from kerascnn.ops.grids import Places, Predictions, encode_boxes, split_predictions
from kerascnn.ops.iou import complete_iou, iou, pairwise_iou
from kerascnn.ops.targets import object_rows

ASSIGNMENTS = ("anchor", "aligned")
BOX_FORMS = ("ciou", "squared")


@keras.saving.register_keras_serializable("kerascnn")
class YoloLoss(keras.losses.Loss):
    """Sum the errors of boxes, objectness and classes, and divide by how many predictions of the batch answer.

    Args:
        assignment: which predictions answer for an object: `anchor`, the one whose cell the centre lies in and whose
            anchor is most similar; or `aligned`, the ten that answer best already. See `kerascnn.ops.assignment`.
        box_form: `ciou`, 1 less the complete IoU; or `squared`, the squared errors of the offsets from cell and anchor,
            as in the papers.
        soft_objectness: whether the objectness learns how well a prediction answers, its IoU, as in YOLOv2, rather than
            that there is an object, as in YOLOv3. Aligned assignment always does the former.
        ignore_threshold: a prediction that answers for no object but overlaps one by more is neither right nor wrong.
            Aligned assignment ignores none.
        label_smoothing: moves the targets of the classes towards the middle, in [0, 1).
        box_weight: of the box.
        objectness_weight: of the objectness of predictions that answer for an object.
        no_object_weight: of the objectness of those that do not.
        class_weight: of the classes.
        **options: as every Keras loss takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2 in pixels, class, padded with class -1; M may be 0. And predictions
    (B, N, 5 + C + 5), see `kerascnn.ops.grids`. Objectness and classes have logarithmic losses, each class by itself.
    With aligned assignment, boxes count as much as the objectness that is expected beside them, and those of the batch
    are summed up where boxes and objectness are divided.

    Raises:
        ValueError: for an unknown assignment or form, a negative weight, a threshold or smoothing out of range, or
            targets and outputs of other shapes.

    Reference:
        Redmon and Farhadi 2016, "YOLO9000", arXiv:1612.08242, section 2; Redmon and Farhadi 2018, "YOLOv3",
        arXiv:1804.02767, sections 2.1 and 2.2, with an ignore threshold of 0.5.
    """

    def __init__(
        self,
        assignment: str = "anchor",
        box_form: str = "ciou",
        *,
        soft_objectness: bool = False,
        ignore_threshold: float = 0.7,
        label_smoothing: float = 0.0,
        box_weight: float = 5.0,
        objectness_weight: float = 1.0,
        no_object_weight: float = 1.0,
        class_weight: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if assignment not in ASSIGNMENTS or box_form not in BOX_FORMS:
            raise ValueError(
                f"assignment must be {' or '.join(ASSIGNMENTS)}, box_form {' or '.join(BOX_FORMS)}. "
                f"Received: assignment={assignment!r}, box_form={box_form!r}."
            )
        if not 0 <= ignore_threshold <= 1 or not 0 <= label_smoothing < 1:
            raise ValueError(
                "ignore_threshold must lie in 0..1, label_smoothing in [0, 1). "
                f"Received: ignore_threshold={ignore_threshold}, label_smoothing={label_smoothing}."
            )
        weights = {
            "box_weight": box_weight,
            "objectness_weight": objectness_weight,
            "no_object_weight": no_object_weight,
            "class_weight": class_weight,
        }
        if min(weights.values()) < 0:
            raise ValueError(f"Weights must not be negative. Received: {weights}.")
        self.assignment, self.box_form, self.soft_objectness = assignment, box_form, soft_objectness
        self.ignore_threshold, self.label_smoothing = ignore_threshold, label_smoothing
        self.box_weight, self.class_weight = box_weight, class_weight
        self.objectness_weight, self.no_object_weight = objectness_weight, no_object_weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        return sum(self.terms(y_true, y_pred))

    def terms(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> DetectorTerms:
        """Compute the terms whose sum is the loss."""
        rows, predictions = object_rows(y_true), split_predictions(ops.cast(y_pred, "float32"))
        fixed = Predictions(*map(ops.stop_gradient, predictions[:3]), predictions.places)
        objects, quality = self._assign(rows, fixed)
        answers = ops.cast(objects != NONE, "float32")  # (B, N)
        matched = ops.take_along_axis(rows, ops.expand_dims(ops.maximum(objects, 0), -1), axis=1)  # (B, N, 5)
        importance = answers if self.assignment == "anchor" else quality
        count, total = _mean_count(answers), _mean_count(importance)
        unsure = ops.binary_crossentropy(quality, predictions.objectness, from_logits=True)  # (B, N)
        wrong = (1 - answers) * self._counts_without_object(rows, fixed.boxes)
        return DetectorTerms(
            self.box_weight * ops.sum(importance * self._box_error(predictions, matched), axis=1) / total,
            self.objectness_weight * ops.sum(answers * unsure, axis=1) / total,
            self.no_object_weight * ops.sum(wrong * unsure, axis=1) / total,
            self.class_weight * ops.sum(answers * self._class_error(predictions.classes, matched), axis=1) / count,
        )

    def _assign(self, rows: keras.KerasTensor, fixed: Predictions) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Give the object of each prediction (B, N), -1 for none, and the objectness that it should have (B, N)."""
        if self.assignment == "aligned":
            return assign_by_alignment(rows, fixed)
        objects = assign_by_anchor(rows, fixed.places)
        quality = ops.cast(objects != NONE, "float32")
        if self.soft_objectness:
            matched = ops.take_along_axis(rows, ops.expand_dims(ops.maximum(objects, 0), -1), axis=1)
            quality = quality * iou(matched[..., :4], fixed.boxes)
        return objects, quality

    def _box_error(self, predictions: Predictions, matched: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the error (B, N) of each box against the row (B, N, 5) of its object."""
        if self.box_form == "ciou":
            return 1 - complete_iou(predictions.boxes, matched[..., :4])
        expected = _offsets(matched[..., :4], predictions.places)
        return ops.sum(ops.square(expected - _offsets(predictions.boxes, predictions.places)), axis=-1)

    def _counts_without_object(self, rows: keras.KerasTensor, boxes: keras.KerasTensor) -> keras.KerasTensor | float:
        """Give 0 for the predictions (B, N) that overlap an object too well to be wrong, and 1 for all others."""
        if self.assignment == "aligned":
            return 1.0
        overlaps = pairwise_iou(rows[..., :4], boxes)  # (B, M, N)
        ignored = (overlaps > self.ignore_threshold) & (rows[..., 4:] >= 0)
        return 1 - ops.cast(ops.any(ignored, axis=1), "float32")

    def _class_error(self, logits: keras.KerasTensor, matched: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the error (B, N) of the classes."""
        labels = ops.one_hot(ops.cast(matched[..., 4], "int32"), logits.shape[-1], dtype="float32")
        labels = labels * (1 - self.label_smoothing) + self.label_smoothing / 2
        return ops.sum(ops.binary_crossentropy(labels, logits, from_logits=True), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {
            "assignment": self.assignment,
            "box_form": self.box_form,
            "soft_objectness": self.soft_objectness,
            "ignore_threshold": self.ignore_threshold,
            "label_smoothing": self.label_smoothing,
            "box_weight": self.box_weight,
            "objectness_weight": self.objectness_weight,
            "no_object_weight": self.no_object_weight,
            "class_weight": self.class_weight,
        }


def _mean_count(importance: keras.KerasTensor) -> keras.KerasTensor:
    """Give how many predictions of a picture answer for an object, on average over the batch: at least one of all."""
    return ops.maximum(ops.sum(importance), 1.0) / ops.cast(ops.shape(importance)[0], importance.dtype)


def _offsets(boxes: keras.KerasTensor, places: Places) -> keras.KerasTensor:
    """Give the centre in its cell, in 0..1 there, and the logarithms of the sides in anchors: (..., N, 4)."""
    offsets = encode_boxes(boxes, places, form="linear")
    return offsets + ops.convert_to_tensor([0.5, 0.5, 0, 0], offsets.dtype)
