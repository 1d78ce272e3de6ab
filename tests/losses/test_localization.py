"""The loss of a localizer, on numbers worked by hand."""

import keras
import numpy as np
import pytest

from kerascnn.losses import LocalizationLoss

SIZE = (50, 100)  # height, width
BOX = (20.0, 10.0, 60.0, 30.0)  # b_x 0.4, b_y 0.4, b_h 0.4, b_w 0.4
SHARES = (0.4, 0.4, 0.4, 0.4)


def logit(probability):
    return float(np.log(probability / (1 - probability)))


def answer(presence, shares, classes):
    """The outputs of one picture, whose sigmoids are the arguments; the logits of the classes are as they are."""
    return [logit(presence), *map(logit, shares), *classes]


def losses(rows, outputs, **options):
    options = {"box_form": "squared", "box_weight": 1.0} | options
    loss = LocalizationLoss(SIZE, reduction=None, **options)
    return keras.ops.convert_to_numpy(loss(np.float32(rows), np.float32(outputs)))


ROWS = [[[*BOX, 1]], [[-1.0, -1, -1, -1, -1]]]
OUTPUTS = [answer(0.8, (0.5, 0.4, 0.2, 0.4), (0.0, 0.0, 0.0)), answer(0.3, (0.9, 0.1, 0.9, 0.9), (5.0, 0.0, 0.0))]


def test_without_an_object_only_its_presence_counts():
    found = losses(ROWS, OUTPUTS)
    assert found[1] == pytest.approx(-np.log(0.7), rel=1e-5)


def test_logarithms_and_squares_are_summed_with_their_weights():
    box, classes = 0.1**2 + 0.2**2, np.log(3)
    assert losses(ROWS, OUTPUTS)[0] == pytest.approx(-np.log(0.8) + box + classes, rel=1e-5)
    weighted = losses(ROWS, OUTPUTS, presence_weight=2.0, box_weight=10.0, class_weight=0.5)
    assert weighted[0] == pytest.approx(-2 * np.log(0.8) + 10 * box + classes / 2, rel=1e-5)
    assert weighted[1] == pytest.approx(-2 * np.log(0.7), rel=1e-5)


def test_squared_errors_throughout_as_the_notes_write_them():
    found = losses(ROWS, OUTPUTS, form="squared")
    classes = (1 / 3) ** 2 + (2 / 3) ** 2 + (1 / 3) ** 2
    assert found == pytest.approx([0.2**2 + 0.1**2 + 0.2**2 + classes, 0.3**2], rel=1e-5)


def test_a_box_of_half_the_height_has_half_the_iou():
    # The same centre, and the width: what CIoU takes off beside the IoU is the difference of the proportions.
    outputs = [answer(0.5, (0.4, 0.4, 0.2, 0.4), (0.0, 0.0, 0.0))] * 2
    found = losses(ROWS, outputs, box_form="ciou", class_weight=0.0, presence_weight=0.0)
    proportions = 4 / np.pi**2 * (np.arctan(4 / 1) - np.arctan(2 / 1)) ** 2
    alpha = proportions / (0.5 + proportions)
    assert found == pytest.approx([0.5 + alpha * proportions, 0.0], rel=1e-4)


@pytest.mark.parametrize("form", ["log", "squared"])
@pytest.mark.parametrize("box_form", ["squared", "ciou"])
def test_right_answers_cost_nothing(form, box_form):
    outputs = [[40.0, *map(logit, SHARES), 0.0, 40.0, 0.0], [-40.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0]]
    np.testing.assert_allclose(losses(ROWS, outputs, form=form, box_form=box_form), 0, atol=1e-5)


def test_rows_after_the_first_do_not_count_and_a_batch_may_have_none():
    more = [[*rows, [0.0, 0.0, 9.0, 9.0, 0]] for rows in ROWS]
    np.testing.assert_array_equal(losses(more, OUTPUTS)[0], losses(ROWS, OUTPUTS)[0])
    empty = losses(np.zeros((2, 0, 5)), OUTPUTS)
    assert empty == pytest.approx([-np.log(0.2), -np.log(0.7)], rel=1e-5)


@pytest.mark.parametrize("box_form", ["squared", "ciou"])
def test_it_can_be_stored(box_form):
    loss = LocalizationLoss(SIZE, "squared", box_form, box_weight=3.0, reduction=None)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    arrays = np.float32(ROWS), np.float32(OUTPUTS)
    np.testing.assert_array_equal(again(*arrays), loss(*arrays))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"form": "l2"}, "'l2'"), ({"box_form": "giou"}, "'giou'"), ({"box_weight": -1.0}, "negative")],
)
def test_unknown_forms_and_negative_weights_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LocalizationLoss(SIZE, **options)


@pytest.mark.parametrize(
    ("rows", "outputs"),
    [(np.zeros((2, 5)), np.zeros((2, 8))), (np.zeros((2, 1, 4)), np.zeros((2, 8))), (ROWS, np.zeros((2, 5)))],
)
def test_other_shapes_are_refused(rows, outputs):
    with pytest.raises(ValueError, match=r"\(B, N, 5\)"):
        losses(rows, outputs)
