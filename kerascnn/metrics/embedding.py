"""What is shown of embeddings while they train: how well pairs are told apart, and whether the vectors collapse."""

from typing import Any

import keras
from keras import ops

from kerascnn.ops.distances import cosine_similarities
from kerascnn.ops.mining import find_pairs

Tensor = keras.KerasTensor

THRESHOLDS = 1000  # of similarities, from -1 to 1


@keras.saving.register_keras_serializable("kerascnn")
class PairAUC(keras.metrics.AUC):
    """Measure the area under the ROC of the pairs in each batch: how often one of a person is more alike than another.

    Args:
        logits: whether it is given the logit of each pair, and not vectors.
        name: of the metric.
        dtype: likewise.

    Takes identities (B,) or (B, 1), and vectors (B, D), which are compared by their cosine, or logits (B, B).
    """

    def __init__(self, logits: bool = False, name: str = "auc", dtype: Any = None) -> None:
        super().__init__(num_thresholds=THRESHOLDS, name=name, dtype=dtype)
        self.logits = logits

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add the pairs of a batch; none of them is of a picture with itself."""
        same, different = find_pairs(y_true)
        shares = ops.sigmoid(y_pred) if self.logits else (1 + cosine_similarities(y_pred, y_pred)) / 2
        counted = ops.cast(ops.logical_or(same, different), "float32")
        flat = (ops.reshape(each, (-1,)) for each in (ops.cast(same, "float32"), ops.clip(shares, 0, 1), counted))
        super().update_state(*flat)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the metric again."""
        return {"name": self.name, "dtype": self.dtype, "logits": self.logits}


@keras.saving.register_keras_serializable("kerascnn")
class Spread(keras.metrics.Mean):
    """Measure how far apart different people are: the mean squared distance of their vectors, of length 1.

    About 2 where vectors point everywhere, and 0 where all are the same: the embedding has collapsed.

    Args:
        name: of the metric.
        **options: as every Keras metric takes them.

    Takes identities (B,) or (B, 1), and vectors (B, D).
    """

    def __init__(self, name: str = "spread", **options: Any) -> None:
        super().__init__(name=name, **options)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add the pairs of different people in a batch."""
        _, different = find_pairs(y_true)
        squares = 2 - 2 * cosine_similarities(y_pred, y_pred)
        flat = (ops.reshape(each, (-1,)) for each in (squares, ops.cast(different, squares.dtype)))
        super().update_state(*flat)
