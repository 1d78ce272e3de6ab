"""Batches that can be had again: from another step on, as a run that goes on needs them."""

from collections.abc import Callable
from dataclasses import replace

import tensorflow as tf

from kerascnn.data.order import Order, batches_in_order

Prepare = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


class Batches(tf.data.Dataset):
    """A data set of (images, targets) that can start at any step. What `map` and the like make of it cannot.

    Args:
        prepare: from an epoch and an index, (), int64 each, to one image and its targets.
        order: who comes when.

    Attributes:
        order: as given.
    """

    def __init__(self, prepare: Prepare, order: Order) -> None:
        self._prepare, self.order = prepare, order
        self._batches = batches_in_order(order, prepare)
        super().__init__(self._batches._variant_tensor)

    def starting_at(self, step: int) -> "Batches":
        """Give the same batches from another step on, counted over all epochs; see `pipeline`."""
        return Batches(self._prepare, replace(self.order, first_step=step))

    @property
    def element_spec(self) -> tuple[tf.TensorSpec, ...]:
        """Shapes and types of a batch."""
        return self._batches.element_spec

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._batches]
