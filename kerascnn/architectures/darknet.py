"""The classifiers that YOLO's first two versions are trained from: plain 3x3 convolutions, with 1x1 ones in between.

Redmon & Farhadi 2017, "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, table 6; Redmon et al. 2016, "You Only
Look Once: Unified, Real-Time Object Detection", arXiv:1506.02640, figure 3. Darknet is the framework of their authors.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from keras import Model, layers

from kerascnn.architectures.classifier import Tensor, build_classifier, check_arguments, pooled_head

# By stride, the filters and kernel size of each convolution; a max pooling starts every stage but the first.
# YOLO9000, table 6.
DARKNET19 = {
    1: ((32, 3),),
    2: ((64, 3),),
    4: ((128, 3), (64, 1), (128, 3)),
    8: ((256, 3), (128, 1), (256, 3)),
    16: ((512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
    32: ((1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3)),
}
# YOLO, figure 3: the first 20 convolutions.
EXTRACTION = {
    2: ((64, 7),),
    4: ((192, 3),),
    8: ((128, 1), (256, 3), (256, 1), (512, 3)),
    16: (*((256, 1), (512, 3)) * 4, (512, 1), (1024, 3)),
    32: ((512, 1), (1024, 3)) * 2,
}
NEGATIVE_SLOPE = 0.1  # YOLO, equation 2
INITIALIZER = "he_normal"  # as Darknet draws them; without normalisation, smaller ones would let the signal fade
EPSILON = 1e-5  # of Darknet's batch normalisations

Stages = Mapping[int, Sequence[tuple[int, int]]]


def darknet19(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.0,
) -> Model:
    """Build Darknet-19, the classifier under YOLOv2: 19 convolutions and 5 max poolings.

    Args:
        input_shape: (height, width, 3), each side at least 32; the paper's are 224 and 448. The model takes RGB in
            0..255, integer or float, and scales it to 0..1 itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a path, or None for a random initialisation.
        dropout: share of the pooled features that is dropped in training, in [0, 1); the paper drops none.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 1024). The layers `stride1` to `stride16` end the convolutions before a pooling, `stride32`
        the last ones. With 1,000 classes it has 20,842,376 parameters and 14,400 moving statistics.

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, or weights that cannot be had.

    Reference:
        Redmon & Farhadi 2017, arXiv:1612.08242, table 6. Its last convolution, of 1x1 and linear, comes before the
        global average pooling, here after it, as `predictions`: the logits and the parameters are the same, and it is
        computed once in place of 49 times.
    """
    return _darknet("darknet19", DARKNET19, input_shape, num_classes, weights, dropout)


def extraction(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    batch_norm: bool = True,
    dropout: float = 0.0,
) -> Model:
    """Build the classifier under YOLO's first version, which Darknet calls Extraction: the first 20 of 24 convolutions.

    Args:
        input_shape: (height, width, 3), each side at least 32; the paper's is 224, and 448 in detection. The model
            takes RGB in 0..255, integer or float, and scales it to 0..1 itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a path, or None for a random initialisation.
        batch_norm: normalises after every convolution, as Darknet came to do: without it, the network is the paper's,
            with biases.
        dropout: share of the pooled features that is dropped in training, in [0, 1); the paper drops none.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 1024). The layers `stride2` to `stride16` end the convolutions before a pooling, `stride32`
        the last ones. With 1,000 classes it has 23,437,224 parameters and 18,176 moving statistics, the paper's
        variant 23,428,136 parameters.

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, or weights that cannot be had.

    Reference:
        Redmon et al. 2016, arXiv:1506.02640, section 2.2 and figure 3; `yolo_v1` adds the last four convolutions.
    """
    return _darknet("extraction", EXTRACTION, input_shape, num_classes, weights, dropout, batch_norm=batch_norm)


def convolve(
    x: Tensor, filters: int, kernel_size: int, name: str, *, strides: int = 1, batch_norm: bool = True
) -> Tensor:
    """Convolve, normalise or else add a bias, and multiply what is negative by 0.1.

    Args:
        x: (B, H, W, C).
        filters: number of output channels.
        kernel_size: side of the kernel.
        name: of the convolution; `name_bn` and `name_leaky` are those of the two other layers.
        strides: of the kernel.
        batch_norm: whether the batch is normalised; without it, the convolution has a bias.

    Returns:
        (B, ceil(H / strides), ceil(W / strides), filters).
    """
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=not batch_norm,
        kernel_initializer=INITIALIZER,
        name=name,
    )(x)
    if batch_norm:
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=f"{name}_leaky")(x)


def _darknet(
    name: str,
    stages: Stages,
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    weights: str | Path | None,
    dropout: float,
    *,
    batch_norm: bool = True,
) -> Model:
    check_arguments(input_shape, num_classes, dropout, smallest=32)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 255, name="normalise")(inputs)
    number = 0
    for stride, convolutions in stages.items():
        if number:
            x = layers.MaxPooling2D(2, padding="same", name=f"pool{stride}")(x)
        for filters, kernel_size in convolutions:
            number += 1
            strides = stride if number == 1 else 1  # no pooling comes before the first stage
            x = convolve(x, filters, kernel_size, f"conv{number}", strides=strides, batch_norm=batch_norm)
        x = layers.Identity(name=f"stride{stride}")(x)
    return build_classifier(name, inputs, x, num_classes, weights=weights, head=pooled_head(dropout))
