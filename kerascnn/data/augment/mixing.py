"""Augmentations that mix the pictures of a batch, and their labels with them: MixUp and CutMix.

They come after `pipeline` and turn labels into distributions, which Keras' `CategoricalCrossentropy` compares:

    train = mix(pipeline(data.train, task, seed=0), cut_mix(len(data.classes)), seed=0)
    valid = pipeline(data.valid, task).map(lambda images, labels: (images, tf.one_hot(labels, len(data.classes))))
    task.model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    task.model.fit(train, validation_data=valid)

keras-cv has layers of these names. They draw from a state that no seed reaches, and its CutMix counts, for the label,
what of the rectangle lies beyond the border; so the papers' formulas stand here.
"""

from collections.abc import Callable

import tensorflow as tf

from kerascnn.data.augment.sampling import to_pixels
from kerascnn.data.seeds import fold_seed

Mixing = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def mix_up(num_classes: int, alpha: float = 0.2) -> Mixing:
    """Lay another picture of the batch over each one (Zhang et al. 2018, equation 1).

    Args:
        num_classes: of the labels.
        alpha: above 0; the share of the other picture is drawn from Beta(alpha, alpha) for each by itself. The smaller
            it is, the more one of the two prevails; the paper takes 0.2 for ImageNet and 1 for CIFAR.

    Returns:
        A function of images (B, H, W, 3) in 0..255, integer labels (B,) and a seed, (2,) int64, to images of the same
        shape and type, and distributions (B, num_classes) float32. A batch of one stays as it is.

    Raises:
        ValueError: for fewer than two classes or an alpha that is not above 0.
    """
    _check_alpha(alpha)

    def blend(images: tf.Tensor, others: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        share = _draw_beta(alpha, tf.shape(images)[0], seed)
        pixels, step = tf.cast(images, tf.float32), share[:, tf.newaxis, tf.newaxis, tf.newaxis]
        return to_pixels(pixels + step * (tf.cast(others, tf.float32) - pixels), images.dtype), share

    return _mixing(num_classes, blend)


def cut_mix(num_classes: int, alpha: float = 1.0) -> Mixing:
    """Paste a rectangle of another picture of the batch into each one (Yun et al. 2019, equations 1 and 2).

    Its label counts by the share of pixels that are from the other picture.

    Args:
        num_classes: of the labels.
        alpha: above 0; the area of the rectangle, before it is cut at the border, is drawn from Beta(alpha, alpha). The
            paper takes 1: every area is as likely as every other.

    Returns:
        A function as `mix_up` gives it.

    Raises:
        ValueError: for fewer than two classes or an alpha that is not above 0.
    """
    _check_alpha(alpha)

    def blend(images: tf.Tensor, others: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = tf.cast(tf.shape(images)[:3], tf.float32)
        side = tf.sqrt(_draw_beta(alpha, tf.shape(images)[0], seed))  # as a share of the picture's
        centre = tf.random.stateless_uniform((2, tf.shape(images)[0]), fold_seed(seed, 2))
        rows, columns = (_pixels_within(size[axis + 1], centre[axis], side) for axis in (0, 1))
        inside = rows[:, :, tf.newaxis] & columns[:, tf.newaxis]
        share = tf.reduce_mean(tf.cast(inside, tf.float32), axis=(1, 2))
        return tf.where(inside[..., tf.newaxis], others, images), share

    return _mixing(num_classes, blend)


def mix(dataset: tf.data.Dataset, mixing: Mixing, seed: int) -> tf.data.Dataset:
    """Mix the pictures within each batch of a data set.

    What is drawn follows from the seed and the pixels of the batch alone. So an epoch that shuffles or augments, as
    `pipeline` does with a seed, mixes anew; one that gives the same batches again mixes them in the same way.

    Args:
        dataset: of batches (images, labels), as `pipeline` makes them for a classifier.
        mixing: `mix_up(...)` or `cut_mix(...)`.
        seed: decides what is mixed with what, and how much of it.

    Returns:
        The data set of batches (images, distributions).

    Raises:
        ValueError: for batches whose inputs are more than pictures, such as proposals.
    """

    def mix_batch(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content = tf.strings.to_hash_bucket_fast(tf.io.serialize_tensor(images), tf.int64.max)
        return mixing(images, labels, tf.stack([tf.constant(seed, tf.int64), content]))

    if isinstance(dataset.element_spec[0], dict):
        raise ValueError(
            "MixUp and CutMix mix pictures and labels alone. Received batches of "
            f"{', '.join(sorted(dataset.element_spec[0]))}: leave mix() out."
        )
    # `pipeline` counts an epoch when its last batch is handed over: nothing may read ahead of the training.
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    options.experimental_optimization.inject_prefetch = False
    return dataset.map(mix_batch).with_options(options)


def _mixing(
    num_classes: int, blend: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
) -> Mixing:
    """Choose a partner for each picture, and mix the labels as the pictures were mixed.

    Args:
        num_classes: of the labels.
        blend: from images, partners and a seed to mixed images and the share of the partner in each, (B,) float32.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}.")

    def mix_batch(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.convert_to_tensor(images), tf.convert_to_tensor(labels)
        _check_batch(images, labels, num_classes)
        # A permutation, as in the papers: a picture may meet itself, and stays what it is.
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(images)[0]), fold_seed(seed, 0))
        mixed, share = blend(images, tf.gather(images, order), fold_seed(seed, 1))
        own = tf.one_hot(labels, num_classes)
        # own + share * (other - own), and not a weighted sum: of two equal labels it leaves exactly that label.
        distributions = own + share[:, tf.newaxis] * (tf.gather(own, order) - own)
        return tf.ensure_shape(mixed, images.shape), distributions

    return mix_batch


def _check_batch(images: tf.Tensor, labels: tf.Tensor, num_classes: int) -> None:
    if images.shape.rank != 4 or labels.shape.rank != 1 or not labels.dtype.is_integer:
        raise ValueError(
            "A batch to mix must be images (B, H, W, 3) and integer labels (B,). Received: "
            f"images {images.shape} and labels {labels.shape} of type {labels.dtype.name}."
        )
    message = f"labels must lie in 0..{num_classes - 1}; one_hot would leave others without a class."
    labels = tf.cast(labels, tf.int64)
    tf.debugging.assert_non_negative(labels, message)
    tf.debugging.assert_less(labels, tf.constant(num_classes, tf.int64), message)


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < float("inf"):
        raise ValueError(f"alpha must be above 0. Received: alpha={alpha}.")


def _draw_beta(alpha: float, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draw from Beta(alpha, alpha): (count,) float32.

    It is the ratio of gammas; these are drawn as logarithms (Marsaglia and Tsang 2000, section 6), since for a small
    alpha both can be too small for float32, and their ratio 0 / 0.
    """
    gammas = tf.random.stateless_gamma((2, count), fold_seed(seed, 0), alpha + 1)
    uniform = 1 - tf.random.stateless_uniform((2, count), fold_seed(seed, 1))  # never 0
    first, second = tf.unstack(tf.math.log(gammas) + tf.math.log(uniform) / alpha)
    return tf.sigmoid(first - second)


def _pixels_within(size: tf.Tensor, centre: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Say which pixels of a side of the picture are in a part of it, given as shares of the side: (B, size) bool."""
    positions = (tf.range(size) + 0.5) / size
    return tf.abs(positions - centre[:, tf.newaxis]) < share[:, tf.newaxis] / 2
