"""A network that stylises a picture in one pass.

Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", arXiv:1603.08155, with what
Dumoulin et al. 2017, "A Learned Representation for Artistic Style", arXiv:1610.07629, made of it: table 1 has mirrored
borders, nearest neighbours in the place of transposed convolutions, and a normalisation for each style.
"""

import keras
from keras import layers, ops

Tensor = keras.KerasTensor

STRIDE = 4  # of the residual blocks; the sides of pictures are multiples of it
BRIGHTEST = 255.0


def style_network(
    input_shape: tuple[int | None, int | None, int],
    num_styles: int = 1,
    *,
    width: int = 32,
    residual_blocks: int = 5,
) -> keras.Model:
    """Build the network of table 1.

    Args:
        input_shape: (height, width, 3), each side a multiple of 4, or None for any such size.
        num_styles: how many styles it has. With several, all weights but those of the normalisations are theirs
            together.
        width: filters of the first convolution; 32 in the paper. Half as many need about a quarter of the
            multiply-adds.
        residual_blocks: 5 in the paper.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to pictures of the same size and range, float32. With
        several styles, of a dict of these as `image` and of `style`, (B, num_styles), how much of each is wanted: one
        is 1 and the others 0, or a mixture that sums to 1. With 32 filters and one style it has 1,677,638 parameters.

    Raises:
        ValueError: for a shape or a number out of range.
    """
    _check(input_shape, num_styles, width, residual_blocks)
    image = layers.Input(input_shape, name="image")
    style = layers.Input((num_styles,), name="style") if num_styles > 1 else None
    x = layers.Rescaling(1 / BRIGHTEST, name="normalise")(image)
    x = _convolve(x, width, 9, style, name="conv1")
    x = _convolve(x, 2 * width, 3, style, strides=2, name="conv2")
    x = _convolve(x, 4 * width, 3, style, strides=2, name="conv3")
    for number in range(1, residual_blocks + 1):
        y = _convolve(x, 4 * width, 3, style, name=f"residual{number}_conv1")
        y = _convolve(y, 4 * width, 3, style, activation=None, name=f"residual{number}_conv2")
        x = layers.Add(name=f"residual{number}")([x, y])
    x = _convolve(layers.UpSampling2D(2, name="up1")(x), 2 * width, 3, style, name="conv4")
    x = _convolve(layers.UpSampling2D(2, name="up2")(x), width, 3, style, name="conv5")
    x = _convolve(x, 3, 9, style, activation="sigmoid", name="conv6")
    picture = layers.Rescaling(BRIGHTEST, dtype="float32", name="picture")(x)
    return keras.Model(image if style is None else {"image": image, "style": style}, picture, name="style_network")


def select_style(network: keras.Model, number: int) -> keras.Model:
    """Make a network of one style from one of several, with its weights: what a phone needs.

    Args:
        network: of `style_network`, with several styles.
        number: which of them, from 0.

    Raises:
        ValueError: for a network of one style, or a number that it does not have.
    """
    count = network.get_layer("conv1_scale").kernel.shape[0] if len(network.inputs) > 1 else 1
    if count == 1 or not 0 <= number < count:
        raise ValueError(f"number must be one of a network's several styles. Received: {number} of {count} style.")
    names = {layer.name for layer in network.layers}
    blocks = sum(f"residual{number}" in names for number in range(1, len(names)))
    shape, width = network.inputs[0].shape[1:], network.get_layer("conv1").filters
    single = style_network(tuple(shape), width=width, residual_blocks=blocks)
    for layer in single.layers:
        if isinstance(layer, layers.Conv2D):
            layer.set_weights(network.get_layer(layer.name).get_weights())
        elif isinstance(layer, layers.GroupNormalization):
            name = layer.name.removesuffix("_norm")
            tables = (network.get_layer(f"{name}_{part}").kernel for part in ("scale", "shift"))
            layer.set_weights([ops.convert_to_numpy(table)[number] for table in tables])
    return single


def _convolve(
    x: Tensor,
    filters: int,
    size: int,
    style: Tensor | None,
    *,
    name: str,
    strides: int = 1,
    activation: str | None = "relu",
) -> Tensor:
    """Mirror the borders, convolve, normalise each picture by itself, activate."""
    border = (size // 2, size // 2)
    x = ops.pad(x, [(0, 0), border, border, (0, 0)], mode="reflect")
    x = layers.Conv2D(filters, size, strides, use_bias=False, name=name)(x)
    x = _normalise(x, style, name)
    return x if activation is None else layers.Activation(activation, name=f"{name}_{activation}")(x)


def _normalise(x: Tensor, style: Tensor | None, name: str) -> Tensor:
    """Normalise each channel of each picture; several styles have a scale and a shift each (Dumoulin)."""
    if style is None:
        return layers.GroupNormalization(-1, epsilon=1e-5, name=f"{name}_norm")(x)
    x = layers.GroupNormalization(-1, epsilon=1e-5, center=False, scale=False, name=f"{name}_norm")(x)
    for part, start in (("scale", "ones"), ("shift", "zeros")):
        table = layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=start, name=f"{name}_{part}")(style)
        table = layers.Reshape((1, 1, x.shape[-1]), name=f"{name}_{part}_map")(table)
        combine = layers.Multiply if part == "scale" else layers.Add
        x = combine(name=f"{name}_{part}d")([x, table])
    return x


def _check(input_shape: tuple[int | None, int | None, int], num_styles: int, width: int, residual_blocks: int) -> None:
    sides = [side for side in input_shape[:2] if side is not None]
    if len(input_shape) != 3 or input_shape[2] != 3 or any(side < 16 or side % STRIDE for side in sides):
        raise ValueError(
            f"input_shape must be (height, width, 3), each side a multiple of {STRIDE} and at least 16, or None. "
            f"Received: {input_shape}."
        )
    if min(num_styles, width) < 1 or residual_blocks < 0:
        raise ValueError(
            "num_styles and width must be at least 1, and residual_blocks not negative. "
            f"Received: {num_styles}, {width}, {residual_blocks}."
        )
