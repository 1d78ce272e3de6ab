"""U-Net's weights of pixels: the narrow borders between things that touch each other count most."""

import dataclasses

import cv2
import numpy as np
from scipy import ndimage

from kerascnn.data.masks import PixelMaps, encode_pixels
from kerascnn.data.sample import IGNORED
from kerascnn.data.sources.source import Source

STEPS = 256  # of a weight of 1: as they are held, weights up to 255 are right to 1/512


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
    weights = [_encode(border_weights(mask, **options)) for mask in train.annotations["mask"]]
    return dataclasses.replace(source, train=train.adding("pixel_weights", PixelMaps(weights, STEPS)))


def _encode(weights: np.ndarray) -> bytes:
    """Compress weights (H, W), of which what is over 255 is cut."""
    return encode_pixels(np.clip(np.round(weights * STEPS), 0, np.iinfo(np.uint16).max).astype(np.uint16))
