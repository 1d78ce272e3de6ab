"""The losses of the two stages of Faster R-CNN, of which Fast R-CNN has the second."""

from typing import Any

import keras
from keras import ops

from kerascnn.ops.boxes import encode_deltas
from kerascnn.ops.matching import match_boxes, sampling_weights
from kerascnn.ops.regions import VARIANCES, split_region_classes, split_regions
from kerascnn.ops.targets import object_rows

Tensor = keras.KerasTensor


class _RegionLoss(keras.losses.Loss):
    """What the losses of both stages share: their options, and what they refuse."""

    def __init__(
        self,
        object_iou: float,
        background_iou: tuple[float, float],
        *,
        count: int,
        object_share: float,
        box_weight: float,
        beta: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if box_weight < 0 or beta <= 0:
            raise ValueError(
                f"box_weight must not be negative, beta must be positive. Received: box_weight={box_weight}, "
                f"beta={beta}."
            )
        self.object_iou, self.background_iou = object_iou, tuple(background_iou)
        self.count, self.object_share = count, object_share
        self.box_weight, self.beta = box_weight, beta
        nothing = ops.zeros((1, 1, 5))
        sampling_weights(self._match(nothing, nothing[..., :4]), count=count, object_share=object_share)  # may refuse

    def _match(self, rows: Tensor, boxes: Tensor, **options: bool) -> Tensor:
        """Give the object (B, N) of each box; see `match_boxes`."""
        thresholds = {"object_iou": self.object_iou, "background_iou": self.background_iou}
        return match_boxes(rows, ops.stop_gradient(boxes), **thresholds, **options)

    def _sum(self, errors: Tensor, box_errors: Tensor, matches: Tensor) -> Tensor:
        """Average the errors (B, N) over the boxes that would be drawn, and add those of objects' boxes: (B,)."""
        weights = sampling_weights(matches, count=self.count, object_share=self.object_share)
        total = ops.maximum(ops.sum(weights, axis=1), 1.0)
        of_object = ops.cast(matches >= 0, "float32")
        return ops.sum(weights * (errors + self.box_weight * of_object * box_errors), axis=1) / total

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {
            "object_iou": self.object_iou,
            "background_iou": self.background_iou,
            "count": self.count,
            "object_share": self.object_share,
            "box_weight": self.box_weight,
            "beta": self.beta,
        }


@keras.saving.register_keras_serializable("kerascnn")
class RegionProposalLoss(_RegionLoss):
    """Average what a region proposal network gets wrong of objectness, and of the boxes of objects.

    An anchor is of an object that it overlaps by `object_iou`, or that no anchor overlaps more; it is background
    if it overlaps none by more than `background_iou` says; others do not count. Each counts with the probability that
    the paper would draw it, see `kerascnn.ops.sampling_weights`.

    Args:
        object_iou: see above.
        background_iou: likewise, from the first to below the second number.
        count: of the anchors that are drawn of a picture.
        object_share: of those of objects among them, at most.
        box_weight: of the boxes; 1 is the paper's balance, where both terms are divided by the count.
        beta: from which error on that of a delta is no longer squared.
        image_size: (height, width) of the pictures in pixels: anchors that leave them do not count, as in the paper.
            By default all do, so that objects at the border are learnt.
        **options: as every Keras loss takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2 in pixels, class, padded with class -1; M may be 0. And regions (B, N, 9), see
    `kerascnn.ops.regions`.

    Raises:
        ValueError: for thresholds that do not rise in 0..1, a count below 1, a share out of 0..1, a weight or beta out
            of range, or targets and outputs of other shapes.

    Reference:
        Ren et al. 2015, "Faster R-CNN", arXiv:1506.01497, sections 3.1.2 and 3.1.3.
    """

    def __init__(
        self,
        object_iou: float = 0.7,
        background_iou: tuple[float, float] = (0.0, 0.3),
        *,
        count: int = 256,
        object_share: float = 0.5,
        box_weight: float = 1.0,
        beta: float = 1 / 9,
        image_size: tuple[int, int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            object_iou,
            background_iou,
            count=count,
            object_share=object_share,
            box_weight=box_weight,
            beta=beta,
            **options,
        )
        self.image_size = None if image_size is None else tuple(image_size)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each picture, (B,)."""
        rows, (logits, deltas, anchors) = object_rows(y_true), split_regions(ops.cast(y_pred, "float32"))
        matches = self._match(rows, self._counting(anchors), best_of_object=True)
        is_object = ops.cast(matches >= 0, "float32")
        errors = ops.binary_crossentropy(is_object, logits, from_logits=True)
        expected = encode_deltas(_matched(rows, matches)[..., :4], anchors)
        return self._sum(errors, _smooth_l1(expected, deltas, self.beta), matches)

    def _counting(self, anchors: Tensor) -> Tensor:
        """Give anchors that leave the picture no area, so that they are ignored, if that is wanted."""
        if self.image_size is None:
            return anchors
        height, width = self.image_size
        corners = ops.convert_to_tensor([0, 0, -width, -height], "float32")
        inside = ops.all(anchors * ops.convert_to_tensor([1, 1, -1, -1], "float32") >= corners, axis=-1, keepdims=True)
        return ops.where(inside, anchors, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"image_size": self.image_size}


@keras.saving.register_keras_serializable("kerascnn")
class RegionClassLoss(_RegionLoss):
    """Average what the second stage gets wrong of the classes of proposals, and of the boxes of objects.

    Args:
        object_iou: with so much overlap a proposal is of an object.
        background_iou: from the first to below the second number it is background. The papers begin at 0.1, to look at
            hard ones only; with 0, pictures without an object teach, too.
        count: of the proposals that are drawn of a picture, see `RegionProposalLoss`.
        object_share: of those of objects among them, at most.
        box_weight: of the boxes.
        beta: from which error on that of a delta, in units of `kerascnn.ops.regions.VARIANCES`, is no longer squared.
        **options: as every Keras loss takes them.

    Takes rows (B, M, 5), x1, y1, x2, y2 in pixels, class, padded with class -1; M may be 0. And the classes of regions
    (B, R, 5 C + 5), see `kerascnn.ops.regions`, which bring their proposals with them. No gradient flows into these.

    Raises:
        ValueError: as `RegionProposalLoss`.

    Reference:
        Girshick 2015, "Fast R-CNN", arXiv:1504.08083, section 2.3, equations 1 to 3.
    """

    def __init__(
        self,
        object_iou: float = 0.5,
        background_iou: tuple[float, float] = (0.0, 0.5),
        *,
        count: int = 128,
        object_share: float = 0.25,
        box_weight: float = 1.0,
        beta: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(
            object_iou,
            background_iou,
            count=count,
            object_share=object_share,
            box_weight=box_weight,
            beta=beta,
            **options,
        )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each picture, (B,)."""
        rows, (logits, deltas, proposals) = object_rows(y_true), split_region_classes(ops.cast(y_pred, "float32"))
        proposals = ops.stop_gradient(proposals)
        matches, classes = self._match(rows, proposals), deltas.shape[2]
        matched = _matched(rows, matches)
        labels = ops.where(matches >= 0, ops.cast(matched[..., 4], "int32"), classes)  # the last one is the background
        errors = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        expected = ops.expand_dims(encode_deltas(matched[..., :4], proposals, variances=VARIANCES), 2)
        box_errors = _smooth_l1(expected, deltas, self.beta)  # (B, R, C)
        of_class = ops.one_hot(labels, classes, dtype="float32")  # the background has a row of zeros
        return self._sum(errors, ops.sum(of_class * box_errors, axis=-1), matches)


def _matched(rows: Tensor, matches: Tensor) -> Tensor:
    """Give the row (B, N, 5) of the object of each box, and any row where there is none."""
    return ops.take_along_axis(rows, ops.expand_dims(ops.maximum(matches, 0), -1), axis=1)


def _smooth_l1(expected: Tensor, deltas: Tensor, beta: float) -> Tensor:
    """Sum the smooth L1 of four errors (..., 4): half the square by beta below it, and straight beyond."""
    return 4 / beta * keras.losses.huber(expected, deltas, delta=beta)  # which is their mean, times beta
