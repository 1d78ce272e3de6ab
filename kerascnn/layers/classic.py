"""What the networks of their time had: the activation of LeNet-5, the normalisation of AlexNet."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops


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
