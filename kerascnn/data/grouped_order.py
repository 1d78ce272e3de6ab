"""An order in which every batch holds several pictures of several people, as losses over pairs and triplets need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kerascnn.data.order import Order

TURNS = 2**40  # more than there are permutations


@dataclass(frozen=True)
class GroupedOrder(Order):
    """P different people in a batch, with K different pictures of each, side by side.

    An epoch has as many pictures as there are, or a few more, in full batches. Batches take their people from one
    permutation after another; those at its end who would not fill a batch wait for the next. Of each, any K pictures
    are drawn; whoever has fewer is there with some of them again.

    Attributes:
        identities: (size,), who is in each picture.
        group_size: K. The pictures of a batch on one device are a multiple of it.
    """

    identities: Sequence[int] = ()
    group_size: int = 4

    def __post_init__(self) -> None:
        """Refuse numbers that do not go together."""
        super().__post_init__()
        if self.seed is None:
            raise ValueError("Groups are drawn anew in every epoch, which needs a seed. Received: seed=None.")
        if self.group_size < 2 or self.batch_size // self.devices % self.group_size:
            raise ValueError(
                "group_size must be at least 2, and batch_size a multiple of it for each device. Received: "
                f"group_size={self.group_size}, batch_size={self.batch_size}, devices={self.devices}."
            )
        people = len(set(self.identities))
        if people * self.group_size < self.batch_size * self.shard[1]:
            raise ValueError(
                f"A batch of {self.batch_size * self.shard[1]} pictures, {self.group_size} of each person, needs more "
                f"than {people} people. Use batches of at most {people * self.group_size}."
            )

    @property
    def samples(self) -> int:
        """Samples of an epoch, the same for every machine: of whole batches."""
        together = self.batch_size * self.shard[1]
        return -(-self.size // together) * self.batch_size

    def index(self, epoch: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Give the indices of samples, () or (B,), int64, from their epoch and numbers in this machine's share."""
        batch = epoch * self.steps + number // self.batch_size  # counted over all epochs
        within = self.shard[0] * self.batch_size + number % self.batch_size  # of the batch of all machines
        people = self.batch_size * self.shard[1] // self.group_size
        batches = len(self._counts) // people  # of a permutation
        turn, slot = batch // batches, batch % batches * people + within // self.group_size
        who = self._shuffle(slot, turn, len(self._counts))
        count = tf.gather(self._counts, who)
        picture = self._shuffle(within % self.group_size % count, (1 + who) * TURNS + turn, count)
        return tf.gather(self._members, tf.gather(self._starts, who) + picture)

    def _shuffle(self, places: tf.Tensor, key: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
        """Permute places below a count, (), or (B,) each with its own key and count."""
        seed = tf.fill(tf.shape(key), tf.constant(self.seed, tf.int64))
        last = tf.broadcast_to(tf.cast(count, tf.int64) - 1, tf.shape(places))
        # What `tf.random.experimental.index_shuffle` calls, which itself takes one key only.
        seeds = tf.stack([seed, key, tf.zeros_like(key)], axis=-1)
        return tf.raw_ops.RandomIndexShuffle(index=places, seed=seeds, max_index=last, rounds=4)

    @cached_property
    def _members(self) -> np.ndarray:
        """Indices of all pictures, those of a person together."""
        return np.argsort(self.identities, kind="stable").astype(np.int64)

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.unique(self.identities, return_counts=True)[1].astype(np.int64)

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self._counts)[:-1]]).astype(np.int64)
