"""YOLO's loss against a naive loop with every option, on numbers by hand, and on perfect answers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerascnn.losses import YoloLoss
from kerascnn.ops import assign_by_anchor
from tests.losses.naive_yolo import compute_terms
from tests.ops.places import draw_predictions, draw_rows, list_places

PLACES = list_places()
# Three pictures of different answers: a few objects, none, and many.
ROWS = np.stack([draw_rows(0, 12), np.full((12, 5), -1, "float32"), draw_rows(2, 12, crowded=True)])
OUTPUTS = draw_predictions(3, PLACES, batch_size=3)
OUTPUTS[0, ::9, :4] = ROWS[0, ROWS[0, :, 4] >= 0][0, :4] + np.float32([0, 0.5, 0, 0.5])  # so near that they are ignored


def losses(rows, outputs, **options):
    loss = YoloLoss(reduction=None, **options)
    return keras.ops.convert_to_numpy(loss(np.float32(rows), np.float32(outputs)))


def answer(rows, places=PLACES, classes=3):
    """The predictions (B, N, 5 + classes + 5) that are right about rows (B, M, 5), each by the anchor that answers."""
    objects = np.asarray(assign_by_anchor(rows, places))
    outputs = draw_predictions(0, places, batch_size=len(rows), classes=classes)
    outputs[..., 4:-5] = -20
    for picture, place in np.argwhere(objects >= 0):
        *box, class_id = rows[picture, objects[picture, place]]
        outputs[picture, place, :4] = box
        outputs[picture, place, [4, 5 + int(class_id)]] = 20
    return outputs


OPTIONS = [
    {},
    {"box_form": "squared"},
    {"soft_objectness": True},
    {"ignore_threshold": 0.2},
    {"ignore_threshold": 1.0},
    {"label_smoothing": 0.1},
    {"box_weight": 2.0, "objectness_weight": 3.0, "no_object_weight": 0.5, "class_weight": 7.0},
    {"assignment": "aligned"},
    {"assignment": "aligned", "box_form": "squared", "label_smoothing": 0.2, "ignore_threshold": 0.1},
    {"assignment": "aligned", "box_weight": 2.0, "objectness_weight": 3.0, "no_object_weight": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "defaults")
def test_loss_is_that_of_a_naive_loop(options):
    expected = compute_terms(ROWS, OUTPUTS, PLACES, **options)
    terms = YoloLoss(**options).terms(ROWS, OUTPUTS)
    np.testing.assert_allclose(np.stack(terms, axis=-1), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(losses(ROWS, OUTPUTS, **options), expected.sum(axis=-1), rtol=1e-4)
    assert expected[[0, 2]].min() > 0 and not expected[1, [0, 1, 3]].any()


@pytest.mark.parametrize("options", OPTIONS[1:], ids=lambda options: "-".join(options))
def test_every_option_matters_in_these_pictures(options):
    assert np.abs(losses(ROWS, OUTPUTS, **options) - losses(ROWS, OUTPUTS)).max() > 1e-3


def test_one_prediction_by_hand():
    # The only cell, 10 x 10 pixels; its anchor and its box too, and the object is half as high with the same centre.
    outputs = [[[0, 0, 10, 10, np.log(3), np.log(4), -np.log(9), 0, 0, 10, 10, 10]]]
    rows = [[[0, 2.5, 10, 7.5, 0]]]
    v = 4 / np.pi**2 * (np.arctan(2) - np.arctan(1)) ** 2
    complete_iou = 0.5 - v**2 / (0.5 + v)
    box, objectness, classes = 5 * (1 - complete_iou), -np.log(3 / 4), -np.log(4 / 5) - np.log(9 / 10)
    assert losses(rows, outputs) == pytest.approx([box + objectness + classes], rel=1e-5)
    squared = 5 * np.log(2) ** 2
    assert losses(rows, outputs, box_form="squared") == pytest.approx([squared + objectness + classes], rel=1e-5)
    soft = -0.5 * np.log(3 / 4) - 0.5 * np.log(1 / 4)
    assert losses(rows, outputs, soft_objectness=True) == pytest.approx([box + soft + classes], rel=1e-5)
    # Aligned, the objectness to learn is the IoU, which weighs the box too; its sum, 0.5, is less than one object.
    aligned = losses(rows, outputs, assignment="aligned")
    assert aligned == pytest.approx([0.5 * box + soft + classes], rel=1e-5)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("box_form", ["ciou", "squared"])
def test_right_answers_cost_nothing(box_form, soft):
    found = losses(ROWS, answer(ROWS), box_form=box_form, soft_objectness=soft)
    np.testing.assert_allclose(found, 0, atol=1e-4)


@pytest.mark.parametrize("assignment", ["anchor", "aligned"])
@pytest.mark.parametrize("box_form", ["ciou", "squared"])
def test_without_any_object_only_the_objectness_counts(assignment, box_form):
    expected = np.log1p(np.exp(OUTPUTS[..., 4])).sum(axis=1) * 3  # divided by one object, a third of one a picture
    for count in (0, 1, 4):
        rows = np.full((3, count, 5), -1)
        assert losses(rows, OUTPUTS, assignment=assignment, box_form=box_form) == pytest.approx(expected, rel=1e-5)


def test_padding_is_not_seen():
    more = np.concatenate([ROWS, np.full((3, 7, 5), -1)], axis=1)
    named = np.where(more[..., 4:] == -1, np.float32([0, 0, 60, 60, -1]), more)  # of boxes that would be ignored
    for options in ({"ignore_threshold": 0.2}, {"assignment": "aligned"}):
        expected = losses(ROWS, OUTPUTS, **options)
        np.testing.assert_allclose(losses(more, OUTPUTS, **options), expected, rtol=1e-6)
        np.testing.assert_allclose(losses(named, OUTPUTS, **options), expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"box_form": "squared"}, {"assignment": "aligned"}])
def test_loss_and_gradient_are_finite_whatever_is_predicted(options):
    outputs = OUTPUTS.copy()
    outputs[0, :, 2:4] = outputs[0, :, :2]  # without area
    outputs[1, :, :4] *= 1e3
    outputs[2, ::2, 4:-5], outputs[2, 1::2, 4:-5] = 80, -80
    for batch in (outputs, OUTPUTS, answer(ROWS)):
        variable = tf.Variable(batch)
        with tf.GradientTape() as tape:
            value = YoloLoss(**options)(ROWS, variable)
        gradient = tape.gradient(value, variable).numpy()
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert not gradient[..., -5:].any()  # where predictions stand is no part of them


def test_an_undecided_logit_is_drawn_as_far_as_its_label_is_away():
    outputs = tf.Variable([[[0.0, 0, 10, 10, 0, 0, 0, 0, 0, 10, 10, 10]]])
    with tf.GradientTape() as tape:
        value = YoloLoss(label_smoothing=0.2)(np.float32([[[0, 0, 10, 10, 1]]]), outputs)
    np.testing.assert_allclose(tape.gradient(value, outputs)[0, 0, 4:7], [-0.5, 0.4, -0.4], rtol=1e-6)


@pytest.mark.parametrize("soft", [False, True])
def test_what_objectness_should_be_is_not_learned_by_the_box(soft):
    loss = YoloLoss(soft_objectness=soft, box_weight=0.0, class_weight=0.0)
    outputs = tf.Variable(OUTPUTS)
    with tf.GradientTape() as tape:
        value = loss(ROWS, outputs)
    gradient = tape.gradient(value, outputs).numpy()
    assert gradient[..., 4].any() and not gradient[..., :4].any()


def test_it_can_be_stored():
    options = {
        **{"assignment": "aligned", "box_form": "squared", "soft_objectness": True, "ignore_threshold": 0.3},
        **{"label_smoothing": 0.1, "box_weight": 2.0, "objectness_weight": 3.0, "no_object_weight": 4.0},
        **{"class_weight": 5.0, "reduction": "sum", "name": "yolo"},
    }
    loss = YoloLoss(**options)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert {name: getattr(again, name) for name in options} == options
    np.testing.assert_array_equal(again(ROWS, OUTPUTS), loss(ROWS, OUTPUTS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assignment": "anchors"}, "'anchors'"),
        ({"box_form": "giou"}, "'giou'"),
        ({"ignore_threshold": 1.1}, "ignore_threshold=1.1"),
        ({"ignore_threshold": -0.1}, "ignore_threshold=-0.1"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"box_weight": -1.0}, "'box_weight': -1.0"),
        ({"no_object_weight": -0.5}, "'no_object_weight': -0.5"),
    ],
)
def test_what_makes_no_loss_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        YoloLoss(**options)


@pytest.mark.parametrize(
    ("targets", "outputs", "message"),
    [
        ((2, 3, 4), (2, 6, 12), r"rows \(B, M, 5\). Received: \(2, 3, 4\)"),
        ((2, 5), (2, 6, 12), r"rows \(B, M, 5\). Received: \(2, 5\)"),
        ((2, 3, 5), (2, 6, 10), r"\(B, N, 5 \+ classes \+ 5\). Received: \(2, 6, 10\)"),
        ((2, 3, 5), (2, 12), r"\(B, N, 5 \+ classes \+ 5\). Received: \(2, 12\)"),
    ],
)
def test_other_shapes_are_refused(targets, outputs, message):
    with pytest.raises(ValueError, match=message):
        YoloLoss().terms(np.zeros(targets, "float32"), np.zeros(outputs, "float32"))
