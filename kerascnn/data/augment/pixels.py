"""Augmentations that change pixels where they are: blur, noise, random erasing."""

import cv2
import numpy as np
import tensorflow as tf

from kerascnn.data.augment.checks import check_between, check_range, check_share
from kerascnn.data.augment.sampling import GREY, to_pixels
from kerascnn.data.augment.steps import Pixels


def blur(sigma: tuple[float, float] = (0.1, 2.0), probability: float = 0.5) -> Pixels:
    """Blur with a Gaussian.

    Args:
        sigma: its smallest and largest standard deviation, in pixels.
        probability: of a picture that is blurred, in 0..1.

    Raises:
        ValueError: for a range that is empty or not above 0, or a probability out of range.
    """
    check_range("sigma", sigma)
    check_share("probability", probability)

    def change(image: tf.Tensor, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        del seed
        width = sigma[0] + (sigma[1] - sigma[0]) * numbers[1]

        def blurred() -> tf.Tensor:
            return tf.ensure_shape(tf.numpy_function(_blur, [image, width], image.dtype, stateful=False), image.shape)

        return tf.cond(numbers[0] < probability, blurred, lambda: image)

    return Pixels(2, change)


def noise(deviation: float = 8.0, probability: float = 0.5) -> Pixels:
    """Add normal noise to every pixel and channel.

    Args:
        deviation: its largest standard deviation, in 0..255.
        probability: of a picture that gets noise, in 0..1.

    Raises:
        ValueError: for a deviation or a probability out of range.
    """
    check_between("deviation", deviation, 0, 255)
    check_share("probability", probability)

    def change(image: tf.Tensor, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def noisy() -> tf.Tensor:
            grain = tf.random.stateless_normal(tf.shape(image), seed, stddev=deviation * numbers[1])
            return to_pixels(tf.cast(image, tf.float32) + grain, image.dtype)

        return tf.cond(numbers[0] < probability, noisy, lambda: image)

    return Pixels(2, change)


def erase(
    area: tuple[float, float] = (0.02, 0.33), aspect: tuple[float, float] = (0.3, 3.3), probability: float = 0.5
) -> Pixels:
    """Paint a rectangle grey (Zhong et al. 2020, algorithm 1, with the mean colour).

    Args:
        area: the smallest and largest share of the picture, in 0..1.
        aspect: the smallest and largest height / width.
        probability: of a picture that gets one, in 0..1.

    Raises:
        ValueError: for a range that is empty or out of bounds, or a probability out of range.
    """
    check_range("area", area, 1)
    check_range("aspect", aspect)
    check_share("probability", probability)

    def change(image: tf.Tensor, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        del seed
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        share = area[0] + (area[1] - area[0]) * numbers[1]
        shape = aspect[0] * (aspect[1] / aspect[0]) ** numbers[2]
        sides = tf.sqrt(share * size[0] * size[1]) * tf.stack([tf.sqrt(shape), 1 / tf.sqrt(shape)])
        sides = tf.minimum(sides, size) * tf.cast(numbers[0] < probability, tf.float32)
        start = (size - sides) * numbers[3:]
        rows, columns = (
            (tf.range(size[axis]) + 0.5 > start[axis]) & (tf.range(size[axis]) + 0.5 < start[axis] + sides[axis])
            for axis in (0, 1)
        )
        erased = (rows[:, tf.newaxis] & columns)[..., tf.newaxis]
        return tf.where(erased, tf.constant(GREY, image.dtype), image)

    return Pixels(5, change)


def _blur(image: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(image, (0, 0), float(sigma), borderType=cv2.BORDER_REFLECT)
    return blurred if image.dtype == np.uint8 else np.clip(blurred, 0, 255)  # the weights add up to 1.0000001
