"""Assignments against naive loops, on cases by hand, and there and back through the offsets of a network."""

import numpy as np
import pytest
import tensorflow as tf

from kerascnn.ops import Places, assign_by_alignment, assign_by_anchor, decode_offsets, encode_boxes, split_predictions
from kerascnn.ops.grids import FORMS
from tests.ops.naive import compute_iou
from tests.ops.naive_assignment import assign_by_alignment_naively, assign_by_anchor_naively
from tests.ops.places import GRIDS, draw_predictions, draw_rows, list_places

PADDING = (-1, -1, -1, -1, -1)
# One grid of 2 x 2 cells of 10 pixels, with a small and a large anchor: cell by cell, predictions 0 to 7.
SMALL = list_places(((10, 2, 2, ((4.0, 4.0), (8.0, 8.0))),))


def assign(rows, places=SMALL):
    """Assign the rows of one picture."""
    return np.asarray(assign_by_anchor(np.float32([rows]), places))[0].tolist()


def around(x, y, width, height, class_id=0):
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2, class_id)


def test_an_object_belongs_to_its_cell_and_to_the_anchor_of_its_shape():
    assert assign([around(5, 5, 4, 5), around(15, 5, 9, 8), around(5, 15, 8, 6), around(15, 15, 2, 3)]) == [
        *(0, -1),
        *(-1, 1),
        *(-1, 2),
        *(3, -1),
    ]


def test_a_centre_on_a_border_belongs_to_the_cell_that_begins_there():
    assert assign([around(10, 0, 4, 4)]) == [-1, -1, 0, -1, -1, -1, -1, -1]


def test_the_more_similar_of_two_objects_gets_the_anchor_and_the_other_the_one_that_is_left():
    small, smaller = around(5, 5, 4, 4), around(6, 4, 3, 3)
    assert assign([smaller, small])[:2] == [1, 0]
    assert assign([small, smaller])[:2] == [0, 1]
    assert assign([small, small])[:2] == [0, 1]  # of equal ones, the first


def test_more_objects_than_anchors_of_their_cell_are_given_to_nobody():
    assert assign([around(5, 5, side, side) for side in (2, 3, 4, 8, 20)]) == [2, 3, -1, -1, -1, -1, -1, -1]


def test_the_best_anchor_of_all_grids_is_taken():
    places = list_places(((10, 2, 2, ((4.0, 4.0),)), (20, 1, 1, ((16.0, 16.0),))))
    assert assign([around(5, 5, 15, 15), around(15, 15, 3, 3)], places) == [-1, -1, -1, 1, 0]
    # The second large one finds the coarse grid taken, and falls back to the fine one.
    assert assign([around(5, 5, 16, 16), around(15, 15, 15, 15)], places) == [-1, -1, -1, 1, 0]


@pytest.mark.parametrize(
    "row",
    [PADDING, (0, 0, 8, 8, -1), (5, 5, 5, 9, 0), (9, 9, 3, 3, 0), around(-5, 5, 4, 4), around(25, 5, 4, 4)],
    ids=["padding", "padding with a box", "no area", "swapped corners", "left of the picture", "right of it"],
)
def test_what_is_no_object_of_the_picture_is_given_to_nobody(row):
    assert assign([row]) == [-1] * 8
    boxes = np.tile(np.float32([0, 0, 9, 9]), (8, 1))
    outputs = np.hstack([boxes, np.zeros((8, 2)), np.concatenate(SMALL, axis=-1)]).astype("float32")
    objects, quality = assign_by_alignment(np.float32([[row]]), split_predictions(tf.constant(outputs[np.newaxis])))
    assert np.asarray(objects).tolist() == [[-1] * 8]
    assert not np.asarray(quality).any()


MANY_ANCHORS = ((16, 6, 4, tuple((8.0 + 4 * i, 40.0 - 3 * i) for i in range(7))), GRIDS[1])  # ten of a place


@pytest.mark.parametrize("crowded", [False, True], ids=["spread", "crowded"])
@pytest.mark.parametrize("count", [1, 12, 60])
@pytest.mark.parametrize("grids", [GRIDS, GRIDS[:1], MANY_ANCHORS], ids=["two grids", "one grid", "many anchors"])
def test_assignment_by_anchor_is_that_of_a_naive_loop(grids, count, crowded):
    places = list_places(grids)
    rows = np.stack([draw_rows(seed, count, crowded=crowded) for seed in range(4)])
    expected = [assign_by_anchor_naively(each, places) for each in rows]
    np.testing.assert_array_equal(assign_by_anchor(rows, places), [objects for objects, *_ in expected])
    if count == 60 and crowded:
        assert any(moved for _, moved, _ in expected) or len(grids) == 1
        assert all(left_out for *_, left_out in expected)


def test_assignment_by_anchor_in_a_graph_of_unknown_sizes():
    function = tf.function(assign_by_anchor, input_signature=[tf.TensorSpec((None, None, 5)), tf_places()])
    for count in (1, 20):
        rows, places = np.stack([draw_rows(seed, count) for seed in range(2)]), list_places()
        np.testing.assert_array_equal(function(rows, Places(*map(tf.constant, places))), assign_by_anchor(rows, places))


def tf_places():
    return Places(*(tf.TensorSpec((None, width)) for width in (2, 1, 2)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 15, 60])
def test_objects_come_back_from_the_predictions_that_answer_for_them(form, count):
    places = list_places()
    for seed in range(5):
        rows = draw_rows(seed, count)
        objects = np.asarray(assign_by_anchor(rows[np.newaxis], places))[0]
        answering = objects >= 0
        taken = objects[answering]
        offsets = encode_boxes(rows[np.maximum(objects, 0), :4], places, form=form)
        boxes = np.asarray(decode_offsets(offsets, places, form=form))[answering]
        np.testing.assert_allclose(boxes, rows[taken, :4], atol=1e-3)
        # Each object once, but for those whose cells have more objects than anchors.
        left_out = assign_by_anchor_naively(rows, places)[2]
        assert len(set(taken)) == len(taken) == (rows[:, 4] >= 0).sum() - left_out
        assert not left_out or count == 60


@pytest.mark.parametrize("crowded", [False, True], ids=["spread", "crowded"])
@pytest.mark.parametrize("count", [1, 6, 30])
def test_assignment_by_alignment_is_that_of_a_naive_loop(count, crowded):
    places = list_places()
    rows = np.stack([draw_rows(seed, count, crowded=crowded) for seed in range(3)])
    outputs = draw_predictions(1, places, batch_size=3)
    objects, quality = assign_by_alignment(rows, split_predictions(tf.constant(outputs)))
    expected = [
        assign_by_alignment_naively(each, found[:, :4], found[:, 4], found[:, 5:-5], places)
        for each, found in zip(rows, outputs, strict=True)
    ]
    np.testing.assert_array_equal(objects, [each for each, _ in expected])
    np.testing.assert_allclose(quality, [each for _, each in expected], rtol=1e-3, atol=1e-30)
    assert np.asarray(objects).max() >= 0 or count == 1


def test_ten_predictions_answer_and_the_best_of_them_should_say_its_iou():
    # Twelve anchors of the only cell; the boxes differ from the object in their width, the first ones least.
    places = list_places(((20, 1, 1, ((9.0, 9.0),) * 12),))
    boxes = [(0, 0, 18 - number, 20) for number in range(12)]
    outputs = np.hstack([boxes, np.full((12, 2), 3.0), np.concatenate(places, axis=-1)]).astype("float32")
    objects, quality = assign_by_alignment(
        np.float32([[PADDING, (0, 0, 20, 20, 0)]]), split_predictions(tf.constant(outputs[np.newaxis]))
    )
    assert np.asarray(objects)[0].tolist() == [1] * 10 + [-1] * 2
    ious = np.array([compute_iou((0, 0, 20, 20), box) for box in boxes])
    expected = np.where(np.arange(12) < 10, (ious / 0.9) ** 6 * 0.9, 0)
    np.testing.assert_allclose(np.asarray(quality)[0], expected, rtol=1e-4)


def test_a_hardly_overlapping_prediction_should_say_so():
    # IoU^6 alone is 10^-14 here.
    outputs = np.hstack([[[0, 0, 20, 0.1]], np.full((1, 2), -3.0), [[0, 0, 20, 9, 9]]]).astype("float32")
    objects, quality = assign_by_alignment(
        np.float32([[(0, 0, 20, 20, 0)]]), split_predictions(tf.constant(outputs[np.newaxis]))
    )
    assert np.asarray(objects).tolist() == [[0]]
    np.testing.assert_allclose(quality, [[0.005]], rtol=1e-4)


def test_a_prediction_that_two_objects_want_answers_for_the_one_it_overlaps_most():
    outputs = np.hstack([[[0, 0, 20, 14]], np.zeros((1, 2)), [[0, 0, 20, 9, 9]]]).astype("float32")
    predictions = split_predictions(tf.constant(outputs[np.newaxis]))
    rows = np.float32([[(0, 0, 20, 20, 0), (0, 0, 20, 15, 0)]])
    assert np.asarray(assign_by_alignment(rows, predictions)[0]).tolist() == [[1]]
    assert np.asarray(assign_by_alignment(rows[:, ::-1], predictions)[0]).tolist() == [[0]]
