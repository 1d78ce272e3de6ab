"""The loss of a classifier with auxiliary classifiers; that of one without is Keras' own cross-entropy."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerascnn")
class AuxiliaryCrossEntropy(keras.losses.Loss):
    """Sum the cross-entropies of a classifier and of its auxiliary classifiers, these with a weight.

    Args:
        weight: of each auxiliary classifier's cross-entropy.
        **options: as every Keras loss takes them.

    Takes labels (B,) or (B, 1), integers, and logits (B, 1 + auxiliary, classes), the classifier's own first.

    Raises:
        ValueError: for logits of another rank.

    Reference:
        Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, section 5, whose weight is the default.
    """

    def __init__(self, weight: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        self.weight = weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        if len(y_pred.shape) != 3:
            raise ValueError(
                "The outputs must be (B, 1 + auxiliary, classes), those of a network with auxiliary classifiers. "
                f"Received: outputs of the shape {tuple(y_pred.shape)}."
            )
        labels = ops.broadcast_to(ops.reshape(y_true, (-1, 1)), ops.shape(y_pred)[:2])
        losses = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)  # (B, 1 + auxiliary)
        return losses[:, 0] + self.weight * ops.sum(losses[:, 1:], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"weight": self.weight}
