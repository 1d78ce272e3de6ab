"""Batches that can be had again: from another step on, or as what a frozen network makes of them."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerascnn.data.features import Extractor, compute_features
from kerascnn.data.order import Order, batches_in_order, make_progress

Prepare = Callable[[tf.Tensor, tf.Tensor], tuple]


class Batches(tf.data.Dataset):
    """A data set of (inputs, targets) with a few more ways. What `map` and the like make of it is a plain one.

    Args:
        prepare: from the step, counted over all epochs, and an index, (), int64 each, to one image, or a
            dict of inputs, and its targets.
        order: who comes when.
        at_once: whether `prepare` takes the indices of a batch, (B,), at once.
        augmented: whether a picture is another one in every epoch, if only by its size.
        folder: where features may be kept, one folder for the pictures of this split at this size; None is memory.
        extractor: what turns the images of a batch into features, in every epoch; None leaves them.

    Attributes:
        order: as given.
        augmented: as given.
    """

    def __init__(
        self,
        prepare: Prepare,
        order: Order,
        *,
        at_once: bool = False,
        augmented: bool = False,
        folder: Path | None = None,
        extractor: Extractor | None = None,
    ) -> None:
        self.order, self.augmented = order, augmented
        self._prepare, self._at_once, self._folder, self._extractor = prepare, at_once, folder, extractor
        self._progress, finish = make_progress(order), extractor and _extracting(extractor)
        self._batches = batches_in_order(order, prepare, self._progress, at_once=at_once, finish=finish)
        super().__init__(self._batches._variant_tensor)

    def starting_at(self, step: int) -> "Batches":
        """Give the same batches from another step on, counted over all epochs; see `pipeline`."""
        return self._again(replace(self.order, first_step=step), self._extractor)

    def go_to(self, step: int) -> None:
        """Let the next pass start at a step, as far into its epoch as `first_step`, whatever was counted so far.

        A pass counts when its last batch is handed over, which is too early where somebody reads ahead and then drops
        what was read, as Keras does on several GPUs to see the shapes.
        """
        if (step - self.order.first_step) % self.order.steps:
            raise ValueError(
                f"Passes start at {self.order.first_step} and every {self.order.steps} steps. Received: step={step}."
            )
        self._progress.assign(step)

    def through(self, extractor: Extractor) -> "Batches":
        """Give batches of (features, targets) in the same order, whose features are computed once, now.

        Args:
            extractor: from a batch of images to its features.

        Raises:
            ValueError: if pictures are augmented, so that there is no end of them, or for batches of features, or
                of other inputs than pictures.
            MemoryError, OSError: if the features are too many for memory, or for the disk.
        """
        if self.augmented:
            raise ValueError("Augmented pictures are different in every epoch: their features cannot be kept.")
        self._check_pictures()
        once = Order(self.order.size, self.order.batch_size)
        each_once = batches_in_order(once, self._prepare, make_progress(once))
        features, targets = compute_features(each_once, self.order.size, extractor, self._folder)
        tables = (tuple(map(_as_table, features)), tf.nest.map_structure(tf.constant, targets))

        def look_up(step: tf.Tensor, indices: tf.Tensor) -> tuple:
            return tf.nest.map_structure(lambda table: tf.gather(table, indices), tables)

        return Batches(look_up, self.order, at_once=True)

    def streaming(self, extractor: Extractor) -> "Batches":
        """Give batches of (features, targets) in the same order, whose features are computed in every epoch.

        Args:
            extractor: from a batch of images to its features; it runs beside what takes the batches.

        Raises:
            ValueError: for batches of features, of other inputs than pictures, or of pictures of several sizes.
        """
        self._check_pictures()
        if not self.element_spec[0].shape[1:].is_fully_defined():
            raise ValueError("These batches have pictures of several sizes, and an extractor takes one.")
        return self._again(self.order, extractor)

    def _again(self, order: Order, extractor: Extractor | None) -> "Batches":
        options = {"at_once": self._at_once, "augmented": self.augmented, "folder": self._folder}
        return Batches(self._prepare, order, extractor=extractor, **options)

    def _check_pictures(self) -> None:
        if self._at_once or self._extractor is not None:
            raise ValueError("These batches hold features already, and no pictures.")
        if isinstance(self.element_spec[0], dict):
            names = ", ".join(sorted(self.element_spec[0]))
            raise ValueError(f"Features are those of pictures alone. These batches hold {names}.")

    @property
    def element_spec(self) -> tuple:
        """Shapes and types of a batch."""
        return self._batches.element_spec

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._batches]


def _extracting(extractor: Extractor) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Make what turns batches of (images, targets) into batches of (features, targets), as long as something else holds
    the extractor.
    """
    held_elsewhere = weakref.ref(extractor)  # TensorFlow never lets go of what it is given

    def compute(images: np.ndarray) -> tuple[np.ndarray, ...]:
        return held_elsewhere()(images)

    def finish(batches: tf.data.Dataset) -> tf.data.Dataset:
        spec = batches.element_spec[0]
        shapes = [(None, *each.shape[1:]) for each in extractor(np.zeros((1, *spec.shape[1:]), np.uint8))]

        def extract(images: tf.Tensor, targets: tf.Tensor) -> tuple:
            features = tf.numpy_function(compute, [images], [tf.float32] * len(shapes))
            return tuple(map(tf.ensure_shape, features, shapes)), targets

        return batches.map(extract)

    return finish


def _as_table(array: np.ndarray) -> tf.Tensor:
    """Give an array to TensorFlow: what lies in a file stays there until it is looked at."""
    return (
        tf.experimental.dlpack.from_dlpack(array.__dlpack__()) if isinstance(array, np.memmap) else tf.constant(array)
    )
