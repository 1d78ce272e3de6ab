"""What detectors end in: grids of anchors, and the suppression of boxes."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from kerascnn.ops import non_max_suppression
from kerascnn.ops.grids import Places, check_form, decode_offsets
from kerascnn.ops.nms import check_options


@keras.saving.register_keras_serializable("kerascnn")
class NonMaxSuppression(layers.Layer):
    """Keep of boxes that overlap the one with the highest score, each class by itself.

    Args:
        iou_threshold: see `kerascnn.ops.non_max_suppression`.
        score_threshold: see there.
        max_detections: D, see there.
        max_candidates: see there.
        **options: as every Keras layer takes them.

    Inputs: boxes (B, N, 4), x1, y1, x2, y2, and scores (B, N) or (B, N, classes); with scores (B, N) perhaps class_ids
    (B, N). Output: what is kept, by the names `boxes` (B, D, 4), `scores`, `class_ids`, `indices` (B, D), and `count`
    (B,); class -1 is padding.

    Raises:
        ValueError: for an option out of range.
    """

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

    def __init__(
        self,
        iou_threshold: float = 0.5,
        score_threshold: float = 0.6,
        max_detections: int = 100,
        max_candidates: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_options(iou_threshold, max_detections, max_candidates)
        self.suppression = {
            "iou_threshold": iou_threshold,
            "score_threshold": score_threshold,
            "max_detections": max_detections,
            "max_candidates": max_candidates,
        }

    def call(
        self, boxes: keras.KerasTensor, scores: keras.KerasTensor, class_ids: keras.KerasTensor | None = None
    ) -> dict[str, keras.KerasTensor]:
        """Suppress."""
        return non_max_suppression(boxes, scores, class_ids=class_ids, **self.suppression)._asdict()

    def compute_output_spec(
        self, boxes: keras.KerasTensor, scores: keras.KerasTensor, class_ids: keras.KerasTensor | None = None
    ) -> dict[str, keras.KerasTensor]:
        """Give shapes and types, which are the same for any N: JAX cannot trace a number that it does not know."""
        batch_size, kept = boxes.shape[0], self.suppression["max_detections"]
        return {
            "boxes": keras.KerasTensor((batch_size, kept, 4), "float32"),
            "scores": keras.KerasTensor((batch_size, kept), "float32"),
            "class_ids": keras.KerasTensor((batch_size, kept), "int32"),
            "indices": keras.KerasTensor((batch_size, kept), "int32"),
            "count": keras.KerasTensor((batch_size,), "int32"),
        }

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | self.suppression


@keras.saving.register_keras_serializable("kerascnn")
class AnchorGrid(layers.Layer):
    """Turn the offsets of a detector's grid into boxes, and say of each where it stands.

    Args:
        stride: pixels of a cell's side.
        anchors: A pairs of width and height in pixels.
        form: see `kerascnn.ops.decode_offsets`.
        **options: as every Keras layer takes them.

    Input: (B, rows, columns, 4 A), t_x, t_y, t_w, t_h of each anchor. Output: (B, rows columns A, 9), x1, y1, x2, y2 in
    pixels; column and row of the cell, stride, width and height of the anchor.

    Raises:
        ValueError: for a stride or anchors that are not positive, or an unknown form.
    """

    def __init__(
        self, stride: int, anchors: Sequence[tuple[float, float]], form: str = "sigmoid", **options: Any
    ) -> None:
        super().__init__(**options)
        check_form(form)
        sizes = np.asarray(anchors, np.float32)
        if stride < 1 or sizes.ndim != 2 or sizes.shape[1:] != (2,) or not len(sizes) or not (sizes > 0).all():
            raise ValueError(
                "stride must be positive, anchors at least one pair of positive width and height. "
                f"Received: stride={stride}, anchors={anchors!r}."
            )
        self.stride, self.anchors, self.form = stride, sizes.tolist(), form

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Decode (B, rows, columns, 4 A)."""
        _, height, width, _ = ops.shape(inputs)
        number = len(self.anchors)
        rows, columns = ops.meshgrid(
            ops.arange(height, dtype="float32"), ops.arange(width, dtype="float32"), indexing="ij"
        )
        # Not one of each for every box: an exported file holds these constants.
        cells = ops.expand_dims(ops.stack([columns, rows], axis=-1), 2)  # (rows, columns, 1, 2)
        places = Places(cells, ops.full((1,), self.stride, "float32"), ops.convert_to_tensor(self.anchors, "float32"))
        offsets = ops.reshape(ops.cast(inputs, "float32"), (-1, height, width, number, 4))
        boxes = ops.reshape(decode_offsets(offsets, places, form=self.form), (-1, height * width * number, 4))
        place = ops.concatenate(
            [ops.broadcast_to(each, (height, width, number, each.shape[-1])) for each in places], -1
        )
        place = ops.reshape(place, (1, height * width * number, 5))
        return ops.concatenate([boxes, ops.zeros_like(boxes[..., :1]) + place], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give the number of boxes, where it is known."""
        batch_size, height, width, _ = input_shape
        known = height is not None and width is not None
        return batch_size, height * width * len(self.anchors) if known else None, 9

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"stride": self.stride, "anchors": self.anchors, "form": self.form}
