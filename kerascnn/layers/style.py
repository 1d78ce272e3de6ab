"""What networks for several styles need in training: a style for each picture."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("kerascnn")
class StyleByPlace(layers.Layer):
    """Ask for the styles in turn: the first picture of a batch gets the first style, and so on.

    Where every epoch has another order, each picture is seen in each style in time, without a random number. A batch
    should be a multiple of the styles: a smaller one never asks for the last of them.

    Args:
        count: of styles.
        **options: as every Keras layer takes them.

    Input: pictures (B, ...). Output: (B, count), 1 for the style of each, else 0.
    """

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def call(self, pictures: keras.KerasTensor) -> keras.KerasTensor:
        """Count on."""
        return ops.one_hot(ops.arange(ops.shape(pictures)[0]) % self.count, self.count, dtype="float32")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        """Give (B, count)."""
        return (input_shape[0], self.count)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the layer again."""
        return super().get_config() | {"count": self.count}
