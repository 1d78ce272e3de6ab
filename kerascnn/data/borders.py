"""U-Net's weights of pixels: the narrow borders between things that touch each other count most."""

import dataclasses

import cv2
import numpy as np
import tensorflow as tf
from scipy import ndimage

from kerascnn.data.masks import PixelMaps
from kerascnn.data.sample import IGNORED
from kerascnn.data.sources.source import Source, Split

STEPS = 256  # of a weight of 1: as they are held, weights up to 255 are right to 1/512


def encode_weights(weights: np.ndarray) -> bytes:
    """Compress weights (H, W) of 0 to 255 to a PNG file."""
    values = np.clip(np.round(weights * STEPS), 0, np.iinfo(np.uint16).max).astype(np.uint16)
    return cv2.imencode(".png", values)[1].tobytes()


def border_weights(mask: np.ndarray, *, background: int = 0, weight: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """Weigh the pixels of the background by how narrow it is between the two nearest things.

    Args:
        mask: (H, W) integers; 255 is ignored, and belongs to nothing.
        background: the class between the things. Pieces of any other class that are connected by their sides are
            things.
        weight: w_0, what is added where two things touch.
        sigma: in pixels, how fast that falls with the sum of the distances to the two.

    Returns:
        (H, W) float32: 1 + w_0 exp(-(d_1 + d_2)^2 / (2 sigma^2)) on the background, 1 elsewhere, and where there are
        fewer than two things.

    Raises:
        ValueError: for a weight or a sigma that is not positive.

    Reference:
        Ronneberger et al. 2015, arXiv:1505.04597, section 3, equation 2, whose numbers are the defaults. What balances
        the classes is the loss's business.
    """
    if min(weight, sigma) <= 0:
        raise ValueError(f"weight and sigma must be positive. Received: weight={weight}, sigma={sigma}.")
    nearest, second = np.full((2, *mask.shape), np.inf, np.float32)
    for class_id in np.setdiff1d(mask, [background, IGNORED]):
        pieces, count = ndimage.label(mask == class_id)
        for piece in range(1, count + 1):
            outside = (pieces != piece).astype(np.uint8)
            distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            second = np.minimum(second, np.maximum(nearest, distance))
            nearest = np.minimum(nearest, distance)
    weights = 1 + weight * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))
    return np.where(mask == background, weights, 1).astype(np.float32)


def with_border_weights(source: Source, *, background: int = 0, weight: float = 10.0, sigma: float = 5.0) -> Source:
    """Give the training masks of a data set the weights of their pixels.

    Args:
        source: of samples with masks.
        background, weight, sigma: see `border_weights`.

    Returns:
        The data set; its training samples have `pixel_weights` too.

    Raises:
        ValueError: for samples without masks, or see `border_weights`.
    """
    train = source.train
    if "mask" not in train.annotations:
        raise ValueError(f"{source.name} has no masks. It has {', '.join(train.annotations) or 'nothing'}.")
    options = {"background": background, "weight": weight, "sigma": sigma}
    weights = [encode_weights(border_weights(mask, **options)) for mask in train.annotations["mask"]]
    return dataclasses.replace(source, train=_with(train, PixelMaps(weights, STEPS)))


def _with(split: Split, weights: PixelMaps) -> Split:
    table = weights.as_table()

    def read(index: tf.Tensor) -> dict[str, tf.Tensor]:
        return split.read(index) | {"pixel_weights": table[index]}

    def fetch(index: tf.Tensor) -> dict[str, tf.Tensor]:
        return split.fetch(index) | {"pixel_weights": table[index]}

    annotations = {**split.annotations, "pixel_weights": weights}
    return dataclasses.replace(split, annotations=annotations, read=read, fetch=split.fetch and fetch)
