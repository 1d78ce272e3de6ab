"""Inception v1, also called GoogLeNet.

Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, table 1 and section 5. With batch normalisation
it is the network whose weights TensorFlow-Slim and torchvision give: 3x3 convolutions in place of 5x5, a last max
pooling of 2x2 in place of 3x3, and no local response normalisation.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from keras import Model, layers

from kerascnn.architectures.classifier import Tensor, build_classifier, check_arguments, pooled_head
from kerascnn.layers import LocalResponseNormalization

# Table 1, a stage a line: filters of 1x1, of 3x3 and the 1x1 that reduces before it, of 5x5 likewise, and after the
# pool.
INCEPTIONS = {
    8: {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
    },
    16: {
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
    },
    32: {
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    },
}
AUXILIARY = ("4a", "4d")  # section 5: the blocks that the auxiliary classifiers see
AUXILIARY_SMALLEST = 65  # pixels: their pooling needs 5 x 5 places at stride 16
EPSILON = 1e-3  # of the batch normalisations that the weights of torchvision were trained with

Convolve = Callable[..., Tensor]


def inception_v1(
    input_shape: tuple[int, int, int],
    num_classes: int | None,
    *,
    weights: str | Path | None = None,
    batch_norm: bool = True,
    auxiliary: bool = False,
    dropout: float = 0.4,
) -> Model:
    """Build Inception v1.

    Args:
        input_shape: (height, width, 3), each side at least 32; the paper's is 224. The model takes RGB in 0..255,
            integer or float, and normalises it to -1..1 itself, where the paper subtracts the mean.
        num_classes: number of logits, at least 2, or None for the headless network, which ends in its feature map.
        weights: a name that `kerascnn.architectures.weights` knows, a path, or None for a random initialisation.
        batch_norm: normalises after every convolution, and has 3x3 convolutions in place of 5x5 and a last max pooling
            of 2x2 in place of 3x3. Without it, the network is the paper's, with biases and local response
            normalisation.
        auxiliary: adds the two auxiliary classifiers, for training; each side must then be at least 65.
        dropout: share of the pooled features that is dropped in training, in [0, 1).

    Returns:
        A model of (B, height, width, 3) to logits (B, num_classes), or to features (B, ceil(height / 32),
        ceil(width / 32), 1024). With `auxiliary`, to (B, 3, num_classes): the logits, and those of the auxiliary
        classifiers at 4a and 4d; `kerascnn.losses.AuxiliaryCrossEntropy` is their loss, and
        `keras.Model(model.input, model.get_layer("predictions").output)` the network without them. The layers `stride2`
        to `stride32` end its stages. With 1,000 classes it has 6,624,904 parameters and 14,560 moving statistics, the
        paper's variant 6,998,552 parameters.

    Raises:
        ValueError: for a shape, a number of classes or a dropout out of range, auxiliary classifiers on a headless
            network, or weights that cannot be had.

    Reference:
        Szegedy et al. 2015, arXiv:1409.4842, table 1. On sides that are not multiples of 32, torchvision pools
        otherwise, and its weights give slightly other numbers there than here.
    """
    check_arguments(input_shape, num_classes, dropout, smallest=AUXILIARY_SMALLEST if auxiliary else 32)
    if auxiliary and num_classes is None:
        raise ValueError("auxiliary classifiers need num_classes. Received: num_classes=None, auxiliary=True.")
    convolve = partial(_convolve, batch_norm=batch_norm)
    inception = partial(_inception, convolve=convolve, large_kernel=3 if batch_norm else 5)
    inputs = layers.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(inputs)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)  # "same" would pad less before than after
    x = layers.Identity(name="stride2")(convolve(x, 64, 7, "conv1", strides=2, padding="valid"))
    x = _pool(x, "pool4")
    x = x if batch_norm else LocalResponseNormalization(name="norm1")(x)
    x = convolve(x, 64, 1, "conv2")
    x = convolve(x, 192, 3, "conv3")
    x = x if batch_norm else LocalResponseNormalization(name="norm2")(x)
    x = layers.Identity(name="stride4")(x)
    auxiliary_logits = []
    for stride, blocks in INCEPTIONS.items():
        x = _pool(x, f"pool{stride}", 2 if batch_norm and stride == 32 else 3)
        for block, filters in blocks.items():
            x = inception(x, *filters, name=f"inception{block}")
            if auxiliary and block in AUXILIARY:
                auxiliary_logits.append(_auxiliary(x, num_classes, convolve, name=f"auxiliary{block}"))
        x = layers.Identity(name=f"stride{stride}")(x)
    name = "inception_v1" if batch_norm else "inception_v1_paper"
    return build_classifier(
        name, inputs, x, num_classes, weights=weights, head=pooled_head(dropout), auxiliary=auxiliary_logits
    )


def _convolve(
    x: Tensor, filters: int, kernel_size: int, name: str, *, batch_norm: bool, strides: int = 1, padding: str = "same"
) -> Tensor:
    x = layers.Conv2D(
        filters, kernel_size, strides=strides, padding=padding, use_bias=not batch_norm, name=f"{name}_conv"
    )(x)
    if batch_norm:
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _inception(
    x: Tensor, f1x1: int, f3x3_reduce: int, f3x3: int, f5x5_reduce: int, f5x5: int, pool_projection: int,
    *, convolve: Convolve, large_kernel: int, name: str,
) -> Tensor:  # fmt: skip
    """Convolve in four ways at once, and concatenate (figure 2b)."""
    branch1 = convolve(x, f1x1, 1, f"{name}_1x1")
    branch2 = convolve(x, f3x3_reduce, 1, f"{name}_3x3_reduce")
    branch2 = convolve(branch2, f3x3, 3, f"{name}_3x3")
    branch3 = convolve(x, f5x5_reduce, 1, f"{name}_5x5_reduce")
    branch3 = convolve(branch3, f5x5, large_kernel, f"{name}_5x5")
    branch4 = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branch4 = convolve(branch4, pool_projection, 1, f"{name}_pool_projection")
    return layers.Concatenate(name=name)([branch1, branch2, branch3, branch4])


def _auxiliary(x: Tensor, num_classes: int, convolve: Convolve, name: str) -> Tensor:
    """Classify from the middle of the network, so that gradients reach its first layers (section 5)."""
    x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = convolve(x, 128, 1, name)
    x = layers.Dense(1024, activation="relu", name=f"{name}_fc1")(layers.Flatten(name=f"{name}_flatten")(x))
    x = layers.Dropout(0.7, name=f"{name}_dropout")(x)
    return layers.Dense(num_classes, name=f"{name}_fc2")(x)


def _pool(x: Tensor, name: str, size: int = 3) -> Tensor:
    return layers.MaxPooling2D(size, strides=2, padding="same", name=name)(x)
