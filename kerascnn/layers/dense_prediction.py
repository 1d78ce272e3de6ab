"""What networks that answer for every pixel need: sizes that fit, and the way back through a max pooling."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
from keras import layers, ops

GREY = 127.0  # the middle of 0..255, which normalises to about 0


@keras.saving.register_keras_serializable("kerascnn")
class PadToMultiple(layers.Layer):
    """Pad pictures at the bottom and at the right until their sides are multiples of a number.

    Args:
        multiple: at least 1.
        value: of the new pixels.
        **options: as every Keras layer takes them.

    Input: (B, H, W, C), where H and W may be unknown. Output: (B, height, width, C), the next multiples.

    Raises:
        ValueError: for a multiple below 1.
    """

    def __init__(self, multiple: int, value: float = GREY, **options: Any) -> None:
        super().__init__(**options)
        if multiple < 1:
            raise ValueError(f"multiple must be at least 1. Received: multiple={multiple}.")
        self.multiple, self.value = multiple, value

    def call(self, pictures: keras.KerasTensor) -> keras.KerasTensor:
        """Pad."""
        missing = [-side % self.multiple for side in ops.shape(pictures)[1:3]]
        return ops.pad(pictures, [(0, 0), *((0, number) for number in missing), (0, 0)], constant_values=self.value)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Give (B, height, width, C)."""
        sides = (side and side + -side % self.multiple for side in input_shape[1:3])
        return (input_shape[0], *sides, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"multiple": self.multiple, "value": self.value}


@keras.saving.register_keras_serializable("kerascnn")
class CropLike(layers.Layer):
    """Cut maps at the bottom and at the right, or at all sides alike, to the size of others.

    Args:
        centered: keep the middle, as the U-Net's paper does it, and not the top left corner.
        **options: as every Keras layer takes them.

    Inputs: a list of maps (B, H, W, C) and of others (B, height, width, D) that are not larger. Output: (B, height,
    width, C).

    Raises:
        ValueError: for others that are larger, where sizes are known.
    """

    def __init__(self, centered: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.centered = centered

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Crop."""
        (rows, columns), (height, width) = (ops.shape(each)[1:3] for each in inputs)
        top, left = ((rows - height) // 2, (columns - width) // 2) if self.centered else (0, 0)
        return inputs[0][:, top : top + height, left : left + width]

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Give (B, height, width, C)."""
        maps, others = input_shape
        if any(None not in (own, other) and own < other for own, other in zip(maps[1:3], others[1:3], strict=True)):
            raise ValueError(f"Maps can be cut to a smaller size only. Received: {maps[1:3]} to be {others[1:3]}.")
        return (maps[0], *others[1:3], maps[3])

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"centered": self.centered}


@keras.saving.register_keras_serializable("kerascnn")
class MaxUnpooling2D(layers.Layer):
    """Put each value where a max pooling took the greatest of its bin from, and zeros elsewhere.

    Of equal values in a bin, the first counts, in the order of rows.

    Args:
        pool_size: of the bins' sides, and the step from one to the next.
        **options: as every Keras layer takes them.

    Inputs: a list of values (B, h, w, C), and of maps (B, H, W, C) before the pooling, with H = h pool_size and W =
    w pool_size. Output: (B, H, W, C).

    Reference:
        Noh et al. 2015, "Learning Deconvolution Network for Semantic Segmentation", arXiv:1505.04366, section 3.2.1.
    """

    def __init__(self, pool_size: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.pool_size = pool_size

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Unpool."""
        values, before = inputs
        bins = ops.space_to_depth(before, self.pool_size)  # (B, h, w, pool_size^2 C), the channels within each place
        places = ops.split(bins, self.pool_size**2, axis=-1)
        greatest, free, spread = reduce(ops.maximum, places), 1.0, []
        for place in places:  # TFLite lacks what Keras' argmax is made of
            switch = ops.cast(place >= greatest, values.dtype) * free
            free = free - switch
            spread.append(switch * values)
        return ops.depth_to_space(ops.concatenate(spread, axis=-1), self.pool_size)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Give (B, H, W, C)."""
        return tuple(input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"pool_size": self.pool_size}
