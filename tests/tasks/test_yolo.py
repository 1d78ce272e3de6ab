"""The task of finding objects with YOLO: what it is made of, stored as and refuses; four pictures learned by heart."""

import json

import keras
import numpy as np
import pytest

from kerascnn.metrics.average_precision import AveragePrecision
from kerascnn.ops import find_anchors
from kerascnn.tasks import YoloTask, detection, load_task

CLASSES = ("red", "blue")
COLORS = ((230, 40, 40), (40, 60, 230))
ANCHORS = (((8.0, 8.0), (12.0, 20.0)), ((30.0, 30.0),))
SIZE = (32, 64)
SMALL = {"image_size": SIZE, "strides": (16, 32), "alpha": 0.35, "filters": 8}
METRICS = {"ap", "box_loss", "objectness_loss", "no_object_loss", "classes_loss"}


@pytest.fixture(scope="module")
def task():
    keras.utils.set_random_seed(0)
    return detection("mobilenet_v2", CLASSES, ANCHORS, **SMALL)


def draw_scenes(size=32, seed=0):
    """Draw four grey pictures with one to three rectangles in the colour of their class, and their rows."""
    rng = np.random.default_rng(seed)
    images, rows = np.full((4, size, size, 3), 110, np.float32), np.full((4, 3, 5), -1, np.float32)
    for image, picture, count in zip(images, rows, (1, 2, 3, 2), strict=True):
        boxes = []
        while len(boxes) < count:
            width, height = rng.integers(7, 16, 2)
            x, y = rng.integers(0, size - width), rng.integers(0, size - height)
            if all(x >= x2 or y >= y2 or x + width <= x1 or y + height <= y1 for x1, y1, x2, y2 in boxes):
                boxes.append((x, y, x + width, y + height))
        for row, (x1, y1, x2, y2) in zip(picture, boxes, strict=False):
            class_id = int(rng.integers(len(CLASSES)))
            image[y1:y2, x1:x2] = COLORS[class_id]
            row[:] = x1, y1, x2, y2, class_id
    return images, rows


@pytest.mark.parametrize(
    ("assignment", "offsets", "steps", "iou_thresholds"),
    [("anchor", "sigmoid", 150, (0.5,)), ("aligned", "linear", 100, (0.5, 0.75, 0.9))],
)
def test_four_pictures_are_learned_by_heart(assignment, offsets, steps, iou_thresholds):
    keras.utils.set_random_seed(0)
    images, rows = draw_scenes()
    anchors, _ = find_anchors((rows[..., 2:4] - rows[..., :2])[rows[..., 4] >= 0], (4,), per_cell=2)
    options = {"strides": (4,), "filters": 32, "separable": False, "offsets": offsets}
    loss_options = {"assignment": assignment}
    task = detection("resnet20", CLASSES, anchors, image_size=(32, 32), loss_options=loss_options, **options)
    for layer in task.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # its statistics would be the first pictures' after so few steps
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    # The metrics would take as long to trace as the training takes, and so would the compiler.
    task.model.compile(keras.optimizers.Adam(rate), task.loss, jit_compile=False)
    task.model.fit(images, rows, epochs=steps, batch_size=4, verbose=0)
    metric = AveragePrecision(len(CLASSES), iou_thresholds)
    metric.update_state(rows, task.model(images, training=False))
    assert float(metric.result()) == 1


def test_two_calls_and_plain_keras_trains(task):
    fresh = detection("mobilenet_v2", CLASSES, ANCHORS, **SMALL, loss_options={"assignment": "aligned"})
    images, rows = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)), np.full((2, 1, 5), -1, np.float32)
    rows[0] = 5, 5, 25, 20, 1
    fresh.compile(run_eagerly=True)  # tracing takes longer than one step
    history = fresh.model.fit(images, rows, validation_data=(images, np.zeros((2, 0, 5))), verbose=0).history
    assert set(history) == {"loss", "val_loss"} | METRICS | {f"val_{name}" for name in METRICS}
    terms = [history[f"{term}_loss"][0] for term in ("box", "objectness", "no_object", "classes")]
    assert history["loss"][0] == pytest.approx(sum(terms), rel=1e-4)
    assert history["val_box_loss"] == history["val_classes_loss"] == [0]
    assert fresh.monitor in history


def test_targets_are_the_rows_of_all_objects(task):
    assert task.targets({"objects": "rows", "label": 3}) == "rows"
    assert (task.annotation, task.image_size, task.classes) == ("boxes", SIZE, CLASSES)
    assert (task.architecture, task.options["anchors"], task.options["strides"]) == ("mobilenet_v2", ANCHORS, (16, 32))


def test_a_stored_network_is_the_task_again(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    again = load_task(tmp_path / "model.keras", YoloTask.name, CLASSES)
    images = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype("float32")
    np.testing.assert_array_equal(*(each.model.predict_on_batch(images) for each in (task, again)))
    assert isinstance(again, YoloTask) and (again.architecture, again.image_size) == ("mobilenet_v2", SIZE)
    with pytest.raises(ValueError, match=r"must give predictions \(B, N, 13\) for 3 classes"):
        load_task(tmp_path / "model.keras", YoloTask.name, ("a", "b", "c"))


def test_the_head_of_a_run_for_other_classes_starts_anew(task, tmp_path):
    task.model.save(tmp_path / "model.keras")
    (tmp_path / "card.json").write_text(json.dumps({"classes": CLASSES}))
    same = detection("mobilenet_v2", CLASSES, ANCHORS, weights=tmp_path, **SMALL)
    others = detection("mobilenet_v2", ("cars", "vans"), ANCHORS, weights=tmp_path, **SMALL)
    assert "classes_stride16" in same.weights_report.loaded
    assert "Conv1" in others.weights_report.loaded
    assert not {"classes_stride16", "path_stride32"} & set(others.weights_report.loaded)
    np.testing.assert_array_equal(same.model.get_weights()[-2], task.model.get_weights()[-2])


def test_weights_of_a_classifier_are_those_of_the_body(task, tmp_path):
    body = keras.Model(task.model.input, task.model.get_layer("stride32").output)
    body.save(tmp_path / "model.keras")
    again = detection("mobilenet_v2", ("x",), ANCHORS, weights=tmp_path / "model.keras", **SMALL)
    for name in ("Conv1", "stride32"):
        for found, expected in zip(
            again.model.get_layer(name).get_weights(), task.model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ()}, "at least 1"),
        ({"classes": ("a", "a")}, "different"),
        ({"loss_options": {"assignment": "best"}}, "'best'"),
        ({"loss_options": {"smoothing": 0.1}}, r"YoloLoss has the options assignment, .*Received: smoothing=0\.1"),
        ({"loss_options": {"label_smoothing": "much"}}, "Received: label_smoothing='much'"),
        ({"architecture": "lenet6"}, "lenet6"),
        ({"image_size": (33, 64)}, "33 x 64"),
        ({"anchors": ANCHORS[:1]}, "one list for each of the strides"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        detection(**{"architecture": "mobilenet_v2", "classes": CLASSES, "anchors": ANCHORS} | SMALL | arguments)
