"""AlexNet: as its paper has it, on two processors, and in one tower.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", figure 2 and section 3. The
one tower is Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997, which
torchvision's weights are of.
"""

from pathlib import Path
from typing import Literal

from keras import Model, layers

from kerascnn.architectures.classifier import (
    Tensor,
    build_classifier,
    check_arguments,
    check_variant,
    fully_connected_head,
    normalise_as_torchvision,
)
from kerascnn.layers import LocalResponseNormalization

# Filters of the five convolutions, and in how many groups of channels each sees its input: the paper's two processors
# exchange what they have only before the third.
FILTERS = {"one_tower": (64, 192, 384, 256, 256), "paper": (96, 256, 384, 384, 256)}
GROUPS = {"one_tower": (1, 1, 1, 1, 1), "paper": (1, 2, 1, 2, 2)}
NAMES = {"one_tower": "alexnet", "paper": "alexnet_paper"}


def alexnet(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    variant: Literal["one_tower", "paper"] = "one_tower",
    dropout: float = 0.5,
    hidden_units: int = 4096,
) -> Model:
    """Build AlexNet.

    Args:
        input_shape: (height, width, 3), each side at least 63; the paper's is 224. The model takes RGB in 0..255,
            integer or float, and normalises it as torchvision does; the paper subtracts the mean of the training
            pictures.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        variant: `one_tower`, or `paper`: convolutions in two groups, and local response normalisation after the first
            two, over neighbouring filters of both groups.
        dropout: share of each fully connected layer that is dropped in training, in [0, 1).
        hidden_units: of the two fully connected layers; 0 pools the feature map instead.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, h, w, 256), 6 x 6 for 224
        pixels. The layers `stride4` to `stride16` end the convolutions of a stage, `stride32` is the last pooling. At
        224 pixels and with 1,000 classes it has 61,100,840 parameters, the paper's variant 60,965,224.

    Raises:
        ValueError: for a shape, a number of classes, a variant or a dropout out of range, or weights that cannot be
            had.

    Reference:
        Krizhevsky et al. 2012, sections 3.2 to 3.5. Its first convolution gives 55 x 55 on 224 pixels only if the
        picture is padded, here with 2 pixels, as in torchvision.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=63)
    check_variant(variant, NAMES)
    convolutions = zip(FILTERS[variant], GROUPS[variant], strict=True)
    inputs = layers.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(2, name="conv1_pad")(normalise_as_torchvision(inputs))
    x = _convolve(x, 11, *next(convolutions), name="conv1", strides=4, padding="valid")
    x = _end_stage(x, "stride4", "pool1", normalise=variant == "paper")
    x = _convolve(x, 5, *next(convolutions), name="conv2")
    x = _end_stage(x, "stride8", "pool2", normalise=variant == "paper")
    x = _convolve(x, 3, *next(convolutions), name="conv3")
    x = _convolve(x, 3, *next(convolutions), name="conv4")
    x = _convolve(x, 3, *next(convolutions), name="conv5")
    x = _end_stage(x, "stride16", "pool5")
    features = layers.Identity(name="stride32")(x)
    head = fully_connected_head({"fc6": hidden_units, "fc7": hidden_units}, dropout=dropout)
    return build_classifier(NAMES[variant], inputs, features, num_classes, weights=weights, head=head)


def _convolve(
    x: Tensor, kernel_size: int, filters: int, groups: int, *, name: str, strides: int = 1, padding: str = "same"
) -> Tensor:
    return layers.Conv2D(
        filters, kernel_size, strides=strides, padding=padding, groups=groups, activation="relu", name=name
    )(x)


def _end_stage(x: Tensor, name: str, pool: str, *, normalise: bool = False) -> Tensor:
    """Name the end of a stage, and pool with windows of 3 that overlap by 1 (section 3.4)."""
    if normalise:
        x = LocalResponseNormalization(name=f"{pool}_norm")(x)
    x = layers.Identity(name=name)(x)
    return layers.MaxPooling2D(3, strides=2, name=pool)(x)
