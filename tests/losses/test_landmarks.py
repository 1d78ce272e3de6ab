"""The loss of landmarks, on numbers worked by hand."""

import keras
import numpy as np
import pytest

from kerascnn.losses import LandmarkLoss

SIZE = (64, 128)  # height, width: 256ths are quarters and halves of pixels
ROWS = np.float32([[[64, 32, 1], [32, 16, 1]], [[64, 32, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]])


def answer(*points, logit=0.0):
    """The outputs for points in pixels."""
    return [[x / SIZE[1], y / SIZE[0], logit] for x, y in points]


OUTPUTS = np.float32([answer((66, 32), (32, 13.5)), answer((84, 32), (77, 55)), answer((1, 2), (3, 4))])


def losses(rows=ROWS, outputs=OUTPUTS, **options):
    return keras.ops.convert_to_numpy(LandmarkLoss(SIZE, reduction=None, **options)(rows, outputs))


def test_wing_is_a_logarithm_near_and_a_line_far_away():
    # In 256ths: 4 in x of the first, 10 in y of the second; of the second picture 40 in x, and the other is hidden.
    near, edge = 10 * np.log(1 + 4 / 2), 10 * np.log(1 + 10 / 2)
    far = 40 - (10 - 10 * np.log(1 + 10 / 2))
    assert losses(visibility_weight=0.0) == pytest.approx([(near + edge) / 2, far, 0], rel=1e-5)


def test_l2_is_the_square():
    assert losses(form="l2", visibility_weight=0.0) == pytest.approx([(16 + 100) / 2, 1600, 0], rel=1e-5)


def test_width_and_curvature_are_those_of_the_wing():
    assert losses(width=20.0, curvature=1.0, visibility_weight=0.0)[1] == pytest.approx(
        40 - (20 - 20 * np.log(1 + 20)), rel=1e-5
    )


def test_visibility_is_a_logarithmic_loss_of_every_landmark():
    logit = float(np.log(3))  # a probability of 3/4
    right = np.float32([answer((64, 32), (32, 16), logit=logit)] * 3)
    sure, unsure = -np.log(0.75), -np.log(0.25)
    by_hand = [2 * sure, sure + unsure, 2 * unsure]
    found = losses(outputs=right, visibility_weight=2.0)
    assert found == pytest.approx(by_hand, rel=1e-5)  # the mean of two, weighted with 2


def test_hidden_landmarks_have_no_gradient_and_others_a_finite_one():
    import tensorflow as tf

    outputs = tf.constant(OUTPUTS)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss = LandmarkLoss(SIZE)(ROWS, outputs)
    gradient = tape.gradient(loss, outputs).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[1, 1, :2] == 0).all() and (gradient[2, :, :2] == 0).all() and gradient[0, 0, 0] > 0


def test_it_can_be_stored():
    loss = LandmarkLoss(SIZE, "l2", width=5.0, visibility_weight=0.5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(ROWS, OUTPUTS)) == float(loss(ROWS, OUTPUTS))
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"form": "l1"}, "'l1'"), ({"width": 0.0}, "positive"), ({"visibility_weight": -1.0}, "not negative")],
)
def test_unknown_forms_and_bad_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LandmarkLoss(SIZE, **options)


@pytest.mark.parametrize(("rows", "outputs"), [(ROWS[..., :2], OUTPUTS), (ROWS, OUTPUTS[..., :2]), (ROWS[0], OUTPUTS)])
def test_other_shapes_are_refused(rows, outputs):
    with pytest.raises(ValueError, match=r"\(B, K, 3\)"):
        losses(rows, outputs)
