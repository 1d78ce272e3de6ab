"""What TensorFlow computes in one operation and Keras composes of many: batch normalisation in training.

Keras' TensorFlow backend calls about twenty operations for a layer and its gradient, each of which reads or writes the
whole feature map; TensorFlow's own two take a fifth of the time on a processor.
"""

import tensorflow as tf

DTYPES = ("float32", "bfloat16", "float16")  # that the operation takes; its sums are float32 for all of them


def batch_norm(
    x: tf.Tensor, gamma: tf.Tensor | None, beta: tf.Tensor | None, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalise a batch by its own moments.

    Args:
        x: (B, H, W, C), of a type in `DTYPES`.
        gamma: (C,) float32, what normalised channels are multiplied with; None for 1.
        beta: (C,) float32, what is then added; None for 0.
        epsilon: is added to the variance.

    Returns:
        The normalised batch, of the type of `x`; the mean (C,) and the variance (C,) of each channel, float32, which
        have no gradient. The variance is that of the batch, as Keras averages it, and no estimate from a sample.
    """
    channels = x.shape[-1]
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.ones(channels) if gamma is None else gamma,
        offset=tf.zeros(channels) if beta is None else beta,
        mean=tf.zeros(0),  # in training, none are taken
        variance=tf.zeros(0),
        epsilon=epsilon,
    )
    count = tf.cast(tf.size(x) / channels, tf.float32)
    return y, tf.stop_gradient(mean), tf.stop_gradient(variance * (count - 1) / count)
