"""Predictions of grids: offsets by hand, there and back on random boxes, and the parts of a network's tensor."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.ops import Places, decode_offsets, encode_boxes, split_predictions
from kerascnn.ops.grids import FORMS
from tests.ops.places import SIZE, draw_predictions, list_places

# The cell in column 2, row 1 of a grid of stride 16 spans x 32..48 and y 16..32.
PLACE = Places(np.float32([[2, 1]]), np.float32([[16]]), np.float32([[10, 20]]))


@pytest.mark.parametrize(
    ("form", "offsets", "box"),
    [
        ("sigmoid", (0, 0, 0, 0), (35, 14, 45, 34)),
        ("linear", (0, 0, 0, 0), (35, 14, 45, 34)),
        ("sigmoid", (np.log(3), -np.log(3), 0, 0), (39, 10, 49, 30)),  # 3/4 and 1/4 of a cell
        ("linear", (0.25, -0.25, 0, 0), (39, 10, 49, 30)),
        ("linear", (2, -3, 0, 0), (67, -34, 77, -14)),  # out of the cell, and of the picture
        ("sigmoid", (0, 0, np.log(2), -np.log(4)), (30, 21.5, 50, 26.5)),
        ("linear", (0, 0, np.log(2), -np.log(4)), (30, 21.5, 50, 26.5)),
        ("sigmoid", (50, -50, 0, 0), (43, 6, 53, 26)),  # at the corner of the cell
    ],
)
def test_decoding_by_hand(form, offsets, box):
    np.testing.assert_allclose(decode_offsets(np.float32([offsets]), PLACE, form=form), [box], rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_sides_grow_to_a_limit(form):
    (x1, y1, x2, y2) = np.asarray(decode_offsets(np.float32([[0, 0, 99, 5]]), PLACE, form=form))[0]
    assert x2 - x1 == pytest.approx(10 * 1000 / 16, rel=1e-5)
    assert y2 - y1 == pytest.approx(20 * 1000 / 16, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_boxes_come_back_from_their_offsets(form):
    rng = np.random.default_rng(0)
    places = list_places()
    inside = rng.uniform(0.001, 0.999, (5, len(places.cells), 2)) + (0 if form == "sigmoid" else rng.normal(0, 3))
    centers, sides = (places.cells + inside) * places.strides, rng.uniform(1, 300, inside.shape)
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1).astype("float32")
    offsets = encode_boxes(boxes, places, form=form)
    np.testing.assert_allclose(decode_offsets(offsets, places, form=form), boxes, atol=2e-3)
    np.testing.assert_allclose(decode_offsets(offsets[0], places, form=form), boxes[0], atol=2e-3)


@pytest.mark.parametrize("form", FORMS)
def test_offsets_come_back_from_their_boxes(form):
    places = list_places()
    offsets = np.random.default_rng(1).uniform(-3, 3, (3, len(places.cells), 4)).astype("float32")
    found = encode_boxes(decode_offsets(offsets, places, form=form), places, form=form)
    np.testing.assert_allclose(found, offsets, atol=1e-3)


def test_a_centre_on_the_border_of_its_cell_has_finite_offsets():
    offsets = np.asarray(encode_boxes(np.float32([[27, 6, 37, 26], [43, 22, 53, 42]]), PLACE))
    assert np.isfinite(offsets).all()
    np.testing.assert_allclose(decode_offsets(offsets, PLACE), [[27, 6, 37, 26], [43, 22, 53, 42]], atol=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_no_predictions_give_no_boxes(form):
    places = list_places(())
    assert decode_offsets(np.zeros((2, 0, 4), "float32"), places, form=form).shape == (2, 0, 4)
    assert encode_boxes(np.zeros((2, 0, 4), "float32"), places, form=form).shape == (2, 0, 4)


@pytest.mark.parametrize("function", [decode_offsets, encode_boxes])
def test_other_forms_are_refused(function):
    with pytest.raises(ValueError, match=r"form must be sigmoid or linear. Received: form='tanh'"):
        function(np.zeros((1, 4), "float32"), PLACE, form="tanh")


@pytest.mark.parametrize("classes", [1, 3])
def test_parts_of_predictions(classes):
    places = list_places()
    outputs = draw_predictions(0, places, batch_size=2, classes=classes)
    found = split_predictions(tf.constant(outputs))
    np.testing.assert_array_equal(found.boxes, outputs[..., :4])
    np.testing.assert_array_equal(found.objectness, outputs[..., 4])
    np.testing.assert_array_equal(found.classes, outputs[..., 5 : 5 + classes])
    for part, expected in zip(found.places, places, strict=True):
        np.testing.assert_array_equal(part, expected)
    assert (places.cells[:, 0] * places.strides[:, 0]).max() < SIZE[1]


def test_where_predictions_stand_is_not_learned():
    outputs = tf.constant(draw_predictions(0, list_places()))
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = sum(tf.reduce_sum(part) for part in split_predictions(outputs).places)
    assert tape.gradient(total, outputs) is None


@pytest.mark.parametrize("shape", [(4, 11), (2, 3, 10), (2, 3, 4, 11)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"Predictions must be \(B, N, 5 \+ classes \+ 5\)"):
        split_predictions(np.zeros(shape, "float32"))
