"""What two-stage detectors look at regions with."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import layers, ops

from kerascnn.ops import (
    anchor_boxes,
    decode_region_classes,
    proposal_candidates,
    pyramid_level,
    roi_align,
    roi_max_pool,
)


class _RegionLayer(layers.Layer):
    """What the layers that pool regions share: their arguments, and the shape of what they give."""

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

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


@keras.saving.register_keras_serializable("kerascnn")
class RegionGrid(layers.Layer):
    """Lay what a region proposal network says of each anchor beside the anchor.

    Args:
        stride: pixels of the picture from one place of the map to the next.
        scales: square roots of the anchors' areas, in pixels.
        ratios: heights divided by widths.
        **options: as every Keras layer takes them.

    Inputs: a list of logits (B, H, W, A) and deltas (B, H, W, 4 A), of A anchors at each place, see
    `kerascnn.ops.anchor_boxes`. Output: (B, H W A, 9), see `kerascnn.ops.regions`.

    Raises:
        ValueError: see `kerascnn.ops.anchor_boxes`.
    """

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

    def __init__(self, stride: int, scales: Sequence[float], ratios: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        anchor_boxes((1, 1), stride, scales, ratios)  # refuses what makes no anchors
        self.stride, self.scales, self.ratios = stride, tuple(scales), tuple(ratios)

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Lay the rows out."""
        logits, deltas = (ops.cast(each, "float32") for each in inputs)
        _, height, width, number = logits.shape
        anchors = anchor_boxes((height, width), self.stride, self.scales, self.ratios)[None]
        logits = ops.reshape(logits, (-1, height * width * number, 1))
        deltas = ops.reshape(deltas, (-1, height * width * number, 4))
        return ops.concatenate([logits, deltas, ops.zeros_like(deltas) + anchors], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Give (B, H W A, 9)."""
        return (input_shape[0][0], math.prod(input_shape[0][1:]), 9)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        own = {"stride": self.stride, "scales": self.scales, "ratios": self.ratios}
        return super().get_config() | own


@keras.saving.register_keras_serializable("kerascnn")
class ProposalCandidates(layers.Layer):
    """Decode what a region proposal network says, see `kerascnn.ops.proposal_candidates`.

    Args:
        image_size: (height, width) of the picture in pixels.
        least_side: of a proposal in pixels.
        **options: as every Keras layer takes them.

    Input: (B, N, 9), see `kerascnn.ops.regions`. Outputs: boxes (B, N, 4), x1, y1, x2, y2, and scores (B, N).

    Raises:
        ValueError: for a side below 0.
    """

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

    def __init__(self, image_size: tuple[int, int], least_side: float = 16.0, **options: Any) -> None:
        super().__init__(**options)
        if least_side < 0:
            raise ValueError(f"least_side must not be negative. Received: least_side={least_side}.")
        self.image_size, self.least_side = tuple(image_size), least_side

    def call(self, inputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Decode."""
        return proposal_candidates(inputs, self.image_size, least_side=self.least_side)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"image_size": self.image_size, "least_side": self.least_side}


@keras.saving.register_keras_serializable("kerascnn")
class DetectionCandidates(layers.Layer):
    """Decode what a second stage says of regions, see `kerascnn.ops.decode_region_classes`.

    Input: (B, R, 5 C + 5), see `kerascnn.ops.regions`. Outputs: boxes (B, R C, 4), x1, y1, x2, y2, scores (B, R C), and
    class_ids (B, R C).
    """

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

    def call(self, inputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        """Decode."""
        return decode_region_classes(inputs)


@keras.saving.register_keras_serializable("kerascnn")
class PyramidLevel(layers.Layer):
    """Choose for each region, of what was pooled from all levels of a feature pyramid, that of the level for its size.

    Args:
        strides: of the levels, rising, each twice the one before.
        **options: as every Keras layer takes them.

    Inputs: a list of boxes (B, R, 4), x1, y1, x2, y2 in pixels, and of each level (B, R, height, width, C). Output: (B,
    R, height, width, C).

    Raises:
        ValueError: for strides that are none, or not each twice the one before.

    Reference:
        Lin et al. 2017, "Feature Pyramid Networks for Object Detection", arXiv:1612.03144, equation 1.
    """

    computes_places: ClassVar[bool] = True  # in pixels, see `kerascnn.training.precision`

    def __init__(self, strides: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        if not strides or any(above != 2 * below for below, above in itertools.pairwise(strides)):
            raise ValueError(f"strides must be each twice the one before. Received: strides={tuple(strides)}.")
        self.strides = tuple(strides)

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Choose."""
        boxes, *pooled = inputs
        level = pyramid_level(ops.cast(boxes, "float32"), self.strides)[..., None, None, None]
        chosen = pooled[0]
        for number, each in enumerate(pooled[1:], start=1):
            chosen = ops.where(level == number, each, chosen)
        return chosen

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"strides": self.strides}
