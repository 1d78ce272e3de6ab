"""MobileNets, the classifiers for phones: depthwise separable convolutions, and inverted residuals.

Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
arXiv:1704.04861, table 1; Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
arXiv:1801.04381, table 2. The layers bear the names that `keras.applications` gives them, so that its weight files load
by name.
"""

from pathlib import Path

from keras import Model, layers

from kerascnn.architectures.classifier import Tensor, build_classifier, check_arguments, pooled_head

# Howard et al. 2017, table 1: filters of the pointwise convolution, stride of the depthwise one before it.
SEPARABLE_CONVOLUTIONS = (
    (64, 1),
    (128, 2), (128, 1),
    (256, 2), (256, 1),
    (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),  # the table gives the last one a stride of 2, and a size that only 1 leads to
)  # fmt: skip
# Sandler et al. 2018, table 2: expansion factor t, output channels c, repeats n, stride s of the first of the repeats.
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_FILTERS = 32
LAST_FILTERS = 1280
EPSILON = 1e-3  # of the batch normalisations that the official weights were trained with


def mobilenet_v1(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    dropout: float = 0.0,
) -> Model:
    """Build MobileNet: one convolution, thirteen depthwise separable ones.

    Args:
        input_shape: (height, width, 3), each side at least 32; the paper's are 128, 160, 192 and 224. The model takes
            RGB in 0..255, integer or float, and normalises it to -1..1 itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        alpha: width multiplier; the paper's are 0.25, 0.5, 0.75 and 1.
        dropout: share of the pooled features that is dropped in training, in [0, 1).

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 1024 alpha). The layers `stride2` to `stride32` end its stages. At alpha 1 and 1,000 classes
        it has 4,253,864 parameters.

    Raises:
        ValueError: for a shape, a number of classes, an alpha or a dropout out of range, or weights that cannot be had.

    Reference:
        Howard et al. 2017, arXiv:1704.04861, table 1. On sides that are not multiples of 32, `keras.applications` pads
        otherwise, and the official weights give slightly other numbers there than here.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=32)
    _check_alpha(alpha)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(inputs)
    x = layers.Conv2D(int(STEM_FILTERS * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = _normalise(x, "conv1_bn", "conv1_relu")
    stride = 2
    for number, (filters, strides) in enumerate(SEPARABLE_CONVOLUTIONS, start=1):
        if strides == 2:
            x = layers.Identity(name=f"stride{stride}")(x)
            stride *= 2
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"conv_dw_{number}")(x)
        x = _normalise(x, f"conv_dw_{number}_bn", f"conv_dw_{number}_relu")
        x = layers.Conv2D(int(filters * alpha), 1, use_bias=False, name=f"conv_pw_{number}")(x)
        x = _normalise(x, f"conv_pw_{number}_bn", f"conv_pw_{number}_relu")
    features = layers.Identity(name=f"stride{stride}")(x)
    name = _add_width("mobilenet_v1", alpha)
    return build_classifier(name, inputs, features, num_classes, weights=weights, head=pooled_head(dropout))


def mobilenet_v2(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    dropout: float = 0.0,
) -> Model:
    """Build MobileNetV2: inverted residuals with linear bottlenecks.

    Args:
        input_shape: (height, width, 3), each side at least 32. The model takes RGB in 0..255, integer or float, and
            normalises it to -1..1 itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        alpha: width multiplier; the paper trains 0.35 to 1.4. Channels are rounded to multiples of 8.
        dropout: share of the pooled features that is dropped in training, in [0, 1).

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 1280), more channels when alpha > 1. The layers `stride2` to `stride32` end its stages.
        At alpha 1 and 1,000 classes it has 3,538,984 parameters.

    Raises:
        ValueError: for a shape, a number of classes, an alpha or a dropout out of range, or weights that cannot be had.

    Reference:
        Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=32)
    _check_alpha(alpha)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(inputs)
    filters = _round_filters(STEM_FILTERS * alpha)
    x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
    x = _normalise(x, "bn_Conv1", "Conv1_relu")
    stride, block = 2, 0
    for expansion, filters, repeats, first_stride in INVERTED_RESIDUALS:
        if first_stride == 2:
            x = layers.Identity(name=f"stride{stride}")(x)
            stride *= 2
        for repeat in range(repeats):
            x = _inverted_residual(
                x,
                expansion,
                # The official networks truncate before they round; it matters for widths between theirs, such as 0.42.
                filters=_round_filters(int(filters * alpha)),
                strides=first_stride if repeat == 0 else 1,
                name=f"block_{block}" if block else "expanded_conv",
            )
            block += 1

    # "If the width multiplier is less than one, it is not applied to the very last convolutional layer" (section 6.1).
    x = layers.Conv2D(_round_filters(LAST_FILTERS * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = _normalise(x, "Conv_1_bn", "out_relu")
    features = layers.Identity(name=f"stride{stride}")(x)
    name = _add_width("mobilenet_v2", alpha)
    return build_classifier(name, inputs, features, num_classes, weights=weights, head=pooled_head(dropout))


def _inverted_residual(x: Tensor, expansion: int, filters: int, strides: int, name: str) -> Tensor:
    """Expand with 1x1, filter with depthwise 3x3, project with a linear 1x1; add the input where shapes allow."""
    shortcut = x
    if expansion > 1:
        x = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{name}_expand")(x)
        x = _normalise(x, f"{name}_expand_BN", f"{name}_expand_relu")
    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normalise(x, f"{name}_depthwise_BN", f"{name}_depthwise_relu")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_project_BN")(x)
    if strides == 1 and shortcut.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _round_filters(filters: float, divisor: int = 8) -> int:
    """Round to a multiple of 8, and never down by more than a tenth, as the official networks do."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded


def _normalise(x: Tensor, name: str, activation: str) -> Tensor:
    """Normalise the batch, and cut off below 0 and above 6."""
    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=activation)(x)


def _check_alpha(alpha: float) -> None:
    if int(alpha * STEM_FILTERS) < 1:
        raise ValueError(f"alpha must be positive, and leave a filter. Received: alpha={alpha}.")


def _add_width(name: str, alpha: float) -> str:
    """Name a network by its width too, where it is not the full one: weights are looked up by that name."""
    return name if alpha == 1 else f"{name}_{float(alpha)}"
