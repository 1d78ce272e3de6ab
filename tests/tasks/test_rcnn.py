"""R-CNN: planted objects, boxes that are corrected by hand-made heads, and suppression class by class."""

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn.ops import exact_pairwise_iou, warp_regions
from kerascnn.tasks import ClassificationTask, RegionHeads, classification, rcnn
from kerascnn.tasks.region_heads import Linear
from kerascnn.tasks.region_network import REGIONS_A_BATCH, region_network, run_regions
from tests.tasks.test_sliding_window import color_task, plant

RED, GREEN = 0, 1  # channels
SIZE = (48, 64)
RED_BOX, GREEN_BOX, NOTHING = (8, 8, 24, 32), (40, 4, 60, 20), (30, 30, 46, 46)


@pytest.fixture(scope="module")
def task():
    """Regions are red or green where nearly all of their 12 x 12 pixels are; the background is the second class."""
    return color_task(12)


@pytest.fixture(scope="module")
def image():
    return plant(SIZE, (RED, *RED_BOX), (GREEN, *GREEN_BOX))


def heads_of(task, *, svms=None, shift=None):
    """Heads with a bias only: margins of each class, and deltas of each class."""
    network = region_network(task)
    count = len(task.classes) - 1
    features, maps = (network.output[name].shape[1] for name in ("features", "map"))
    return RegionHeads(
        None if svms is None else Linear(np.zeros((features, count), np.float32), np.float32(svms)),
        None if shift is None else Linear(np.zeros((maps, 4 * count), np.float32), np.float32(shift).reshape(-1)),
    )


def test_planted_objects_are_found_where_they_were_proposed(task, image):
    detector = rcnn(task, context=0)
    found = detector.detect(image, np.float32([NOTHING, GREEN_BOX, RED_BOX]))
    assert found.classes == ("red", "green")
    assert dict(zip(found.class_names, map(tuple, found.boxes.tolist()), strict=True)) == {
        "red": RED_BOX,
        "green": GREEN_BOX,
    }
    assert found.scores.min() > 0.6
    assert (found.boxes.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int32)


@pytest.mark.parametrize("proposals", [np.zeros((0, 4)), np.zeros((5, 4)), np.float32([NOTHING])])
def test_nothing_is_found_where_nothing_is_proposed(task, image, proposals):
    found = rcnn(task, context=2).detect(image, proposals)
    assert found.boxes.shape == (0, 4) and found.scores.shape == found.class_ids.shape == (0,)


def test_padding_changes_nothing(task, image):
    proposals = np.float32([RED_BOX, (0, 0, 0, 0), GREEN_BOX, (9, 9, 9, 30)])
    padded, plain = (rcnn(task, context=2).detect(image, each) for each in (proposals, proposals[[0, 2]]))
    np.testing.assert_array_equal(padded.rows, plain.rows)


def test_what_proposes_is_asked_where_no_proposals_are_given(task, image):
    detector = rcnn(task, propose=lambda given: [RED_BOX] if given is image else [], context=0)
    assert detector.detect(image).boxes.tolist() == [list(RED_BOX)]
    assert len(detector.detect(image, np.zeros((0, 4)))) == 0
    with pytest.raises(ValueError, match="give proposals"):
        rcnn(task, context=0).detect(image)


@pytest.mark.parametrize("count", [1, REGIONS_A_BATCH, REGIONS_A_BATCH + 1])
def test_regions_go_through_the_network_in_batches(count):
    task = classification("lenet5", ["background", "a", "b"], image_size=(32, 32))
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    corners = np.random.default_rng(1).uniform(0, 30, (count, 2))
    boxes = np.concatenate([corners, corners + np.random.default_rng(2).uniform(5, 30, (count, 2))], axis=1)
    outputs = run_regions(region_network(task), image, boxes, context=3)
    expected = keras.ops.softmax(task.model(warp_regions(image, boxes, (32, 32), context=3)))
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    kernel, bias = task.model.layers[-1].get_weights()
    np.testing.assert_allclose(keras.ops.softmax(outputs["features"] @ kernel + bias), expected, atol=1e-5)


def test_boxes_are_corrected_for_each_class_by_itself(task, image):
    # A red region moves right by a quarter of its width, a green one becomes twice as high; both stay in the picture.
    heads = heads_of(task, shift=[[0.25, 0, 0, 0], [0, 0, 0, np.log(2)]])
    found = rcnn(task, heads=heads, context=0).detect(image, np.float32([RED_BOX, GREEN_BOX]))
    boxes = dict(zip(found.class_names, found.boxes.tolist(), strict=True))
    np.testing.assert_allclose(boxes["red"], (12, 8, 28, 32), atol=1e-4)
    np.testing.assert_allclose(boxes["green"], (40, 0, 60, 28), atol=1e-4)  # -4..28, cut


def test_margins_become_scores_in_their_order(task, image):
    detector = rcnn(task, heads=heads_of(task, svms=[2.0, -1.0]), context=0)
    found = detector.detect(image, np.float32([RED_BOX, NOTHING]))
    assert found.class_names == ["red", "red", "green", "green"]
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-2, -2, 1, 1])), rtol=1e-5)
    strict = rcnn(task, heads=heads_of(task, svms=[2.0, -1.0]), context=0, score_threshold=0.5)
    assert strict.detect(image, np.float32([RED_BOX])).class_names == ["red"]
    extreme = rcnn(task, heads=heads_of(task, svms=[1e4, -1e4]), context=0)
    assert extreme.detect(image, np.float32([RED_BOX])).scores.tolist() == [1.0]


def naive_suppression(boxes, scores, iou_threshold, score_threshold):
    """Go through the boxes of each class, the surest first."""
    rows = []
    for class_id in range(scores.shape[1]):
        kept = []
        for index in np.argsort(-scores[:, class_id], kind="stable"):
            if scores[index, class_id] <= score_threshold:
                continue
            own = boxes[index, class_id]
            if all(exact_pairwise_iou([own], [boxes[other, class_id]])[0, 0] <= iou_threshold for other in kept):
                kept.append(index)
        rows += [(*boxes[index, class_id], scores[index, class_id], class_id) for index in kept]
    return sorted(rows, key=lambda row: -row[4])


@pytest.mark.parametrize("count", [1, 7, 150])
def test_suppression_is_that_of_a_loop_class_by_class(task, count):
    rng = np.random.default_rng(count)
    corners = rng.uniform(0, 40, (count, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(5, 20, (count, 2, 2)).astype(np.float32)], axis=-1)
    scores = rng.uniform(0, 1, (count, 2)).astype(np.float32)
    detector = rcnn(task, iou_threshold=0.3, score_threshold=0.2, context=0)
    expected = naive_suppression(boxes, scores, 0.3, 0.2)
    np.testing.assert_allclose(detector._suppress(boxes, scores).rows, np.reshape(expected, (-1, 6)), rtol=1e-6)
    few = rcnn(task, iou_threshold=0.3, score_threshold=0.2, context=0, max_detections=3)
    np.testing.assert_allclose(few._suppress(boxes, scores).rows, np.reshape(expected[:3], (-1, 6)), rtol=1e-6)


def test_a_picture_with_floats_and_an_odd_size(task):
    image = plant((31, 45), (RED, 5, 5, 20, 22)).astype(np.float32)
    found = rcnn(task, context=0).detect(image, np.float32([(5, 5, 20, 22), (-10, -10, 99, 99)]))
    assert found.boxes.tolist() == [[5, 5, 20, 22]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "blue"}, "Received: background='blue'"),
        ({"score_threshold": 1.1}, "Received: score_threshold=1.1"),
        ({"iou_threshold": -1}, "Received: iou_threshold=-1"),
        ({"context": 6}, "Received: context=6"),
        ({"context": -1}, "Received: context=-1"),
        ({"heads": RegionHeads(svms=Linear(np.zeros((4, 2)), np.zeros(2)))}, "svms must have"),
        ({"heads": RegionHeads(regressors=Linear(np.zeros((432, 2)), np.zeros(2)))}, "regressors must have"),
    ],
)
def test_what_does_not_fit_is_refused(task, options, message):
    with pytest.raises(ValueError, match=message):
        rcnn(task, **{"context": 0} | options)


@pytest.mark.parametrize(
    ("image", "proposals", "message"),
    [
        (np.zeros((8, 8)), np.zeros((0, 4)), "image must"),
        (np.zeros((8, 8, 1)), np.zeros((0, 4)), "image must"),
        (np.zeros((8, 8, 3)), np.zeros(4), "proposals must"),
        (np.zeros((8, 8, 3)), np.zeros((2, 5)), "proposals must"),
    ],
)
def test_wrong_shapes_are_refused(task, image, proposals, message):
    with pytest.raises(ValueError, match=message):
        rcnn(task, context=0).detect(image, proposals)


def test_a_network_that_does_not_end_in_a_dense_layer_is_refused():
    inputs = layers.Input((8, 8, 3))
    pooled = layers.Activation("linear", name="end")(layers.GlobalAveragePooling2D()(inputs))
    with pytest.raises(ValueError, match="ends in end, a Activation"):
        rcnn(ClassificationTask(keras.Model(inputs, pooled), ("background", "a", "b")), context=0)
    flat = layers.Input((6,))
    with pytest.raises(ValueError, match="has none"):
        rcnn(ClassificationTask(keras.Model(flat, layers.Dense(3)(flat)), ("background", "a", "b")), context=0)
