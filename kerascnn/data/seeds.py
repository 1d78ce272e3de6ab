"""Seeds made of a seed and of where we are, so that nothing has to be drawn from a state."""

from collections.abc import Sequence

import tensorflow as tf


def fold_seed(seed: tf.Tensor | Sequence[int], *numbers: tf.Tensor | int) -> tf.Tensor:
    """Make a new seed from a seed and numbers: an epoch, an index, a position.

    Args:
        seed: (2,) integers.
        *numbers: () integers; their order counts.

    Returns:
        (2,), as TensorFlow's stateless functions take it.
    """
    key = tf.cast(seed, tf.int64)
    for number in numbers:
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(number, tf.int64))
    return key
