"""ResNets: the three deep ones for ImageNet, and the small ones of the same paper for pictures of 32 pixels.

He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1 and section 4.2. The layers of
the deep ones bear the names that `keras.applications` gives them, so that its weight files load by name.
"""

from pathlib import Path

from keras import Model, layers

from kerascnn.architectures.classifier import (
    IMAGENET_MEAN,
    Tensor,
    build_classifier,
    check_arguments,
    pooled_head,
)

# Table 1: how many bottlenecks conv2_x to conv5_x have, and the filters of their 3x3 convolutions.
BOTTLENECKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}
BOTTLENECK_FILTERS = (64, 128, 256, 512)
# Section 4.2: 6n + 2 layers, n blocks for each of three sizes of feature map.
BASIC_FILTERS = (16, 32, 64)
EPSILON = 1.001e-5  # of the batch normalisations that the official weights were trained with
INITIALIZER = "he_normal"  # section 3.4


def resnet50(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-50: 16 bottlenecks with shortcuts, projections where the shape changes.

    Args:
        input_shape: (height, width, 3), each side at least 32. The model takes RGB in 0..255, integer or float, and
            subtracts ImageNet's mean itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        dropout: share of the pooled features that is dropped in training, in [0, 1); the paper drops none.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 2048). The layers `stride2` to `stride32` end its stages. With 1,000 classes it has
        25,636,712 parameters: as in the official network, the convolutions have biases, which the paper's have not.

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, or weights that cannot be had.

    Reference:
        He et al. 2016, arXiv:1512.03385, table 1.
    """
    return _bottleneck_resnet("resnet50", input_shape, num_classes, weights, dropout)


def resnet101(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-101: 33 bottlenecks, 44,707,176 parameters with 1,000 classes; else as `resnet50`."""
    return _bottleneck_resnet("resnet101", input_shape, num_classes, weights, dropout)


def resnet152(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-152: 50 bottlenecks, 60,419,944 parameters with 1,000 classes; else as `resnet50`."""
    return _bottleneck_resnet("resnet152", input_shape, num_classes, weights, dropout)


def resnet20(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-20, for pictures of about 32 pixels: three stages of three blocks of two 3x3 convolutions.

    Args:
        input_shape: (height, width, 3), each side at least 8. The model takes RGB in 0..255, integer or float, and
            normalises it to -1..1 itself, where the paper subtracts the mean of the training pictures.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a path, or None for a random initialisation.
        dropout: share of the pooled features that is dropped in training, in [0, 1); the paper drops none.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 4),
        ceil(width / 4), 64). The layers `stride1`, `stride2` and `stride4` end its stages. With 10 classes it has
        272,474 parameters and 1,568 moving statistics, 0.27 million as in the paper; the two shortcuts that change the
        shape are projections, where the paper's pad with zeros (its options B and A).

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, or weights that cannot be had.

    Reference:
        He et al. 2016, arXiv:1512.03385, section 4.2.
    """
    return _basic_resnet("resnet20", 3, input_shape, num_classes, weights, dropout)


def resnet32(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-32: stages of five blocks, 0.47 million parameters; else as `resnet20`."""
    return _basic_resnet("resnet32", 5, input_shape, num_classes, weights, dropout)


def resnet44(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-44: stages of seven blocks, 0.66 million parameters; else as `resnet20`."""
    return _basic_resnet("resnet44", 7, input_shape, num_classes, weights, dropout)


def resnet56(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-56: stages of nine blocks, 0.86 million parameters; else as `resnet20`."""
    return _basic_resnet("resnet56", 9, input_shape, num_classes, weights, dropout)


def resnet110(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build ResNet-110: stages of eighteen blocks, 1.7 million parameters; else as `resnet20`."""
    return _basic_resnet("resnet110", 18, input_shape, num_classes, weights, dropout)


def _bottleneck_resnet(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    weights: str | Path | None,
    dropout: float,
) -> Model:
    check_arguments(input_shape, num_classes, dropout, smallest=32)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1.0, offset=[-mean for mean in IMAGENET_MEAN], name="normalise")(inputs)
    # Padded by hand: "same" would pad a row and a column less before than after, and the weights were not trained so.
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(64, 7, strides=2, kernel_initializer=INITIALIZER, name="conv1_rgb")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name="conv1_bn")(x)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.Identity(name="stride2")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    stages = zip(BOTTLENECKS[name], BOTTLENECK_FILTERS, strict=True)
    for number, (blocks, filters) in enumerate(stages, start=2):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and number > 2 else 1
            x = _bottleneck(x, filters, strides, name=f"conv{number}_block{block}")
        x = layers.Identity(name=f"stride{2**number}")(x)
    return build_classifier(name, inputs, x, num_classes, weights=weights, head=pooled_head(dropout))


def _bottleneck(x: Tensor, filters: int, strides: int, name: str) -> Tensor:
    """Reduce with 1x1, convolve with 3x3, expand fourfold with 1x1; add the input."""
    shortcut = x
    if x.shape[-1] != 4 * filters:
        shortcut = _convolve(x, 4 * filters, 1, strides, name=f"{name}_0")
    x = _convolve(x, filters, 1, strides, name=f"{name}_1")  # the paper strides here, later ones in the 3x3
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    x = _convolve(x, filters, 3, 1, name=f"{name}_2")
    x = layers.ReLU(name=f"{name}_2_relu")(x)
    x = _convolve(x, 4 * filters, 1, 1, name=f"{name}_3")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _basic_resnet(
    name: str,
    blocks: int,
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    weights: str | Path | None,
    dropout: float,
) -> Model:
    check_arguments(input_shape, num_classes, dropout, smallest=8)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(inputs)
    x = _convolve(x, BASIC_FILTERS[0], 3, 1, name="conv1", use_bias=False)
    x = layers.ReLU(name="conv1_relu")(x)
    for number, filters in enumerate(BASIC_FILTERS):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and number > 0 else 1
            x = _basic_block(x, filters, strides, name=f"conv{number + 2}_block{block}")
        x = layers.Identity(name=f"stride{2**number}")(x)
    return build_classifier(name, inputs, x, num_classes, weights=weights, head=pooled_head(dropout))


def _basic_block(x: Tensor, filters: int, strides: int, name: str) -> Tensor:
    """Convolve twice with 3x3; add the input."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = _convolve(x, filters, 1, strides, name=f"{name}_0", use_bias=False)
    x = _convolve(x, filters, 3, strides, name=f"{name}_1", use_bias=False)
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    x = _convolve(x, filters, 3, 1, name=f"{name}_2", use_bias=False)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _convolve(x: Tensor, filters: int, kernel_size: int, strides: int, name: str, use_bias: bool = True) -> Tensor:
    """Convolve and normalise."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=INITIALIZER,
        name=f"{name}_conv",
    )(x)
    return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
