"""The loss of YOLO's first version, against the sums of the paper's equation 3 written out as loops."""

import keras
import numpy as np
import pytest

from kerascnn.architectures import yolo_v1
from kerascnn.losses import YoloV1Loss
from kerascnn.ops import decode_yolo_v1, encode_yolo_v1, iou

SIZE = (60, 90)  # height, width
GRID, BOXES, CLASSES = 3, 2, 4
PADDING = (-1.0, -1, -1, -1, -1)
STEPS = 300


def losses(rows, outputs, *, size=SIZE, num_classes=CLASSES, boxes=BOXES, **options):
    loss = YoloV1Loss(size, num_classes, boxes, reduction=None, **options)
    return keras.ops.convert_to_numpy(loss(np.float32(rows), np.float32(outputs)))


def overlap(a, b):
    """Compute the IoU of two boxes of x, y, w, h."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a, b
    width = min(ax + aw / 2, bx + bw / 2) - max(ax - aw / 2, bx - bw / 2)
    height = min(ay + ah / 2, by + bh / 2) - max(ay - ah / 2, by - bh / 2)
    intersection = max(width, 0) * max(height, 0)
    return intersection / (aw * ah + bw * bh - intersection) if intersection else 0.0


def cell_loss(outputs, truth, row, column, grid, boxes, coordinate_weight=5.0, no_object_weight=0.5):
    """Compute the terms of one cell, whose truth is x, y, w, h as shares of the picture, and the class; or None."""
    predicted, classes = outputs[: 5 * boxes].reshape(boxes, 5), outputs[5 * boxes :]
    if truth is None:
        return np.array([0, 0, no_object_weight * sum(box[4] ** 2 for box in predicted), 0])
    x, y, w, h, class_id = truth
    ious, errors = [], []
    for box in predicted:
        ious.append(overlap(((column + box[0]) / grid, (row + box[1]) / grid, box[2] ** 2, box[3] ** 2), (x, y, w, h)))
        wanted = [x * grid - column, y * grid - row, w**0.5, h**0.5]
        errors.append(sum((one - other) ** 2 for one, other in zip(wanted, box[:4], strict=True)))
    best = int(np.argmax(ious)) if max(ious) > 0 else int(np.argmin(errors))
    confidence = (ious[best] - predicted[best, 4]) ** 2
    others = no_object_weight * sum(box[4] ** 2 for number, box in enumerate(predicted) if number != best)
    wrong = sum((float(number == class_id) - found) ** 2 for number, found in enumerate(classes))
    return np.array([coordinate_weight * errors[best], confidence, others, wrong])


def naive_terms(rows, outputs, size, boxes, **weights):
    """Compute the terms of one picture, box, objectness, no object and classes, cell by cell."""
    grid, (height, width) = len(outputs), size
    truths = {}
    for x1, y1, x2, y2, class_id in rows:
        x, y = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        cell = min(int(y * grid), grid - 1), min(int(x * grid), grid - 1)
        if class_id >= 0 and cell not in truths:
            truths[cell] = x, y, (x2 - x1) / width, (y2 - y1) / height, class_id
    cells = np.ndindex(grid, grid)
    return sum(cell_loss(outputs[cell], truths.get(cell), *cell, grid, boxes, **weights) for cell in cells)


def draw(size, grid, boxes, num_classes, seed):
    """Draw rows and outputs of four pictures: of many objects, the largest first, of two, of one, and of none."""
    rng = np.random.default_rng(seed)
    extent = np.float64([size[1], size[0]])
    corners = np.sort(rng.uniform(0, 1, (4, 12, 2, 2)), axis=2) * extent
    order = np.argsort(-np.prod(corners[:, :, 1] - corners[:, :, 0], -1), axis=1)
    boxes_of = np.take_along_axis(corners.reshape(4, 12, 4), order[..., np.newaxis], axis=1)
    class_ids = rng.integers(0, num_classes, (4, 12))
    class_ids[np.arange(12) >= np.array([[12], [2], [1], [0]])] = -1
    rows = np.concatenate([boxes_of, class_ids[..., np.newaxis]], axis=-1)
    return rows, rng.normal(0.4, 0.4, (4, grid, grid, 5 * boxes + num_classes))


@pytest.mark.parametrize(
    ("size", "grid", "boxes", "num_classes", "weights"),
    [
        ((448, 448), 7, 2, 20, {}),
        (SIZE, 3, 3, 4, {"coordinate_weight": 2.0, "no_object_weight": 0.1}),
        ((31, 97), 5, 1, 1, {"coordinate_weight": 0.0}),
        ((40, 20), 1, 2, 3, {"no_object_weight": 0.0}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_is_the_sum_over_cells_and_boxes_of_the_paper(size, grid, boxes, num_classes, weights, seed):
    rows, outputs = draw(size, grid, boxes, num_classes, seed)
    found = losses(rows, outputs, size=size, boxes=boxes, num_classes=num_classes, **weights)
    expected = np.array([naive_terms(*picture, size, boxes, **weights) for picture in zip(rows, outputs, strict=True)])
    np.testing.assert_allclose(found, expected.sum(axis=-1), rtol=1e-4)
    terms = YoloV1Loss(size, num_classes, boxes, **weights).terms(np.float32(rows), np.float32(outputs))
    np.testing.assert_allclose(np.stack(terms, axis=-1), expected, rtol=1e-4, atol=1e-5)


def test_boxes_that_overlap_nothing_are_responsible_by_their_distance():
    rows = [[(0.0, 0, 9, 6, 2)]]  # in the first cell: x 0.15, y 0.15, w 0.1, h 0.1
    outputs = np.zeros((1, GRID, GRID, 5 * BOXES + CLASSES))
    outputs[0, 0, 0, :4] = 5.0, 5.0, 0.1, 0.1
    outputs[0, 0, 0, 5:9] = 3.0, 3.0, 0.1, 0.1
    sizes = 2 * (np.sqrt(0.1) - 0.1) ** 2
    assert losses(rows, outputs)[0] == pytest.approx(5 * (2 * 2.85**2 + sizes) + 1, rel=1e-5)  # 1 for the class


def test_right_outputs_cost_nothing():
    rows, _ = draw(SIZE, GRID, 1, CLASSES, seed=0)
    right = keras.ops.convert_to_numpy(encode_yolo_v1(np.float32(rows), GRID, SIZE, CLASSES))
    np.testing.assert_allclose(losses(rows, right, boxes=1), 0, atol=1e-5)
    # A second box is to be unsure, whatever else it says.
    second = np.concatenate([right[..., :5], np.full((4, GRID, GRID, 4), 0.01), np.zeros((4, GRID, GRID, 1))], -1)
    np.testing.assert_allclose(losses(rows, np.concatenate([second, right[..., 5:]], -1)), 0, atol=1e-5)


def test_without_objects_only_confidences_count():
    outputs = np.random.default_rng(0).normal(0, 1, (2, GRID, GRID, 5 * BOXES + CLASSES))
    expected = 0.5 * np.square(outputs[..., [4, 9]]).sum((1, 2, 3))
    for rows in (np.zeros((2, 0, 5)), [[PADDING] * 3] * 2):
        np.testing.assert_allclose(losses(rows, outputs), expected, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, -0.3])
def test_gradients_are_finite_where_boxes_have_no_area(value):
    shape = (GRID, GRID, 5 * BOXES + CLASSES)
    x = inputs = keras.Input((1,))
    x = keras.layers.Dense(int(np.prod(shape)), bias_initializer=keras.initializers.Constant(value))(x)
    model = keras.Model(inputs, keras.layers.Reshape(shape)(x))
    model.compile(keras.optimizers.SGD(1e-2), YoloV1Loss(SIZE, CLASSES, BOXES))
    rows = np.float32([[(10, 10, 50, 30, 1), (20, 40, 20, 40, 0), PADDING]])  # the second is a point
    nothing = np.zeros((1, 1), "float32")
    first = float(model.train_on_batch(nothing, rows))
    assert first == pytest.approx(losses(rows, np.full((1, *shape), value))[0], rel=1e-5)
    assert np.isfinite(model.predict(nothing, verbose=0)).all()
    assert float(model.train_on_batch(nothing, rows)) < first


def test_one_batch_is_learnt():
    keras.utils.set_random_seed(0)
    size = (48, 64)
    rows = np.full((4, 3, 5), -1, "float32")
    rows[0, 0] = 4, 6, 34, 30, 0
    rows[1, :2] = (30, 20, 62, 46, 1), (2, 2, 18, 12, 0)
    rows[2, 0] = 20, 3, 40, 45, 1
    images = np.full((4, *size, 3), 90, "float32")  # the last one is empty
    for picture, number in np.argwhere(rows[..., 4] >= 0):
        x1, y1, x2, y2, class_id = rows[picture, number].astype(int)
        images[picture, y1:y2, x1:x2] = (250, 20, 20) if class_id else (20, 20, 250)
    model = yolo_v1("lenet5", (*size, 3), 2, grid=3, filters=16, hidden_units=64, dropout=0.0)
    model.compile(keras.optimizers.Adam(2e-3), YoloV1Loss(size, 2))
    model.fit(np.tile(images, (STEPS, 1, 1, 1)), np.tile(rows, (STEPS, 1, 1)), batch_size=4, shuffle=False, verbose=0)

    boxes, scores = map(keras.ops.convert_to_numpy, decode_yolo_v1(model.predict(images, verbose=0), size, 2))
    for picture in range(4):
        wanted = rows[picture][rows[picture, :, 4] >= 0]
        found, class_ids = np.nonzero(scores[picture] > 0.5)
        assert sorted(class_ids) == sorted(wanted[:, 4])
        for row in wanted:
            same = boxes[picture, found[class_ids == row[4]]]
            assert max(map(float, iou(same, row[np.newaxis, :4]))) > 0.8


def test_it_can_be_stored():
    loss = YoloV1Loss(SIZE, CLASSES, 3, coordinate_weight=2.0, no_object_weight=0.1, reduction=None)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    rows, outputs = draw(SIZE, GRID, 3, CLASSES, seed=0)
    arrays = np.float32(rows), np.float32(outputs)
    np.testing.assert_array_equal(again(*arrays), loss(*arrays))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes=0"),
        ({"boxes": 0}, "boxes=0"),
        ({"coordinate_weight": -1.0}, "coordinate_weight=-1.0"),
        ({"no_object_weight": -1.0}, "no_object_weight=-1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        YoloV1Loss(SIZE, **{"num_classes": 2} | options)


@pytest.mark.parametrize(
    ("rows", "outputs", "message"),
    [
        ((2, 5), (2, 3, 3, 14), r"\(B, M, 5\)"),
        ((2, 1, 4), (2, 3, 3, 14), r"\(B, M, 5\)"),
        ((2, 1, 5), (2, 9, 14), r"\(B, S, S, 5 boxes"),
        ((2, 1, 5), (2, 3, 4, 14), r"\(B, S, S, 5 boxes"),
        ((2, 1, 5), (2, 3, 3, 15), r"\(B, S, S, 14\), for 2 boxes and 4 classes"),
    ],
)
def test_other_shapes_are_refused(rows, outputs, message):
    with pytest.raises(ValueError, match=message):
        losses(np.zeros(rows), np.zeros(outputs))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_terms_of_outputs_in_half_precision_are_finite(dtype):
    rows = np.float32([[[0, 0, 448, 448, 1], [10, 10, 300, 400, 0]]])  # areas that float16 does not hold
    outputs = keras.ops.cast(np.random.default_rng(0).uniform(0.2, 0.9, (1, GRID, GRID, 5 * BOXES + 2)), dtype)
    loss = YoloV1Loss((448, 448), 2, BOXES)
    for found, expected in zip(
        loss.terms(rows, outputs), loss.terms(rows, keras.ops.cast(outputs, "float32")), strict=True
    ):
        assert float(found[0]) == float(expected[0]) > 0
