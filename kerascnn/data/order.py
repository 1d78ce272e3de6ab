"""In which order samples come: a permutation that is computed, not stored, and a run that can start in the middle."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import tensorflow as tf


@dataclass(frozen=True)
class Order:
    """Who comes when.

    Attributes:
        size: number of samples.
        batch_size: samples in a batch.
        seed: decides the permutation of each epoch; None keeps the order.
        first_step: the batch to start with, counted over all epochs.
        shard: (number, count) of the machines that share an epoch.
        devices: of this machine, among which each batch is divided evenly.
    """

    size: int
    batch_size: int
    seed: int | None = None
    first_step: int = 0
    shard: tuple[int, int] = (0, 1)
    devices: int = 1

    def __post_init__(self) -> None:
        number, count = self.shard
        if not 0 <= number < count:
            raise ValueError(f"shard must be (number, count), the number from 0. Received: shard={self.shard}.")
        if count > self.size:
            raise ValueError(f"{self.size} pictures cannot be shared by {count} machines: some would get none.")
        if self.devices < 1 or self.batch_size % self.devices:
            raise ValueError(
                "A batch must be a multiple of the devices that share it. "
                f"Received: batch_size={self.batch_size}, devices={self.devices}."
            )
        if self.seed is not None and not 0 <= self.seed < 2**32:  # the permutation takes 32 bits of it
            raise ValueError(f"seed must lie in 0..2^32 - 1. Received: seed={self.seed}.")
        if self.first_step < 0:
            raise ValueError(f"first_step must not be negative. Received: first_step={self.first_step}.")

    @property
    def steps(self) -> int:
        """Batches of an epoch, the same for every machine."""
        return -(-self.samples // self.batch_size)

    @property
    def samples(self) -> int:
        """Samples of an epoch, the same for every device: where they do not come out even, some are seen twice."""
        return -(-self.size // (self.shard[1] * self.devices)) * self.devices

    @property
    def whole(self) -> "Order":
        """The order of all machines and devices together, as one device would see it."""
        return replace(self, batch_size=self.batch_size * self.shard[1], shard=(0, 1), devices=1)

    def index(self, epoch: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Give the indices of samples, () or (B,), int64, from their epoch and numbers in this machine's share."""
        position = (self.shard[0] + self.shard[1] * number) % self.size
        if self.seed is None:
            return position
        key = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        return tf.random.experimental.index_shuffle(position, key, tf.constant(self.size - 1, tf.int64))


def batches_in_order(
    order: Order,
    prepare: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]],
    progress: tf.Variable,
    *,
    at_once: bool = False,
    finish: Callable[[tf.data.Dataset], tf.data.Dataset] | None = None,
) -> tf.data.Dataset:
    """Prepare samples and batch them, a new permutation in every epoch.

    Args:
        order: who comes when.
        prepare: from the step and an index, (), int64 each, to what the batches are made of. Steps are counted over all
            epochs, so that those of epoch 2 begin at `2 * order.steps`.
        progress: where the next pass starts, see `make_progress`; each pass moves it on.
        at_once: whether it takes a step and the indices of a batch, (B,), and gives the batch.
        finish: what else is done to the batches, while those before are in use.

    Returns:
        A data set of `order.steps` batches a pass. What starts in the middle of an epoch goes on into the next one, and
        ends in its middle, since Keras wants passes of the same length.
    """
    skipped = order.first_step % order.steps * order.batch_size

    def read(first: int, last: int, epochs_later: int) -> tf.data.Dataset:
        """Give the batches of the samples `first` to `last` of the epoch in progress, or of the one after it."""

        def place(reached: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            """Give the step and the index of a number, () or (B,), of that epoch."""
            epoch = reached // order.steps + epochs_later
            return epoch * order.steps + number // order.batch_size, order.index(epoch, number)

        def prepare_at_once(numbers: tf.Tensor) -> tuple[tf.Tensor, ...]:
            steps, indices = place(progress.read_value(), numbers)
            return prepare(steps[0], indices)

        def pairs(reached: tf.Tensor) -> tf.data.Dataset:
            return tf.data.Dataset.range(first, last).map(lambda number: place(reached, number))

        if at_once:
            return tf.data.Dataset.range(first, last).batch(order.batch_size).map(prepare_at_once)
        start = tf.data.Dataset.from_tensors(0).map(lambda _: progress.read_value())
        samples = start.flat_map(pairs).map(prepare, tf.data.AUTOTUNE, deterministic=True)
        return _batch(samples, order.batch_size)

    batches = read(skipped, order.samples, 0)
    if skipped:
        batches = batches.concatenate(read(0, skipped, 1))
    batches = batches if finish is None else finish(batches)
    batches = batches.prefetch(2).apply(tf.data.experimental.assert_cardinality(order.steps))
    return batches if order.seed is None and not skipped else _counted(batches, progress, order.steps)


def make_progress(order: Order) -> tf.Variable:
    """Make what counts the batches that were handed over, over all epochs."""

    def make() -> tf.Variable:
        with tf.device("CPU:0"):  # where tf.data runs; it cannot read a variable on a GPU
            return tf.Variable(order.first_step, dtype=tf.int64, trainable=False)

    with ThreadPoolExecutor(1) as thread:  # in which no strategy is in scope, that would put it on every GPU
        return thread.submit(make).result()


def _batch(samples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batch samples, and pad what differs in number: inputs with 0, as proposals are, and targets with -1."""
    shapes = tf.nest.map_structure(lambda spec: spec.shape, samples.element_spec)
    if all(shape.rank is None or shape.is_fully_defined() for shape in tf.nest.flatten(shapes)):
        return samples.batch(batch_size)
    inputs, targets = samples.element_spec
    values = (
        tf.nest.map_structure(lambda spec: tf.zeros((), spec.dtype), inputs),
        tf.nest.map_structure(lambda spec: tf.constant(0 if spec.dtype.is_unsigned else -1, spec.dtype), targets),
    )
    return samples.padded_batch(batch_size, shapes, values)


def _counted(batches: tf.data.Dataset, progress: tf.Variable, steps: int) -> tf.data.Dataset:
    """Count a pass when its last batch is handed over, so that one that was broken off does not count.

    What reads ahead of the training, as the map by which Keras weighs classes does, may have taken it already.

    Counting after the last batch would be too late, since Keras knows the number of batches and asks for no more;
    counting before the prefetch would be too early.
    """

    def count(number: tf.Tensor, batch: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        progress.assign_add(tf.where(number == steps - 1, tf.constant(steps, tf.int64), 0))
        return batch

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # TensorFlow would add one after the counting
    return batches.enumerate().map(count).with_options(options)
