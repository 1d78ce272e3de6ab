"""From a split to batches: order, reading, augmentation, resizing and batching as one `tf.data` graph.

Order and augmentation are functions of (seed, epoch, index) alone: nothing is drawn from a state, so the same seed
gives the same batches on every machine and at every degree of parallelism.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import tensorflow as tf

from kerascnn.data.augment import Augmentation, Sample, compose, preset
from kerascnn.data.cache import cached
from kerascnn.data.order import Order, batches_in_order
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
    augment: Sequence[Augmentation] | str = (),
    batch_size: int = 32,
    seed: int | None = None,
    cache: str | Path | None = None,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Make the batches that `model.fit`, `evaluate` and `predict` take.

    Args:
        split: the samples.
        task: gives the size of the network's input and the targets.
        augment: augmentations, done one after another, or the name of a preset, see `kerascnn.data.preset`.
        batch_size: pictures in a batch; the last one of an epoch may be smaller.
        seed: shuffles again for every epoch and decides the augmentations. None keeps the order, for validation.
        cache: keeps decoded pictures, which pays from the second epoch on: `memory`, or a folder, below which they are
            found again by another run, and made anew if the pictures change. Photos much larger than the network's
            input are kept smaller.
        first_step: the batch to start with, counted over all epochs: 250 of a run of 100 batches an epoch is the
            middle of its third epoch, and what follows is what would have followed. What is skipped is not read.
        shard: (number, count) of the machines that share the work: each gets every `count`-th picture of an epoch.

    Returns:
        A finite data set of (images, targets): images (B, height, width, 3) uint8, stretched to the task's size, as a
        phone's client stretches them. An epoch is one complete pass; looking at the first batch does not use it up,
        unless there is only one. Targets of different number, such as boxes, are padded with -1. Photos at least four
        times as large as the input are decoded smaller where they are augmented.

    Raises:
        ValueError: for an empty split, a batch size below 1, augmentations without a seed, an unknown preset, a
            negative first step, or a shard out of range or without a picture.
    """
    augment = preset(augment) if isinstance(augment, str) else augment
    if len(split) == 0:
        raise ValueError("The split is empty: there is nothing to read.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}.")
    if augment and seed is None:
        raise ValueError("Augmentations need a seed. Received: seed=None.")
    order = Order(len(split), batch_size, seed, first_step, shard)
    if cache is not None:
        split = cached(split, task.image_size, cache, augmented=bool(augment))
    augmentation = compose(*augment, size=task.image_size)

    def prepare(epoch: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if augment:
            read = split.fetch or split.read
            sample = augmentation(read(index), _fold(seed, epoch, index))
        else:
            sample = resize_sample(split.read(index), task.image_size)
        return sample["image"], task.targets(sample)

    return batches_in_order(order, prepare)


def _fold(seed: int, *numbers: tf.Tensor) -> tf.Tensor:
    """Make one (2,) seed from a seed and the numbers that say where we are."""
    key = tf.constant([seed, 0], tf.int64)
    for number in numbers:
        key = tf.random.experimental.stateless_fold_in(key, number)
    return key
