"""LeNet-5, in its modern form and as its paper has it.

LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B and figure 2.
"""

from pathlib import Path
from typing import Literal

from keras import Model, layers, ops

from kerascnn.architectures.classifier import (
    Tensor,
    build_classifier,
    check_arguments,
    check_variant,
    fully_connected_head,
)
from kerascnn.layers import scaled_tanh

# The paper's table I: which of the six maps of S2 each of the sixteen maps of C3 is computed from.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
NAMES = {"modern": "lenet5", "paper": "lenet5_paper"}


def lenet5(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    variant: Literal["modern", "paper"] = "modern",
    dropout: float = 0.0,
) -> Model:
    """Build LeNet-5: two convolutions with sub-sampling, and three fully connected layers.

    Args:
        input_shape: (height, width, 1 or 3), each side at least 16; the paper's is (32, 32, 1). The model takes grey or
            RGB pixels in 0..255, integer or float, and normalises them to -1..1 itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a path, or None for a random initialisation.
        variant: `modern` has ReLU, average pooling and full connections; `paper` the scaled tanh, sub-sampling with a
            trainable coefficient and bias for each map, and the third layer's table of connections.
        dropout: share of each fully connected layer that is dropped in training, in [0, 1); the paper drops none.

    Returns:
        A model of (B, height, width, channels) to logits (B, num_classes), or to features (B, h, w, 16), 5 x 5 for 32
        pixels. The layers `stride1` and `stride2` end the convolutions, `stride4` is the last sub-sampling. On one
        channel and with 10 classes it has 61,706 parameters, the paper's variant 60,850: the paper's 60,000, and a
        linear last layer in place of the fixed codes whose distances are its output.

    Raises:
        ValueError: for a shape, a number of classes, a variant or a dropout out of range, or weights that cannot be
            had.

    Reference:
        LeCun et al. 1998, section II.B. The paper brings the pixels to -0.1..1.175.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=16, channels=(1, 3))
    check_variant(variant, NAMES)
    convolve_c3, subsample, activation = PARTS[variant]
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(inputs)
    x = layers.Conv2D(6, 5, activation=activation, name="C1")(x)
    x = layers.Identity(name="stride1")(x)
    x = subsample(x, "S2")
    x = convolve_c3(x)
    x = layers.Identity(name="stride2")(x)
    x = subsample(x, "S4")
    features = layers.Identity(name="stride4")(x)
    # On 5 x 5, the fully connected C5 is the paper's convolution of 5 x 5.
    head = fully_connected_head({"C5": 120, "F6": 84}, activation=activation, dropout=dropout)
    return build_classifier(NAMES[variant], inputs, features, num_classes, weights=weights, head=head)


def _fully_connected_c3(x: Tensor) -> Tensor:
    return layers.Conv2D(16, 5, activation="relu", name="C3")(x)


def _sparsely_connected_c3(x: Tensor) -> Tensor:
    maps = [
        layers.Conv2D(1, 5, activation=scaled_tanh, name=f"C3_{number}")(ops.take(x, connected, axis=-1))
        for number, connected in enumerate(CONNECTIONS)
    ]
    return layers.Concatenate(name="C3")(maps)


def _average(x: Tensor, name: str) -> Tensor:
    return layers.AveragePooling2D(2, name=name)(x)


def _trainable_subsampling(x: Tensor, name: str) -> Tensor:
    """Average, times a coefficient, plus a bias, through the scaled tanh; one of each for a map."""
    x = layers.AveragePooling2D(2, name=f"{name}_average")(x)
    return layers.DepthwiseConv2D(1, activation=scaled_tanh, depthwise_initializer="ones", name=name)(x)


PARTS = {
    "modern": (_fully_connected_c3, _average, "relu"),
    "paper": (_sparsely_connected_c3, _trainable_subsampling, scaled_tanh),
}
