"""Augmentations of colour. Each is an affine map of RGB, so that a list of them costs as much as one."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from rich.progress import track

from kerascnn.data.augment.checks import check_between, check_share
from kerascnn.data.augment.steps import Color
from kerascnn.data.sources.source import Split

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: what R, G and B add to how bright a colour looks
IDENTITY = np.eye(3, dtype=np.float32)
MIDDLE = 117.0  # the brightness of ImageNet's mean, about which contrast is changed
PROGRESS_FROM = 1000  # pictures


@dataclass(frozen=True)
class ColorStatistics:
    """How the colours of a data set spread.

    Attributes:
        mean: (3,) of R, G and B, in 0..255.
        covariance: (3, 3), of R, G and B in 0..255.
    """

    mean: np.ndarray
    covariance: np.ndarray


# Eigenvalues (of pixels in 0..1) and eigenvectors, in columns, as published with fb.resnet.torch.
_IMAGENET_VALUES = np.array([0.2175, 0.0188, 0.0045]) * 255**2
_IMAGENET_VECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
)
IMAGENET = ColorStatistics(
    np.array([123.675, 116.28, 103.53]), _IMAGENET_VECTORS * _IMAGENET_VALUES @ _IMAGENET_VECTORS.T
)


def color_shift(amount: float = 20.0) -> Color:
    """Add a number to each of R, G and B.

    Args:
        amount: the largest, in 0..255; it is drawn for each channel by itself, either way.

    Raises:
        ValueError: for an amount out of range.
    """
    check_between("amount", amount, 0, 255)
    return Color(3, lambda numbers: _shift(amount * (2 * numbers - 1)))


def color_jitter(brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2, hue: float = 0.0) -> Color:
    """Change brightness, contrast, saturation and hue, in this order.

    Args:
        brightness: share of 0..1 by which it is raised or lowered at most.
        contrast: the same, about the mean brightness of photos.
        saturation: the same, between grey and twice the colour.
        hue: the largest turn of the colour circle, in degrees of 0..180.

    Raises:
        ValueError: for a share or an angle out of range.
    """
    for name, share in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
        check_share(name, share)
    check_between("hue", hue, 0, 180)

    def make(numbers: tf.Tensor) -> tf.Tensor:
        limits = tf.constant([brightness, contrast, saturation, hue * math.pi / 180])
        bright, strong, colorful, turn = tf.unstack(limits * (2 * numbers - 1))
        grey = tf.constant([LUMA, LUMA, LUMA])
        linear = (1 + bright) * (1 + strong) * (grey + (1 + colorful) * (IDENTITY - grey))
        if hue:
            linear = _turn_hue(turn) @ linear
        return _with_offset(linear, tf.fill((3,), -MIDDLE * strong))

    return Color(4, make)


def pca_color(deviation: float = 0.1, statistics: ColorStatistics = IMAGENET) -> Color:
    """Shift a picture along the principal components of the data set's colours (Krizhevsky et al. 2012, section 4.1).

    Each component is added with the weight of its eigenvalue, for pixels in 0..1, times a normal random number: what
    changes most is what differs most between photos, the brightness of the light.

    Args:
        deviation: of the random numbers, one for each component and picture; the paper's is 0.1.
        statistics: of the data set, see `measure_colors`; by default ImageNet's.

    Raises:
        ValueError: for a negative deviation, or a covariance that is not (3, 3) and symmetric.
    """
    check_between("deviation", deviation, 0)
    covariance = np.asarray(statistics.covariance, np.float64) / 255**2
    if covariance.shape != (3, 3) or not np.allclose(covariance, covariance.T):
        raise ValueError(f"The covariance must be (3, 3) and symmetric. Received: {statistics.covariance}.")
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    eigenvectors = np.where(eigenvectors.sum(axis=0) < 0, -eigenvectors, eigenvectors)  # either sign is an answer
    components = (255 * eigenvectors * eigenvalues).astype(np.float32)

    def make(numbers: tf.Tensor) -> tf.Tensor:
        return _shift(tf.linalg.matvec(components, deviation * _normal(numbers)))

    return Color(3, make)


def measure_colors(split: Split) -> ColorStatistics:
    """Measure how the colours of a data set spread, in one pass that holds few pictures at a time.

    Args:
        split: of a source; every pixel of every picture counts the same.

    Raises:
        ValueError: for an empty split.
    """
    if len(split) == 0:
        raise ValueError("The split is empty: there are no colours to measure.")
    pixels, total, products = 0, np.zeros(3), np.zeros((3, 3))
    images = tf.data.Dataset.range(len(split)).map(lambda index: split.read(index)["image"], tf.data.AUTOTUNE)
    for image in track(images, "Measuring colours", total=len(split), disable=len(split) < PROGRESS_FROM):
        colors = image.numpy().reshape(-1, 3).astype(np.float64)
        pixels += len(colors)
        total += colors.sum(axis=0)
        products += colors.T @ colors
    mean = total / pixels
    return ColorStatistics(mean, products / pixels - np.outer(mean, mean))


def _shift(offset: tf.Tensor) -> tf.Tensor:
    return _with_offset(IDENTITY, offset)


def _with_offset(linear: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Make the (4, 4) matrix of a linear map, (3, 3), and an offset, (3,)."""
    return tf.concat([tf.concat([linear, offset[:, tf.newaxis]], axis=1), [[0.0, 0.0, 0.0, 1.0]]], axis=0)


def _turn_hue(angle: tf.Tensor) -> tf.Tensor:
    """Turn colours about the grey axis and keep their luma: (3, 3)."""
    grey = tf.constant([LUMA, LUMA, LUMA])
    third = 1 / math.sqrt(3)
    cross = tf.constant([[0.0, -third, third], [third, 0.0, -third], [-third, third, 0.0]])
    turned = tf.cos(angle) * IDENTITY + tf.sin(angle) * cross + (1 - tf.cos(angle)) / 3
    # The turn changes luma; what it changed goes back along the grey axis.
    return turned + grey @ (IDENTITY - turned)


def _normal(numbers: tf.Tensor) -> tf.Tensor:
    """Make normal numbers of uniform ones; 0 would be infinite."""
    return tf.math.ndtri(tf.clip_by_value(numbers, 1e-6, 1 - 1e-6))
