"""Augmentations: seeded functions over a sample, stateless, the same in eager mode and in `Dataset.map`.

An augmentation is made by a small factory and called with a sample and a seed: `mirror()(sample, seed)`. Geometric
ones move image, boxes, mask and landmarks together. The same seed gives the same answer.
"""

from collections.abc import Callable

import tensorflow as tf

Sample = dict[str, tf.Tensor]
Augmentation = Callable[[Sample, tf.Tensor], Sample]


def mirror(probability: float = 0.5) -> Augmentation:
    """Mirror left and right.

    Args:
        probability: of a mirrored picture, in 0..1.

    Returns:
        A function of (sample, seed), seed (2,) int64, to the sample, see `kerascnn.data.sample`. Boxes stay x1 < x2,
        padding boxes too.

    Raises:
        ValueError: for a probability out of range.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie in 0..1. Received: probability={probability}.")

    def augment(sample: Sample, seed: tf.Tensor) -> Sample:
        chosen = tf.random.stateless_uniform((), seed) < probability
        return tf.cond(chosen, lambda: _mirrored(sample), lambda: dict(sample))

    return augment


def _mirrored(sample: Sample) -> Sample:
    width = tf.cast(tf.shape(sample["image"])[1], tf.float32)
    mirrored = dict(sample) | {"image": sample["image"][:, ::-1]}
    if "boxes" in sample:
        x1, y1, x2, y2 = tf.unstack(sample["boxes"], axis=-1)
        mirrored["boxes"] = tf.stack([width - x2, y1, width - x1, y2], axis=-1)
    if "mask" in sample:
        mirrored["mask"] = sample["mask"][:, ::-1]
    if "landmarks" in sample:
        x, y = tf.unstack(sample["landmarks"], axis=-1)
        mirrored["landmarks"] = tf.stack([width - x, y], axis=-1)
    return mirrored
