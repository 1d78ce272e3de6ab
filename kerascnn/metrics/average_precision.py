"""The average precision of a detector while it trains: one number an epoch, by which the best one is kept."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kerascnn.ops import decode_region_classes, decode_yolo_v1, non_max_suppression, pairwise_iou
from kerascnn.ops.grids import boxes_and_scores
from kerascnn.ops.targets import object_rows

IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())  # COCO's
BINS = 200  # of the scores: detections in the same bin count as equally sure
MAX_DETECTIONS = 100
LEAST_SCORE, SUPPRESSION = 0.01, 0.5


@keras.saving.register_keras_serializable("kerascnn")
class AveragePrecision(keras.metrics.Metric):
    """Measure the average precision, the mean over classes and IoU thresholds, of a detector's predictions.

    Scores are put into 200 bins, and a detection belongs to the object that it overlaps most, so that the state has a
    fixed size. `kerascnn.metrics.coco` measures exactly.

    Args:
        num_classes: C.
        iou_thresholds: COCO's ten by default; (0.5,) for AP50.
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2, class, padded with class -1, and predictions (B, N, 5 + C + 5), see
    `kerascnn.ops.grids`. The result is in 0..1, and 0 without objects.

    Raises:
        ValueError: for fewer than one class, thresholds that are none or not in (0, 1], or predictions of another
            number of classes.
    """

    max_candidates: ClassVar[int] = 300  # that come to the suppression, as where the network serves

    def __init__(
        self,
        num_classes: int,
        iou_thresholds: tuple[float, ...] = IOU_THRESHOLDS,
        name: str = "ap",
        **options: Any,
    ) -> None:
        super().__init__(name=name, **options)
        if num_classes < 1 or not iou_thresholds or not all(0 < threshold <= 1 for threshold in iou_thresholds):
            raise ValueError(
                "num_classes must be at least 1, iou_thresholds at least one number in (0, 1]. "
                f"Received: num_classes={num_classes}, iou_thresholds={iou_thresholds}."
            )
        self.num_classes, self.iou_thresholds = num_classes, tuple(iou_thresholds)
        shape = (num_classes, BINS)
        self.hits = self.add_weight(shape=(len(self.iou_thresholds), *shape), initializer="zeros", name="hits")
        self.detections = self.add_weight(shape=shape, initializer="zeros", name="detections")
        self.objects = self.add_weight(shape=(num_classes,), initializer="zeros", name="objects")

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Count what is found in a batch; weights of pictures are not used."""
        rows = object_rows(y_true)
        boxes, scores, class_ids = self.decode(ops.cast(y_pred, "float32"))
        if class_ids is None and scores.shape[-1] != self.num_classes:
            raise ValueError(
                f"The predictions must be of {self.num_classes} classes. Received: {scores.shape[-1]}, from outputs of "
                f"the shape {tuple(y_pred.shape)}."
            )
        kept = non_max_suppression(
            boxes,
            scores,
            class_ids=class_ids,
            iou_threshold=SUPPRESSION,
            score_threshold=LEAST_SCORE,
            max_detections=MAX_DETECTIONS,
            max_candidates=self.max_candidates,
        )
        hits = ops.cast(find_hits(rows, kept.boxes, kept.class_ids, self.iou_thresholds), "float32")  # (B, D, T)
        classes = ops.reshape(ops.one_hot(kept.class_ids, self.num_classes), (-1, self.num_classes))  # none: -1
        bins = ops.minimum(ops.cast(kept.scores * BINS, "int32"), BINS - 1)
        bins = ops.reshape(ops.one_hot(bins, BINS), (-1, BINS))
        hits = ops.reshape(hits, (-1, len(self.iou_thresholds)))
        self.hits.assign_add(ops.einsum("nt,nc,nk->tck", hits, classes, bins))
        self.detections.assign_add(ops.matmul(ops.transpose(classes), bins))
        self.objects.assign_add(ops.sum(ops.one_hot(ops.cast(rows[..., 4], "int32"), self.num_classes), axis=(0, 1)))

    def decode(self, y_pred: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Give boxes (B, N, 4) in pixels, scores (B, N, C) and None, or scores (B, N) and the boxes' classes (B, N).

        Other networks' metrics say here what theirs are.
        """
        return (*boxes_and_scores(y_pred), None)

    def result(self) -> keras.KerasTensor:
        """Compute the mean, over the classes with objects, of the area below the curve of precision against recall."""
        # From the surest bin on.
        hits, detections = (ops.flip(count, axis=-1) for count in (self.hits, self.detections))
        precision = ops.divide_no_nan(ops.cumsum(hits, axis=-1), ops.cumsum(detections, axis=-1))
        areas = ops.divide_no_nan(ops.sum(hits * _highest_from_here(precision), axis=-1), self.objects)  # (T, C)
        return ops.divide_no_nan(ops.sum(ops.mean(areas, axis=0)), ops.sum(ops.cast(self.objects > 0, "float32")))

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"num_classes": self.num_classes, "iou_thresholds": self.iou_thresholds}


@keras.saving.register_keras_serializable("kerascnn")
class YoloV1AveragePrecision(AveragePrecision):
    """Measure the average precision of YOLO's first version; see `AveragePrecision`.

    Args:
        num_classes: C.
        image_size: (height, width) of the pictures, in pixels.
        boxes: of a cell.
        **options: as `AveragePrecision` takes them.

    Takes rows (B, M, 5) and outputs (B, S, S, 5 boxes + C), see `kerascnn.ops.decode_yolo_v1`.
    """

    def __init__(self, num_classes: int, image_size: tuple[int, int], boxes: int = 2, **options: Any) -> None:
        super().__init__(num_classes, **options)
        self.image_size, self.boxes = tuple(image_size), boxes

    def decode(self, y_pred: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Give boxes (B, S S boxes, 4) in pixels, scores (B, S S boxes, C) and None."""
        return (*decode_yolo_v1(y_pred, self.image_size, self.boxes), None)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"image_size": self.image_size, "boxes": self.boxes}


@keras.saving.register_keras_serializable("kerascnn")
class RegionAveragePrecision(AveragePrecision):
    """Measure the average precision of a detector's second stage; see `AveragePrecision` for the arguments.

    Takes rows (B, M, 5) and the classes of regions (B, R, 5 C + 5), see `kerascnn.ops.regions`.
    """

    max_candidates: ClassVar[int] = 3000

    def decode(self, y_pred: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Give boxes (B, R C, 4) in pixels, scores (B, R C) and classes (B, R C)."""
        return decode_region_classes(y_pred)


@keras.saving.register_keras_serializable("kerascnn")
class LossTerm(keras.metrics.Mean):
    """Show a term of a loss by itself.

    Args:
        loss: has `terms(y_true, y_pred)`, a named tuple of (B,) each.
        term: name of one of them.
        **options: as every Keras metric takes them.
    """

    def __init__(self, loss: keras.losses.Loss, term: str, **options: Any) -> None:
        super().__init__(**{"name": f"{term}_loss"} | options)
        self.loss, self.term = loss, term

    def update_state(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor, sample_weight: keras.KerasTensor | None = None
    ) -> None:
        """Add the term of each picture."""
        super().update_state(getattr(self.loss.terms(y_true, y_pred), self.term), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return super().get_config() | {"loss": keras.saving.serialize_keras_object(self.loss), "term": self.term}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LossTerm":
        """Make the metric again."""
        return cls(**config | {"loss": keras.saving.deserialize_keras_object(config["loss"])})


def find_hits(
    rows: keras.KerasTensor, boxes: keras.KerasTensor, class_ids: keras.KerasTensor, iou_thresholds: tuple[float, ...]
) -> keras.KerasTensor:
    """Tell which detections are right: the surest one on the object of their class that they overlap most.

    Args:
        rows: (B, M, 5), x1, y1, x2, y2, class; class -1 is padding, M at least 1.
        boxes: (B, D, 4), the surest first.
        class_ids: (B, D), -1 for padding.
        iou_thresholds: T numbers, from which on an overlap counts.

    Returns:
        (B, D, T) booleans.
    """
    same = ops.expand_dims(class_ids, -1) == ops.expand_dims(ops.cast(rows[..., 4], "int32"), 1)
    overlaps = ops.where(same & ops.expand_dims(class_ids >= 0, -1), pairwise_iou(boxes, rows[..., :4]), 0.0)
    best, objects = ops.max(overlaps, axis=-1), ops.argmax(overlaps, axis=-1)  # (B, D)
    near = ops.expand_dims(best, -1) >= ops.convert_to_tensor(iou_thresholds, "float32")  # (B, D, T)
    number = boxes.shape[1]
    earlier = ops.convert_to_tensor(np.tri(number, k=-1, dtype="float32"))  # [i, j]: j is surer than i
    rivals = earlier * ops.cast(ops.expand_dims(objects, 2) == ops.expand_dims(objects, 1), "float32")
    return near & (ops.matmul(rivals, ops.cast(near, "float32")) == 0)


def _highest_from_here(precision: keras.KerasTensor) -> keras.KerasTensor:
    """Give of each recall the highest precision (..., BINS) at this recall or a greater one."""
    ahead = 1
    while ahead < BINS:  # each turn looks twice as far
        later = ops.pad(precision[..., ahead:], [[0, 0]] * (len(precision.shape) - 1) + [[0, ahead]])
        precision, ahead = ops.maximum(precision, later), 2 * ahead
    return precision
