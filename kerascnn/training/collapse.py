"""Noticing that an embedding collapses: every picture gets the same vector, and the loss stays at its margin."""

import logging
from collections.abc import Mapping
from typing import Any

import keras

logger = logging.getLogger(__name__)

METRIC = "spread"  # the name of `kerascnn.metrics.embedding.Spread`, perhaps after that of an output
COLLAPSED = 0.02  # mean squared distance of different people; vectors that point everywhere have 2


class CollapseWatch(keras.callbacks.Callback):
    """Warn, once a stage, when the vectors of different people are nearly all the same.

    It looks at the metric `spread` of the training pictures, and does nothing where there is none.
    """

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a stage."""
        self.warned = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the epoch's spread."""
        found = [value for name, value in (logs or {}).items() if is_spread(name)]
        if found and found[0] < COLLAPSED and not self.warned:
            self.warned = True
            logger.warning(
                "The embedding has collapsed: the vectors of different people have a mean squared distance of %.4f, "
                "where 2 is usual. Take a lower learning rate, semi-hard triplets in the place of the hardest, or "
                "more people in a batch.",
                found[0],
            )


def is_spread(name: str) -> bool:
    """Whether a key of Keras' logs is the spread of the training pictures."""
    return not name.startswith("val_") and (name == METRIC or name.endswith(f"_{METRIC}"))
