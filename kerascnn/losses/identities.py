"""Losses of networks that learn faces as a classification of the people of the training data."""

import math
from typing import Any

import keras
from keras import ops

from kerascnn.losses.embedding import check_margin, check_vectors

Tensor = keras.KerasTensor


@keras.saving.register_keras_serializable("kerascnn")
class IdentityCrossEntropy(keras.losses.Loss):
    """Measure the cross-entropy of a classifier of identities; people it does not know do not count.

    Args:
        label_smoothing: share of each label that is spread over all identities, in [0, 1).
        **options: as every Keras loss takes them.

    Takes identities (B,) or (B, 1), from 0, and logits (B, C). Whoever is no number below C, as in validation, has a
    loss of 0.

    Raises:
        ValueError: for a share out of range, or arrays of other shapes.
    """

    def __init__(self, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1). Received: label_smoothing={label_smoothing}.")
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each picture, (B,)."""
        check_vectors(y_true, y_pred)
        targets, known = known_identities(y_true, y_pred)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / y_pred.shape[-1]
        return ops.categorical_crossentropy(targets, y_pred, from_logits=True) * known

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("kerascnn")
class ArcFaceLoss(keras.losses.Loss):
    """Measure the cross-entropy of angles: that to the own centre must be the smallest even after a margin is added.

    Args:
        margin: in radians, in [0, pi / 2).
        scale: what the cosines are multiplied with, to become logits.
        **options: as every Keras loss takes them.

    Takes identities (B,) or (B, 1), from 0, and cosines (B, C) of each vector with the centre of each identity. Whoever
    is no number below C, as in validation, has a loss of 0. Where the angle and the margin are more than pi together,
    so that the cosine would rise again, the loss goes on in a straight line, as in the authors' code.

    Raises:
        ValueError: for a margin or scale out of range, or arrays of other shapes.

    Reference:
        Deng et al. 2019, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", arXiv:1801.07698,
        equation 3.
    """

    def __init__(self, margin: float = 0.5, scale: float = 64.0, **options: Any) -> None:
        super().__init__(**options)
        check_margin(margin)
        if margin >= math.pi / 2 or not scale > 0:
            raise ValueError(
                f"margin must be less than pi / 2, scale positive. Received: margin={margin}, scale={scale}."
            )
        self.margin, self.scale = margin, scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each picture, (B,)."""
        check_vectors(y_true, y_pred)
        targets, known = known_identities(y_true, y_pred)
        # Its root has no gradient where a vector is on its centre.
        sines = ops.sqrt(ops.maximum(1 - ops.square(y_pred), keras.config.epsilon()))
        shifted = y_pred * math.cos(self.margin) - sines * math.sin(self.margin)
        straight = y_pred - self.margin * math.sin(self.margin)
        own = ops.where(y_pred > -math.cos(self.margin), shifted, straight)
        logits = self.scale * ops.where(targets > 0, own, y_pred)
        return ops.categorical_crossentropy(targets, logits, from_logits=True) * known

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin, "scale": self.scale}


def known_identities(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Give rows (B, C) that are 1 at the identity, zeros for whoever is not known, and who is known, 0 or 1, (B,)."""
    identities, count = ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1]
    known = ops.cast(ops.logical_and(identities >= 0, identities < count), y_pred.dtype)
    return ops.one_hot(identities, count, dtype=y_pred.dtype), known
