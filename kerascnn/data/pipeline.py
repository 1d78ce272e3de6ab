"""From a split to batches: order, reading, augmentation, resizing and batching as one `tf.data` graph.

Order and augmentation are functions of (seed, epoch, index) alone, and the size of a batch, where there are several, of
(seed, step): nothing is drawn from a state, so the same seed gives the same batches on every machine and at every
degree of parallelism.
"""

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from kerascnn.data.augment import Augmentation, Fill, Mosaic, Sample, preset
from kerascnn.data.augment.mosaic import augmented, check_carried
from kerascnn.data.batches import Batches
from kerascnn.data.cache import cached, content_key
from kerascnn.data.grouped_order import GroupedOrder
from kerascnn.data.order import Order
from kerascnn.data.resize import resize_sample
from kerascnn.data.seeds import fold_seed
from kerascnn.data.sources.source import Split
from kerascnn.data.targets import add_rows

NO_TARGET = -1
UNANNOTATED = {"image", "proposals"}  # keys of a sample that nothing is learned from


class ForTask(Protocol):
    """What the pipeline needs to know of a task."""

    image_size: tuple[int, int]

    def targets(self, sample: Sample) -> tf.Tensor:
        """Take from a sample, with the rows of `add_rows`, what the loss compares the outputs with."""

    # And, where the network takes more than the picture, `inputs(sample)`: a dict of what it takes, by name.


def pipeline(
    split: Split,
    task: ForTask,
    *,
    augment: Sequence[Augmentation | Mosaic] | str = (),
    batch_size: int = 32,
    group_size: int | None = None,
    image_sizes: Sequence[tuple[int, int]] = (),
    seed: int | None = None,
    cache: str | Path | None = None,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    devices: int = 1,
    fill: Fill | None = None,
) -> Batches:
    """Make the batches that `model.fit`, `evaluate` and `predict` take.

    Args:
        split: the samples.
        task: gives the size of the network's input, the targets, and the inputs where those are more than pictures.
        augment: augmentations, done one after another, one of which may be a `mosaic()`; or the name of a preset, see
            `kerascnn.data.preset`. A preset by its name does not mirror pictures with landmarks:
            `preset(name, swap=swap_sides(names))` does.
        batch_size: pictures in a batch; the last one of an epoch may be smaller.
        group_size: of pictures with an identity: so many of each person are in every batch, side by side, and all
            batches are full, as losses over pairs and triplets need it. It divides the batch size.
        image_sizes: (height, width) each; the pictures of every batch have one of them, drawn by the seed and the step,
            in the place of the task's size (Redmon and Farhadi 2017, section 2, "Multi-Scale Training"; they change it
            every ten batches). The network has to take them all: each side is a multiple of its last stride. One that
            stands twice comes twice as often.
        seed: shuffles again for every epoch and decides the augmentations. None keeps the order, for validation.
        cache: decodes all pictures at once, now, and keeps them: in `memory`, or below a folder, where another run
            finds them, and makes them anew if the pictures change. Photos much larger than the network's input are
            kept smaller.
        first_step: the batch to start with, counted over all epochs: 250 of a run of 100 batches an epoch is the
            middle of its third epoch, and what follows is what would have followed. What is skipped is not read. A
            pass is still as long as an epoch, and ends in the middle of the next one.
        shard: (number, count) of the machines that share the work: each gets every `count`-th picture of an epoch, and
            as many as the others; where they do not come out even, some are seen twice.
        devices: of this machine, which share each batch evenly. The last one of an epoch is filled up for that with
            pictures that are seen twice.
        fill: what lies outside a picture that was moved, see `kerascnn.data.compose`.

    Returns:
        A finite `tf.data.Dataset` of (inputs, targets); its `starting_at` gives it again from another step on. Inputs
        are images, or what `task.inputs` takes from a sample. Images are (B, height, width, 3) uint8, stretched to the
        task's size, or the batch's, as a phone's client does; coordinates are in pixels of that. An epoch is a complete
        pass; looking at the first batch does not use it up, unless there is only one. Targets of different number, such
        as boxes, are padded with -1, inputs of different number with 0; targets of pictures without any annotation are
        -1. Photos at least four times as large as the input are decoded smaller where they are augmented.

    Raises:
        ValueError: for an empty split, a batch size below 1, groups that do not go with it or with the people, sizes
            that are none, augmentations or sizes without a seed, a seed out of 32 bits, an unknown preset, several
            mosaics or one of samples that cannot have it, a negative first step, a shard out of range or without a
            picture, a batch that is no multiple of the devices, or a cache of samples with masks.
        NotADirectoryError: if the cache is a file.
    """
    if isinstance(augment, str):  # whose left is whose right only the names of landmarks tell
        augment = preset(augment, mirrored="landmarks" not in split.annotations)
    if len(split) == 0:
        raise ValueError("The split is empty: there is nothing to read.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}.")
    if (augment or image_sizes) and seed is None:
        raise ValueError("Augmentations and several sizes need a seed. Received: seed=None.")
    if any(len(size) != 2 or min(size) < 1 for size in image_sizes):
        raise ValueError(f"image_sizes must be (height, width) each, at least 1. Received: image_sizes={image_sizes}.")
    if any(isinstance(each, Mosaic) for each in augment):
        check_carried(split.annotations)
    order = _make_order(split, group_size, Order(len(split), batch_size, seed, first_step, shard, devices))
    largest = tuple(map(max, zip(*image_sizes, strict=True))) or task.image_size
    changed = bool(augment or image_sizes)
    if cache is not None:
        split = cached(split, largest, cache, augmented=changed)
    inputs = getattr(task, "inputs", operator.itemgetter("image"))
    augment_one = augmented(split.fetch or split.read, len(split), augment, fill)

    def prepare(step: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = _draw_size(image_sizes, seed, step) if len(image_sizes) > 1 else largest
        if augment:
            sample = augment_one(step // order.steps, index, seed, size)
        else:
            sample = resize_sample(split.read(index), size)
        return inputs(sample), task.targets(add_rows(sample)) if sample.keys() - UNANNOTATED else NO_TARGET

    folder = None
    if cache not in (None, "memory"):
        folder = Path(cache) / content_key(split, largest, changed, annotated=True)
    return Batches(prepare, order, augmented=changed, folder=folder)


def _make_order(split: Split, group_size: int | None, order: Order) -> Order:
    if group_size is None:
        return order
    if "identity" not in split.annotations:
        raise ValueError("group_size is for pictures with an identity. These have none.")
    people = tuple(np.asarray(split.annotations["identity"]).tolist())
    return GroupedOrder(**vars(order), identities=people, group_size=group_size)


def _draw_size(image_sizes: Sequence[tuple[int, int]], seed: int, step: tf.Tensor) -> list[tf.Tensor]:
    """Draw height and width for all pictures of a step."""
    chosen = tf.random.stateless_uniform((), fold_seed((seed, 2), step), 0, len(image_sizes), tf.int64)
    return tf.unstack(tf.gather(image_sizes, chosen))
