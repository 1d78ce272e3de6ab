"""Losses of classifiers beyond Keras' own cross-entropy: labels that are smoothed, and auxiliary classifiers."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerascnn")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Compute the cross-entropy with labels of which a share is spread over all classes.

    Args:
        label_smoothing: that share, from 0 to below 1.
        **options: as every Keras loss takes them.

    Takes labels (B,) or (B, 1), integers, and logits (B, classes).

    Raises:
        ValueError: for a share out of range.

    Reference:
        Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567, section 7,
        where it is 0.1.
    """

    def __init__(self, label_smoothing: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.label_smoothing = _checked(label_smoothing)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        return _cross_entropy(ops.reshape(y_true, (-1,)), y_pred, self.label_smoothing)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("kerascnn")
class AuxiliaryCrossEntropy(keras.losses.Loss):
    """Sum the cross-entropies of a classifier and of its auxiliary classifiers, these with a weight.

    Args:
        weight: of each auxiliary classifier's cross-entropy.
        label_smoothing: see `SmoothedCrossEntropy`.
        **options: as every Keras loss takes them.

    Takes labels (B,) or (B, 1), integers, and logits (B, 1 + auxiliary, classes), the classifier's own first.

    Raises:
        ValueError: for logits of another rank, or a share of smoothing out of range.

    Reference:
        Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, section 5, whose weight is the default.
    """

    def __init__(self, weight: float = 0.3, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.weight, self.label_smoothing = weight, _checked(label_smoothing)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        if len(y_pred.shape) != 3:
            raise ValueError(
                "The outputs must be (B, 1 + auxiliary, classes), those of a network with auxiliary classifiers. "
                f"Received: outputs of the shape {tuple(y_pred.shape)}."
            )
        labels = ops.broadcast_to(ops.reshape(y_true, (-1, 1)), ops.shape(y_pred)[:2])
        losses = _cross_entropy(labels, y_pred, self.label_smoothing)  # (B, 1 + auxiliary)
        return losses[:, 0] + self.weight * ops.sum(losses[:, 1:], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"weight": self.weight, "label_smoothing": self.label_smoothing}


def _checked(label_smoothing: float) -> float:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie from 0 to below 1. Received: label_smoothing={label_smoothing}.")
    return label_smoothing


def _cross_entropy(labels: keras.KerasTensor, logits: keras.KerasTensor, label_smoothing: float) -> keras.KerasTensor:
    """Compute the cross-entropies (...) of labels (...) and logits (..., classes)."""
    if not label_smoothing:
        return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    targets = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype=logits.dtype)
    return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)
