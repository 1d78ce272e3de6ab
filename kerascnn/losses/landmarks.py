"""The loss of a network that finds landmarks, and says which of them are to be seen."""

import math
from typing import Any

import keras
from keras import ops

FORMS = ("wing", "l2")
PAPER_SIDE = 256  # pixels of the wing loss's paper: its width and its curvature are in these


@keras.saving.register_keras_serializable("kerascnn")
class LandmarkLoss(keras.losses.Loss):
    """Sum the errors of the places of those landmarks that are to be seen, and of saying which they are.

    Args:
        image_size: (height, width) of the pictures, in pixels.
        form: `wing` grows with the logarithm of small errors and linearly with large ones, so that small errors go on
            counting; `l2` is the squared error.
        width: of the wing: errors below it are small.
        curvature: of the wing: the smaller, the steeper it is at 0.
        visibility_weight: of the logarithmic loss of the visibility.
        **options: as every Keras loss takes them.

    Errors, width and curvature are in 256ths of the picture's sides, the pixels of the paper.

    Takes rows (B, K, 3), x, y in pixels and visibility, above 0 where a landmark is to be seen; and outputs (B, K, 3):
    x and y as shares of the picture, and the logit of the visibility.

    Raises:
        ValueError: for an unknown form, a width or curvature that is not positive, a negative weight, or targets and
            outputs of other shapes.

    Reference:
        Feng et al. 2018, "Wing Loss for Robust Facial Landmark Localisation with Convolutional Neural Networks",
        arXiv:1711.06753, section 4, whose width and curvature are the defaults.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        form: str = "wing",
        *,
        width: float = 10.0,
        curvature: float = 2.0,
        visibility_weight: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if form not in FORMS:
            raise ValueError(f"form must be {' or '.join(FORMS)}. Received: form={form!r}.")
        if min(width, curvature) <= 0 or visibility_weight < 0:
            raise ValueError(
                "width and curvature must be positive, visibility_weight not negative. Received: "
                f"width={width}, curvature={curvature}, visibility_weight={visibility_weight}."
            )
        self.image_size, self.form = tuple(image_size), form
        self.width, self.curvature, self.visibility_weight = width, curvature, visibility_weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,): the means over its landmarks."""
        if len(y_true.shape) != 3 or y_true.shape[-1] != 3 or len(y_pred.shape) != 3 or y_pred.shape[-1] != 3:
            raise ValueError(
                "The targets and the outputs must be (B, K, 3). "
                f"Received: the shapes {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        y_true = ops.cast(y_true, y_pred.dtype)
        height, width = self.image_size
        shares = y_true[..., :2] / ops.convert_to_tensor([width, height], y_pred.dtype)
        errors = ops.sum(self._measure(PAPER_SIDE * (shares - y_pred[..., :2])), axis=-1)
        seen = ops.cast(y_true[..., 2] > 0, y_pred.dtype)
        places = ops.sum(seen * errors, axis=-1) / ops.maximum(ops.sum(seen, axis=-1), 1)
        visibility = ops.binary_crossentropy(seen, y_pred[..., 2], from_logits=True)
        return places + self.visibility_weight * ops.mean(visibility, axis=-1)

    def _measure(self, errors: keras.KerasTensor) -> keras.KerasTensor:
        if self.form == "l2":
            return ops.square(errors)
        size = ops.abs(errors)
        rest = self.width * (1 - math.log1p(self.width / self.curvature))  # so that both branches meet
        return ops.where(size < self.width, self.width * ops.log1p(size / self.curvature), size - rest)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {
            "image_size": self.image_size,
            "form": self.form,
            "width": self.width,
            "curvature": self.curvature,
            "visibility_weight": self.visibility_weight,
        }
