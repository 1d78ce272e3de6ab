"""The loss of a network that says of every pixel what it shows: cross-entropy, focal loss, Dice loss, and sums."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerascnn.ops.pixels import count_dice, one_hot_pixels, split_targets

Tensor = keras.KerasTensor


@keras.saving.register_keras_serializable("kerascnn")
class SegmentationLoss(keras.losses.Loss):
    """Sum the losses of the pixels of each picture.

    Args:
        crossentropy: weight of the cross-entropy.
        focal: weight of the focal loss, (1 - p)^gamma times the cross-entropy, p being the probability of the right
            class: pixels that are right already hardly count.
        dice: weight of the Dice loss, 1 less the mean Dice coefficient of the classes that are in the picture, with
            probabilities in the place of a mask: small classes count as much as large ones.
        gamma: of the focal loss, not negative.
        class_weights: of each class, by which the first two are multiplied; None is 1 for all.
        **options: as every Keras loss takes them.

    Takes masks (B, H, W) of classes, 255 being ignored; or (B, H, W, 2), class and weight of each pixel, as of the
    U-Net's map, by which the first two losses are multiplied. And logits (B, H, W, C). The first two are means over the
    pixels that are not ignored; without any, a picture has a loss of 0.

    Raises:
        ValueError: for weights that are negative or all 0, weights of other classes than there are logits, or targets
            and outputs of shapes that do not belong together.

    Reference:
        Ronneberger et al. 2015, arXiv:1505.04597, section 3, equations 1 and 2; Lin et al. 2017, "Focal Loss for Dense
        Object Detection", arXiv:1708.02002, section 3; Milletari et al. 2016, "V-Net", arXiv:1606.04797, section 3,
        without their squares.
    """

    def __init__(
        self,
        crossentropy: float = 1.0,
        focal: float = 0.0,
        dice: float = 0.0,
        *,
        gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        weights = {"crossentropy": crossentropy, "focal": focal, "dice": dice}
        if min(*weights.values(), gamma, *(class_weights or ())) < 0 or not any(weights.values()):
            raise ValueError(
                "The weights of the losses, gamma and class_weights must not be negative, and one of the losses count. "
                f"Received: {weights}, gamma={gamma}, class_weights={class_weights}."
            )
        self.weights, self.gamma = weights, gamma
        self.class_weights = None if class_weights is None else tuple(map(float, class_weights))

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of each picture, (B,)."""
        num_classes = y_pred.shape[-1]
        if self.class_weights is not None and len(self.class_weights) != num_classes:
            raise ValueError(f"class_weights must be {num_classes} numbers. Received: {self.class_weights}.")
        class_ids, pixel_weights = split_targets(y_true, y_pred)
        targets, counted = one_hot_pixels(class_ids, num_classes, y_pred.dtype)
        log_probabilities = ops.log_softmax(y_pred, axis=-1)
        losses = self._measure(ops.sum(targets * log_probabilities, axis=-1))  # 0 where a pixel is ignored
        if self.class_weights is not None:
            losses = losses * ops.sum(targets * ops.convert_to_tensor(self.class_weights, y_pred.dtype), axis=-1)
        if pixel_weights is not None:
            losses = losses * pixel_weights
        loss = ops.sum(losses, axis=(1, 2)) / ops.maximum(ops.sum(counted, axis=(1, 2)), 1)
        if self.weights["dice"]:
            probabilities = ops.exp(log_probabilities) * counted[..., None]
            loss = loss + self.weights["dice"] * (1 - count_dice(targets, probabilities))
        return loss

    def _measure(self, log_probability: Tensor) -> Tensor:
        """Give the cross-entropy and the focal loss of pixels whose right class has this probability."""
        factor = self.weights["crossentropy"]
        if self.weights["focal"]:
            missing = ops.maximum(1 - ops.exp(log_probability), keras.config.epsilon())  # a root of 0 has no gradient
            factor = factor + self.weights["focal"] * missing**self.gamma
        return -log_probability * factor

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | self.weights | {"gamma": self.gamma, "class_weights": self.class_weights}
