"""U-Net: a path down that sees more and more, a path up that says where, and bridges from one to the other.

Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv:1505.04597, section 2
and figure 1; and the same path up on a classifier's body.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from kerascnn.architectures.bodies import MOMENTUM, build_padded_body, crop_to_picture
from kerascnn.architectures.strides import stride_layers
from kerascnn.architectures.weights import load_weights
from kerascnn.layers import CropLike, PadToMultiple

Tensor = keras.KerasTensor

PADDINGS = ("same", "valid")
UPS = ("transpose", "resize")
LEAST_FILTERS = 16
LOST = 4  # pixels of a side, by two 3x3 convolutions without padding


def unet(
    input_shape: tuple[int | None, int | None, int],
    num_classes: int,
    *,
    weights: str | Path | None = None,
    padding: str = "same",
    filters: int = 64,
    depth: int = 4,
    batch_norm: bool = False,
    dropout: float = 0.5,
) -> keras.Model:
    """Build the U-Net of the paper.

    Args:
        input_shape: (height, width, 3) of any size; with `same` padding, sides may be None, for any.
        num_classes: number of logits of each pixel, at least 2.
        weights: a path, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        padding: of the convolutions: `valid` is the paper's, where a picture of 388 pixels is mirrored at its borders
            to 572, and 388 come back; `same` pads each map, and pictures up to a multiple of the last stride.
        filters: of the first convolutions; doubled after each of the poolings.
        depth: the number of poolings.
        batch_norm: normalise after each convolution, which the paper does not.
        dropout: share of the last two maps of the path down that is dropped in training, in [0, 1).

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to logits (B, height, width, num_classes). With the
        paper's width and depth, and two classes, it has 31,031,810 parameters, of which 1,152 are for colours, which
        the paper has not.

    Raises:
        ValueError: for a number out of range, an unknown padding, sides that are not known or too small to be mirrored
            with `valid` padding, or weights that cannot be had.

    Reference:
        Ronneberger et al. 2015, arXiv:1505.04597, section 2 and figure 1.
    """
    _check(num_classes, {"filters": filters, "depth": depth})
    if padding not in PADDINGS:
        raise ValueError(f"padding must be {' or '.join(PADDINGS)}. Received: padding={padding!r}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")
    options = {"padding": padding, "batch_norm": batch_norm}
    picture = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="normalise")(picture)
    x = _mirror(x, depth) if padding == "valid" else PadToMultiple(2**depth, value=0.0, name="padded")(x)
    bridges = []
    for level in range(depth + 1):
        x = _convolve_twice(x, filters * 2**level, f"down{level + 1}", **options)
        if dropout and level >= depth - 1:
            x = layers.Dropout(dropout, name=f"down{level + 1}_dropout")(x)
        x = layers.Identity(name=f"stride{2**level}")(x)
        if level < depth:
            bridges.append(x)
            x = layers.MaxPooling2D(2, name=f"down{level + 1}_pool")(x)
    for level in reversed(range(depth)):
        width, name = filters * 2**level, f"up{level + 1}"
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"{name}_transpose")(x)
        bridge = CropLike(centered=True, name=f"{name}_cropped")([bridges[level], x])
        x = layers.Concatenate(name=f"{name}_joined")([bridge, x])
        x = _convolve_twice(x, width, name, **options)
    logits = _classify(x, picture, num_classes)
    model = keras.Model(picture, logits, name="unet")
    if weights is not None:
        load_weights(model, weights)
    return model


def backbone_unet(
    architecture: str,
    input_shape: tuple[int | None, int | None, int],
    num_classes: int,
    *,
    weights: str | Path | None = None,
    filters: int = 128,
    up: str = "resize",
    separable: bool = False,
    details: int = 16,
    dropout: float = 0.0,
    **options: Any,
) -> keras.Model:
    """Build a U-Net whose path down is a classifier's body.

    Each step of the path up doubles the size of the map, puts the body's map of that size beside it, and convolves
    twice.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3) of any size; sides may be None, for any.
        num_classes: number of logits of each pixel, at least 2.
        weights: of the body, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        filters: of the first step up; halved for each of the next, down to 16.
        up: `transpose`, a convolution of 2x2 pixels of one, or `resize`, which repeats each, and
            makes no checkerboards (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts").
        separable: depthwise separable convolutions in the place of plain ones.
        details: filters of a convolution of the picture itself, whose map stands beside that of the last step up: what
            is thinner than the first stride of a body is in none of its maps. 0 leaves it out.
        dropout: share of the maps before the last convolution that is dropped in training, in [0, 1).
        **options: what the body's builder takes, such as `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to logits (B, height, width, num_classes).

    Raises:
        ValueError: for a number out of range, an unknown way up, or what the body's builder refuses.
    """
    _check(num_classes, {"filters": filters})
    if up not in UPS:
        raise ValueError(f"up must be {' or '.join(UPS)}. Received: up={up!r}.")
    if details < 0:
        raise ValueError(f"details must not be negative. Received: details={details}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1). Received: dropout={dropout}.")
    body = build_padded_body(architecture, input_shape, weights=weights, **options)
    maps = {int(name.removeprefix("stride")): body.get_layer(name).output for name in stride_layers(body)}
    if details and 1 not in maps:
        maps[1] = _convolve(body.get_layer("normalise").output, details, 3, "details")
    coarsest = max(maps)
    x, width = _convolve(maps[coarsest], filters, 1, f"reduced_stride{coarsest}"), filters
    for stride in _strides_up(coarsest):
        x = _double(x, width, up, f"up_stride{stride}")
        if stride in maps:
            x = layers.Concatenate(name=f"joined_stride{stride}")([x, maps[stride]])
        for number in (1, 2):
            x = _convolve(x, width, 3, f"up_stride{stride}_conv{number}", separable=separable)
        width = max(width // 2, LEAST_FILTERS)
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="dropout")(x)
    return keras.Model(body.input, _classify(x, body.input, num_classes), name=architecture)


def _check(num_classes: int, numbers: dict[str, int]) -> None:
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}.")
    if min(numbers.values()) < 1:
        received = ", ".join(f"{name}={number}" for name, number in numbers.items())
        raise ValueError(f"{' and '.join(numbers)} must be at least 1. Received: {received}.")


def _classify(x: Tensor, picture: Tensor, num_classes: int) -> Tensor:
    """Give the logits of each pixel of the picture; what was padded is cut off."""
    logits = layers.Conv2D(num_classes, 1, dtype="float32", name="predictions")(x)
    return crop_to_picture(logits, picture)


def _mirror(x: Tensor, depth: int) -> Tensor:
    """Mirror a picture at its borders, so far that as much of it comes back from convolutions without padding."""
    if None in x.shape[1:3]:
        raise ValueError(f"padding='valid' needs the size of the pictures. Received: {tuple(x.shape[1:])}.")
    margins = [_margins(side, depth) for side in x.shape[1:3]]
    least = max(max(each) for each in margins) + 1
    if min(x.shape[1:3]) < least:
        raise ValueError(
            f"padding='valid' mirrors {least - 1} pixels at each border, so that the pictures must have sides of at "
            f"least {least} pixels. Received: {x.shape[1]} x {x.shape[2]}."
        )
    return ops.pad(x, [(0, 0), *margins, (0, 0)], mode="reflect")


def _margins(side: int, depth: int) -> tuple[int, int]:
    """Say how many pixels to add before and after a side for the convolutions of a U-Net to give it back."""
    scale, lost = 2**depth, LOST * (2**depth - 1)  # by each path beside the lowest level
    lowest = -(-(side + lost) // scale)  # places of the lowest map after its convolutions
    taken, given = (lowest + LOST) * scale + lost, lowest * scale - lost
    before = (taken - given) // 2
    return before, taken - side - before


def _convolve_twice(x: Tensor, filters: int, name: str, *, padding: str, batch_norm: bool) -> Tensor:
    for number in (1, 2):
        x = layers.Conv2D(
            filters, 3, padding=padding, use_bias=not batch_norm, kernel_initializer="he_normal",
            name=f"{name}_conv{number}",
        )(x)  # fmt: skip
        if batch_norm:
            x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn{number}")(x)
        x = layers.ReLU(name=f"{name}_relu{number}")(x)
    return x


def _strides_up(coarsest: int) -> Sequence[int]:
    """List the strides from half of the coarsest to 1."""
    return [2**level for level in reversed(range(coarsest.bit_length() - 1))]


def _double(x: Tensor, filters: int, up: str, name: str) -> Tensor:
    """Double the size of a map."""
    if up == "resize":
        return layers.UpSampling2D(2, name=f"{name}_resized")(x)
    x = layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False, name=f"{name}_transpose")(x)
    return _normalize(x, f"{name}_transpose")


def _convolve(x: Tensor, filters: int, kernel_size: int, name: str, *, separable: bool = False) -> Tensor:
    """Convolve, plainly or channel by channel and then across them, and normalise."""
    if separable:
        x = layers.DepthwiseConv2D(kernel_size, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x, kernel_size = _normalize(x, f"{name}_depthwise"), 1
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name=name)(x)
    return _normalize(x, name)


def _normalize(x: Tensor, name: str) -> Tensor:
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
