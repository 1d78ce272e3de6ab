"""What two-stage detectors look at regions with."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerascnn.ops import roi_align, roi_max_pool


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
