"""The loss of a network that finds the one object of a picture, or says that there is none."""

from typing import Any

import keras
from keras import ops

from kerascnn.ops import check_object_shapes, complete_iou, corners_from_shares, first_object, shares_from_corners

FORMS = ("log", "squared")
BOX_FORMS = ("squared", "ciou")


@keras.saving.register_keras_serializable("kerascnn")
class LocalizationLoss(keras.losses.Loss):
    """Sum what a network gets wrong of p_c, b_x, b_y, b_h, b_w and the classes; without an object, only p_c counts.

    Args:
        image_size: (height, width) of the pictures, in pixels.
        form: `log` takes the logarithmic loss of p_c and of the classes, `squared` the squared error of their
            probabilities, as the course's notes write it.
        box_form: `squared` takes the squared error of b_x, b_y, b_h, b_w, as the notes do; `ciou` takes 1 less the
            complete IoU, which is what is measured, whatever the size of the box.
        presence_weight: of p_c.
        box_weight: of the box. Squared errors of shares are small: they need a weight of 10 and more.
        class_weight: of the classes.
        **options: as every Keras loss takes them.

    Takes rows (B, N, 5), x1, y1, x2, y2 in pixels and the class, of which the first of each picture counts, class -1
    for no object; and outputs (B, 5 + classes): the logit of p_c; b_x, b_y, b_h, b_w before a sigmoid, which are then
    the centre, the height and the width of the box as shares of the picture; the logits of the classes.

    Raises:
        ValueError: for an unknown form, a negative weight, or targets and outputs of other shapes.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        form: str = "log",
        box_form: str = "ciou",
        *,
        presence_weight: float = 1.0,
        box_weight: float = 2.0,
        class_weight: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if form not in FORMS or box_form not in BOX_FORMS:
            raise ValueError(
                f"form must be {' or '.join(FORMS)}, box_form {' or '.join(BOX_FORMS)}. "
                f"Received: form={form!r}, box_form={box_form!r}."
            )
        if min(presence_weight, box_weight, class_weight) < 0:
            raise ValueError(
                f"Weights must not be negative. Received: presence_weight={presence_weight}, box_weight={box_weight}, "
                f"class_weight={class_weight}."
            )
        self.image_size, self.form, self.box_form = tuple(image_size), form, box_form
        self.presence_weight, self.box_weight, self.class_weight = presence_weight, box_weight, class_weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the loss of each picture, (B,)."""
        check_object_shapes(y_true, y_pred)
        target = first_object(ops.cast(y_true, y_pred.dtype))
        presence, box, classes = y_pred[:, 0], y_pred[:, 1:5], y_pred[:, 5:]
        there = ops.cast(target[:, 4] >= 0, y_pred.dtype)
        # The class -1 has a row of zeros.
        labels = ops.one_hot(ops.cast(target[:, 4], "int32"), classes.shape[-1], dtype=y_pred.dtype)
        if self.form == "squared":
            presence_error = ops.square(there - ops.sigmoid(presence))
            class_error = _squared_error(labels, ops.softmax(classes))
        else:
            presence_error = ops.binary_crossentropy(there, presence, from_logits=True)
            class_error = ops.categorical_crossentropy(labels, classes, from_logits=True)
        of_object = self.box_weight * self._box_error(target[:, :4], ops.sigmoid(box)) + self.class_weight * class_error
        return self.presence_weight * presence_error + there * of_object

    def _box_error(self, corners: keras.KerasTensor, shares: keras.KerasTensor) -> keras.KerasTensor:
        """Compute the error (B,) of b_x, b_y, b_h, b_w (B, 4) against x1, y1, x2, y2 in pixels (B, 4)."""
        if self.box_form == "squared":
            return _squared_error(shares_from_corners(corners, self.image_size), shares)
        return 1 - complete_iou(corners_from_shares(shares, self.image_size), corners)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make the loss again."""
        return super().get_config() | {
            "image_size": self.image_size,
            "form": self.form,
            "box_form": self.box_form,
            "presence_weight": self.presence_weight,
            "box_weight": self.box_weight,
            "class_weight": self.class_weight,
        }


def _squared_error(expected: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum(ops.square(expected - found), axis=-1)
