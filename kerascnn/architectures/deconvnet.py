"""The deconvolution network: VGG-16, and VGG-16 turned around.

Noh et al. 2015, "Learning Deconvolution Network for Semantic Segmentation", arXiv:1505.04366, section 3 and table 2, in
the widths of the course's notes. The notes draw four upsamplings for VGG-16's five poolings, which would give half the
picture's size; as in the paper, there is one before each block.
"""

from pathlib import Path

import keras
from keras import layers

from kerascnn.architectures.bodies import MOMENTUM, build_padded_body, crop_to_picture
from kerascnn.architectures.vgg import BLOCKS
from kerascnn.layers import MaxUnpooling2D

Tensor = keras.KerasTensor

UNPOOLINGS = ("upsample", "switches")
BOTTLENECKS = ("dense", "convolution")


def deconvnet(
    input_shape: tuple[int | None, int | None, int],
    num_classes: int,
    *,
    weights: str | Path | None = None,
    unpooling: str = "upsample",
    bottleneck: str = "dense",
    hidden_units: int = 4096,
    batch_norm: bool = True,
    dropout: float = 0.0,
) -> keras.Model:
    """Build the deconvolution network.

    Args:
        input_shape: (height, width, 3) of any size; sides may be None, for any, with a bottleneck of convolutions.
        num_classes: number of logits of each pixel, at least 2.
        weights: of VGG-16, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        unpooling: `upsample` repeats each value 2x2 times, as in the notes. `switches` puts it where the pooling took
            the greatest from, as in the paper; then the last layer of each block has the width of the next one.
        bottleneck: two fully connected layers, `dense`, and a third one back to the last map's size; or `convolution`,
            in the place of each a 1x1 convolution, which takes a picture of any size.
        hidden_units: of the bottleneck.
        batch_norm: normalise in the deconvolutions. The paper does so in the convolutions too; these are VGG-16's.
        dropout: share of the bottleneck that is dropped in training, in [0, 1).

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to logits (B, height, width, num_classes). Sides are
        padded to multiples of 32 inside.

    Raises:
        ValueError: for a number out of range, an unknown unpooling or bottleneck, a dense bottleneck for any size, or
            weights that cannot be had.

    Reference:
        Noh et al. 2015, arXiv:1505.04366, section 3 and table 2.
    """
    _check(input_shape, num_classes, unpooling, bottleneck, hidden_units, dropout)
    body = build_padded_body("vgg16", input_shape, weights=weights)
    x = _squeeze(body.output, bottleneck, hidden_units, dropout)
    blocks = list(enumerate(BLOCKS, start=1))
    for block, (convolutions, filters) in reversed(blocks):
        before = body.get_layer(f"stride{2 ** (block - 1)}").output
        if unpooling == "switches":
            x = MaxUnpooling2D(2, name=f"block{block}_unpool")([x, before])
        else:
            x = layers.UpSampling2D(2, name=f"block{block}_upsample")(x)
        widths = [filters] * convolutions
        if unpooling == "switches" and block > 1:
            widths[-1] = BLOCKS[block - 2][1]
        for number, width in enumerate(widths, start=1):
            x = _deconvolve(x, width, batch_norm, f"block{block}_deconv{number}")
    logits = layers.Conv2DTranspose(num_classes, 3, padding="same", dtype="float32", name="predictions")(x)
    logits = crop_to_picture(logits, body.input)
    return keras.Model(body.input, logits, name="vgg16")  # by which named weights are found


def _check(
    input_shape: tuple[int | None, int | None, int],
    num_classes: int,
    unpooling: str,
    bottleneck: str,
    hidden_units: int,
    dropout: float,
) -> None:
    if num_classes < 2 or hidden_units < 1:
        raise ValueError(
            "num_classes must be at least 2, hidden_units at least 1. "
            f"Received: num_classes={num_classes}, hidden_units={hidden_units}."
        )
    if unpooling not in UNPOOLINGS:
        raise ValueError(f"unpooling must be {' or '.join(UNPOOLINGS)}. Received: unpooling={unpooling!r}.")
    if bottleneck not in BOTTLENECKS:
        raise ValueError(f"bottleneck must be {' or '.join(BOTTLENECKS)}. Received: bottleneck={bottleneck!r}.")
    if bottleneck == "dense" and None in input_shape:
        raise ValueError(
            "A dense bottleneck needs the size of the pictures: give it, or bottleneck='convolution'. "
            f"Received: input_shape={input_shape}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")


def _squeeze(features: Tensor, bottleneck: str, hidden_units: int, dropout: float) -> Tensor:
    """Look at the last map as a whole, or place by place, and give one of its size back."""
    channels = features.shape[-1]
    if bottleneck == "convolution":
        x = features
        for name in ("fc1", "fc2"):
            x = layers.Conv2D(hidden_units, 1, activation="relu", name=f"{name}_convolution")(x)
            x = _dropped(x, dropout, name)
        return layers.Conv2D(channels, 1, activation="relu", name="deconv_fc_convolution")(x)
    x = layers.Flatten(name="flatten")(features)
    for name in ("fc1", "fc2"):
        x = _dropped(layers.Dense(hidden_units, activation="relu", name=name)(x), dropout, name)
    rows, columns = features.shape[1:3]
    x = layers.Dense(rows * columns * channels, activation="relu", name="deconv_fc")(x)
    return layers.Reshape((rows, columns, channels), name="unflatten")(x)


def _dropped(x: Tensor, dropout: float, name: str) -> Tensor:
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def _deconvolve(x: Tensor, filters: int, batch_norm: bool, name: str) -> Tensor:
    """Multiply each place by a 3x3 filter, and sum what falls on the same place."""
    x = layers.Conv2DTranspose(filters, 3, padding="same", use_bias=not batch_norm, name=name)(x)
    if batch_norm:
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
