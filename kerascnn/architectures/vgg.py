"""VGG-16, 3x3 convolutions all the way.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556, table
1, column D. The layers bear the names that `keras.applications` gives them, so that its weight files load by name.
"""

from pathlib import Path

from keras import Model, layers

from kerascnn.architectures.classifier import (
    IMAGENET_MEAN,
    build_classifier,
    check_arguments,
    fully_connected_head,
)

# Table 1, column D: how many convolutions each block has, and their filters; max pooling ends a block.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def vgg16(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    dropout: float = 0.5,
    hidden_units: int = 4096,
) -> Model:
    """Build VGG-16.

    Args:
        input_shape: (height, width, 3), each side at least 32; the paper's is 224. The model takes RGB in 0..255,
            integer or float, and subtracts ImageNet's mean itself.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        dropout: share of each fully connected layer that is dropped in training, in [0, 1).
        hidden_units: of the two fully connected layers; 0 pools the feature map instead, which spares 123 million
            parameters and is what small data and phones need.

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, height // 32, width // 32, 512).
        The layers `stride1` to `stride16` end the convolutions of a block, `stride32` is the last pooling. At 224
        pixels and with 1,000 classes it has 138,357,544 parameters.

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, or weights that cannot be had.

    Reference:
        Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, column D.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=32)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1.0, offset=[-mean for mean in IMAGENET_MEAN], name="normalise")(inputs)
    for block, (convolutions, filters) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            name = "block1_conv1_rgb" if (block, number) == (1, 1) else f"block{block}_conv{number}"
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = layers.Identity(name=f"stride{2 ** (block - 1)}")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    features = layers.Identity(name="stride32")(x)
    head = fully_connected_head({"fc1": hidden_units, "fc2": hidden_units}, dropout=dropout)
    return build_classifier("vgg16", inputs, features, num_classes, weights=weights, head=head)
