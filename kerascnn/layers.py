"""The few serialisable layers and activations that Keras lacks."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerascnn.ops import non_max_suppression, roi_align, roi_max_pool
from kerascnn.ops.grids import Places, check_form, decode_offsets


@keras.saving.register_keras_serializable("kerascnn")
def scaled_tanh(x: keras.KerasTensor) -> keras.KerasTensor:
    """Compute 1.7159 tanh(2/3 x), element by element: a sigmoid that maps 1 to 1 and -1 to -1.

    Reference:
        LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", appendix A.
    """
    return 1.7159 * ops.tanh(2 / 3 * x)


@keras.saving.register_keras_serializable("kerascnn")
class LocalResponseNormalization(layers.Layer):
    """Divide each channel by (bias + alpha * sum of the squares of the channels around it)^beta.

    Args:
        size: how many neighbouring channels are summed, the channel itself in their middle; an odd number.
        alpha: factor of the sum.
        beta: exponent.
        bias: keeps the divisor away from zero.
        **options: as every Keras layer takes them.

    Input and output: (B, H, W, C). The sum ends at the first and at the last channel.

    Raises:
        ValueError: for a size that is not odd and positive.

    Reference:
        Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 3.3, whose
        constants are the defaults.
    """

    def __init__(
        self, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 2.0, **options: Any
    ) -> None:
        super().__init__(**options)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be odd and positive. Received: size={size}.")
        self.size, self.alpha, self.beta, self.bias = size, alpha, beta, bias

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Normalise (B, H, W, C)."""
        channels = np.arange(inputs.shape[-1])
        near = np.abs(channels[:, np.newaxis] - channels) <= self.size // 2  # (C, C): which are summed for which
        squares = ops.matmul(ops.square(inputs), ops.convert_to_tensor(near, self.compute_dtype))
        return inputs * ops.power(self.bias + self.alpha * squares, -self.beta)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Give the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        own = {"size": self.size, "alpha": self.alpha, "beta": self.beta, "bias": self.bias}
        return super().get_config() | own


@keras.saving.register_keras_serializable("kerascnn")
class NonMaxSuppression(layers.Layer):
    """Keep of boxes that overlap the one with the highest score, each class by itself.

    Args:
        iou_threshold: see `kerascnn.ops.non_max_suppression`.
        score_threshold: see there.
        max_detections: D, see there.
        max_candidates: see there.
        **options: as every Keras layer takes them.

    Input: boxes (B, N, 4), x1, y1, x2, y2, and scores (B, N) or (B, N, classes). Output: what is kept, by the names
    `boxes` (B, D, 4), `scores`, `class_ids`, `indices` (B, D), and `count` (B,); class -1 is padding.
    """

    def __init__(
        self,
        iou_threshold: float = 0.5,
        score_threshold: float = 0.6,
        max_detections: int = 100,
        max_candidates: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.suppression = {
            "iou_threshold": iou_threshold,
            "score_threshold": score_threshold,
            "max_detections": max_detections,
            "max_candidates": max_candidates,
        }

    def call(self, boxes: keras.KerasTensor, scores: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Suppress."""
        return non_max_suppression(boxes, scores, **self.suppression)._asdict()

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


class _RegionLayer(layers.Layer):
    """What the layers that pool regions share: their arguments, and the shape of what they give."""

    def __init__(self, stride: float, size: tuple[int, int] = (7, 7), **options: Any) -> None:
        super().__init__(**options)
        if stride <= 0 or min(size) < 1:
            raise ValueError(f"stride must be above 0, size at least (1, 1). Received: stride={stride}, size={size}.")
        self.stride, self.size = stride, tuple(size)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Give (B, R, height, width, C)."""
        features, boxes = input_shape
        return (features[0], boxes[1], *self.size, features[-1])

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"stride": self.stride, "size": self.size}


@keras.saving.register_keras_serializable("kerascnn")
class RoIMaxPooling(_RegionLayer):
    """Take the greatest values of a grid of bins in each region, see `kerascnn.ops.roi_max_pool`.

    Args:
        stride: pixels of the picture from one place of the map to the next.
        size: (height, width) of the grid.
        **options: as every Keras layer takes them.

    Inputs: a list of features (B, H, W, C) and boxes (B, R, 4), x1, y1, x2, y2 in pixels. Output: (B, R, height, width,
    C).

    Raises:
        ValueError: for a stride that is not above 0, or a size below 1.

    Reference:
        Girshick 2015, "Fast R-CNN", arXiv:1504.08083, section 2.1.
    """

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Pool."""
        return roi_max_pool(*inputs, self.stride, self.size)


@keras.saving.register_keras_serializable("kerascnn")
class RoIAlign(_RegionLayer):
    """Average bilinear samples of a grid of bins in each region, see `kerascnn.ops.roi_align`.

    Args:
        stride: pixels of the picture from one place of the map to the next.
        size: (height, width) of the grid.
        samples: of each bin, to either side.
        **options: as every Keras layer takes them.

    Inputs and output: as those of `RoIMaxPooling`.

    Raises:
        ValueError: for a stride that is not above 0, a size below 1, or fewer than one sample.

    Reference:
        He et al. 2017, "Mask R-CNN", arXiv:1703.06870, section 3.
    """

    def __init__(self, stride: float, size: tuple[int, int] = (7, 7), *, samples: int = 2, **options: Any) -> None:
        super().__init__(stride, size, **options)
        if samples < 1:
            raise ValueError(f"samples must be at least 1. Received: samples={samples}.")
        self.samples = samples

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Sample."""
        return roi_align(*inputs, self.stride, self.size, samples=self.samples)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"samples": self.samples}
