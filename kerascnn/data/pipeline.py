"""From a split to batches: order, reading, augmentation, resizing and batching as one `tf.data` graph.

Order and augmentation are functions of (seed, epoch, index) alone: nothing is drawn from a state, so the same seed
gives the same batches on every machine and at every degree of parallelism.
"""

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from kerascnn.data.augment import Augmentation, Sample, compose
from kerascnn.data.resize import resize_sample
from kerascnn.data.sources.source import Split


class ForTask(Protocol):
    """What the pipeline needs to know of a task."""

    image_size: tuple[int, int]

    def targets(self, sample: Sample) -> tf.Tensor:
        """Take from a sample what the loss compares the outputs with."""


def pipeline(
    split: Split,
    task: ForTask,
    *,
    augment: Sequence[Augmentation] = (),
    batch_size: int = 32,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Make the batches that `model.fit`, `evaluate` and `predict` take.

    Args:
        split: the samples.
        task: gives the size of the network's input and the targets.
        augment: augmentations, done one after another.
        batch_size: pictures in a batch; the last one of an epoch may be smaller.
        seed: shuffles again for every epoch and decides the augmentations. None keeps the order, for validation.

    Returns:
        A finite data set of (images, targets): images (B, height, width, 3) uint8, stretched to the task's size, as a
        phone's client stretches them. An epoch is one complete pass; looking at the first batch does not use it up,
        unless there is only one.

    Raises:
        ValueError: for an empty split, a batch size below 1, or augmentations without a seed.
    """
    if len(split) == 0:
        raise ValueError("The split is empty: there is nothing to read.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}.")
    if augment and seed is None:
        raise ValueError("Augmentations need a seed. Received: seed=None.")

    augmentation = compose(*augment, size=task.image_size)

    def prepare(epoch: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sample = split.read(index)
        if augment:
            sample = augmentation(sample, _fold(seed, epoch, index))
        sample = resize_sample(sample, task.image_size)
        return sample["image"], task.targets(sample)

    with tf.device("CPU:0"):  # where tf.data runs; it cannot read a variable on a GPU
        passes = tf.Variable(0, dtype=tf.int64, trainable=False)
    order = _in_order(len(split)) if seed is None else _shuffled(len(split), seed, passes)
    batches = order.map(prepare, tf.data.AUTOTUNE, deterministic=True).batch(batch_size).prefetch(2)
    return batches if seed is None else _counted(batches, passes)


def _in_order(size: int) -> tf.data.Dataset:
    return tf.data.Dataset.range(size).map(lambda index: (tf.constant(0, tf.int64), index))


def _shuffled(size: int, seed: int, passes: tf.Variable) -> tf.data.Dataset:
    """Give (epoch, index) pairs in an order that is a new permutation in every epoch.

    The permutation is computed, not stored (`index_shuffle`). The epoch is the number of complete passes so far.
    """

    def pairs(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        return tf.data.Dataset.range(size).map(
            lambda index: (epoch, tf.random.experimental.index_shuffle(index, key, tf.constant(size - 1, tf.int64)))
        )

    start = tf.data.Dataset.from_tensors(0).map(lambda _: passes.read_value())
    return start.flat_map(pairs).apply(tf.data.experimental.assert_cardinality(size))


def _counted(batches: tf.data.Dataset, passes: tf.Variable) -> tf.data.Dataset:
    """Count a pass when its last batch is handed over, so that one that was broken off does not count.

    Counting after the last batch would be too late, since Keras knows the number of batches and asks for no more;
    counting before the prefetch would be too early.
    """
    last = batches.cardinality() - 1

    def count(number: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        passes.assign_add(tf.cast(number == last, tf.int64))
        return batch

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # TensorFlow would add one after the counting
    return batches.enumerate().map(count).with_options(options)


def _fold(seed: int, *numbers: int | tf.Tensor) -> tf.Tensor:
    """Make one (2,) seed from a seed and the numbers that say where we are."""
    key = tf.constant([seed, 0], tf.int64)
    for number in numbers:
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(number, tf.int64))
    return key
