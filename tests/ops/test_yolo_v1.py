"""Cells of YOLO's first version, by hand and by the round trip of rows to cells and back."""

import keras
import numpy as np
import pytest

from kerascnn.ops import corners_from_cells, decode_yolo_v1, encode_yolo_v1, split_yolo_v1

SIZE = (60, 90)  # height, width: cells of a 3 x 3 grid have 20 x 30 pixels
PADDING = (-1.0, -1, -1, -1, -1)


def encode(rows, *, grid=3, size=SIZE, num_classes=2):
    return keras.ops.convert_to_numpy(encode_yolo_v1(np.float32(rows), grid, size, num_classes))


def decode(outputs, *, size=SIZE, boxes=1):
    return map(keras.ops.convert_to_numpy, decode_yolo_v1(np.float32(outputs), size, boxes))


def test_the_cell_of_its_centre_says_what_an_object_is():
    # The centre (45, 28) lies in the column 1, half way, and in the row 1, 8 of 20 pixels down.
    encoded = encode([[(42.75, 20.5, 47.25, 35.5, 1)]])
    expected = np.zeros((1, 3, 3, 7))
    expected[0, 1, 1] = [0.5, 0.4, np.sqrt(4.5 / 90), np.sqrt(15 / 60), 1, 0, 1]
    np.testing.assert_allclose(encoded, expected, atol=1e-6)


def test_of_several_objects_of_a_cell_the_first_counts():
    rows = [[(30, 20, 60, 40, 0), (35, 25, 45, 35, 1), (0, 0, 8, 8, 1), PADDING], [PADDING] * 4]
    encoded = encode(rows)
    np.testing.assert_allclose(encoded[0, 1, 1], [0.5, 0.5, np.sqrt(1 / 3), np.sqrt(1 / 3), 1, 1, 0], rtol=1e-6)
    np.testing.assert_array_equal(encoded[..., 4].sum((1, 2)), [2, 0])
    np.testing.assert_array_equal(encoded[1], 0)


def test_objects_on_the_edge_and_beyond_count_in_the_nearest_cell():
    rows = [[(80, 50, 100, 70, 0), (-20, -5, 10, 5, 1)]]  # centres (90, 60), the picture's corner, and (-5, 0)
    encoded = encode(rows)
    np.testing.assert_allclose(encoded[0, 2, 2, :2], [1, 1])
    np.testing.assert_allclose(encoded[0, 0, 0, :2], [-5 / 30, 0], atol=1e-7)


@pytest.mark.parametrize(("grid", "size"), [(7, (448, 448)), (5, (97, 33)), (1, (10, 11))])
def test_rows_come_back_from_their_cells(grid, size):
    rng = np.random.default_rng(0)
    cells = rng.permuted(np.tile(np.arange(grid * grid), (3, 1)), axis=1)[:, :4]  # no two objects of a cell
    centers = (np.stack([cells % grid, cells // grid], -1) + rng.uniform(0.01, 0.99, (*cells.shape, 2))) / grid
    sides = rng.uniform(0.01, 1, centers.shape)
    boxes = np.concatenate([centers - sides / 2, centers + sides / 2], -1) * np.float32([size[::-1] * 2])
    class_ids = rng.integers(0, 3, cells.shape)
    class_ids[1:, 2:] = -1  # pictures with fewer objects
    rows = np.concatenate([boxes, class_ids[..., np.newaxis]], -1)

    found, scores = decode(encode(rows, grid=grid, size=size, num_classes=3), size=size)
    assert (found.shape, scores.shape) == ((3, grid * grid, 4), (3, grid * grid, 3))
    for picture, cell in np.argwhere(class_ids >= 0):
        place = cells[picture, cell]
        np.testing.assert_allclose(found[picture, place], boxes[picture, cell], atol=1e-4 * max(size))
        assert scores[picture, place].tolist() == np.eye(3)[class_ids[picture, cell]].tolist()
    np.testing.assert_array_equal((scores > 0).sum((1, 2)), (class_ids >= 0).sum(1))


def test_scores_are_the_products_of_confidences_and_classes():
    outputs = np.zeros((2, 3, 3, 12))
    outputs[0, 2, 0] = [0.5, 0.5, 1, 1, 0.8, 0.25, 1, 0.5, 0.5, 0.4, 0.6, 0.3]
    boxes, scores = decode(outputs, boxes=2)
    assert (boxes.shape, scores.shape) == ((2, 18, 4), (2, 18, 2))
    # The row 2, the column 0: the cell 6, whose centre is (15, 50) and whose upper left corner (0, 40).
    np.testing.assert_allclose(boxes[0, 12:14], [[-30, 20, 60, 80], [-3.75, 52.5, 18.75, 67.5]], rtol=1e-5)
    np.testing.assert_allclose(scores[0, 12:14], [[0.48, 0.24], [0.24, 0.12]], rtol=1e-6)
    assert np.count_nonzero(scores) == 4


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(-0.5, [0, 0]), (1.5, [0, 1])],  # no product of two negative numbers
)
def test_scores_stay_in_zero_to_one(confidence, expected):
    _, scores = decode(np.reshape([0.5, 0.5, 1, 1, confidence, -0.5, 2.0], (1, 1, 1, 7)))
    assert scores.tolist() == [[expected]]


def test_root_of_either_sign_is_the_same_side():
    cells = np.float32([[[[[0.5, 0.5, 0.5, -0.5]]]]])
    np.testing.assert_allclose(corners_from_cells(cells, (40, 80)), [[[[[30, 15, 50, 25]]]]])


def test_outputs_are_split_into_boxes_confidences_and_classes():
    outputs = np.arange(2 * 3 * 3 * 13, dtype="float32").reshape(2, 3, 3, 13)
    cells, confidences, classes = map(keras.ops.convert_to_numpy, split_yolo_v1(outputs, 2))
    np.testing.assert_array_equal(cells[1, 2, 0], [outputs[1, 2, 0, :4], outputs[1, 2, 0, 5:9]])
    np.testing.assert_array_equal(confidences, outputs[..., [4, 9]])
    np.testing.assert_array_equal(classes, outputs[..., 10:])


def test_there_may_be_no_objects_and_no_pictures():
    np.testing.assert_array_equal(encode(np.zeros((2, 0, 5))), np.zeros((2, 3, 3, 7)))
    assert encode(np.zeros((0, 2, 5))).shape == (0, 3, 3, 7)
    assert [each.shape for each in decode(np.zeros((0, 3, 3, 7)))] == [(0, 9, 4), (0, 9, 2)]


def test_rows_of_integers_are_taken():
    rows = [[(30, 20, 60, 40, 1)]]
    found = encode_yolo_v1(np.int32(rows), 3, SIZE, 2)
    np.testing.assert_array_equal(found, encode(rows))


@pytest.mark.parametrize("shape", [(2, 5), (2, 1, 4), (5,)])
def test_other_rows_are_refused(shape):
    with pytest.raises(ValueError, match=r"rows must be \(B, M, 5\)"):
        encode(np.zeros(shape))


@pytest.mark.parametrize(("shape", "boxes"), [((2, 9, 7), 1), ((2, 3, 4, 7), 1), ((2, 3, 3, 10), 2), ((2, 3, 3, 7), 0)])
def test_other_outputs_are_refused(shape, boxes):
    with pytest.raises(ValueError, match=r"\(B, S, S, 5 boxes \+ C\)"):
        decode(np.zeros(shape), boxes=boxes)
